from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from repdyn.config import study as studies
from repdyn.data import datasets, subsets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.stages import train as train_stage
from repdyn.training import measured

CPU = torch.device("cpu")
ADVICE = "list layers under `change_layers`, or set `change.examples: 0`"


@pytest.fixture
def short(config):
    config["training"] |= {"epochs": 2, "evaluations_per_decade": 3}
    config["change"] = {"examples": 30}
    return config


def network(study, arch):
    return architectures.build(study.archs[arch], datasets.inputs(study.data), 10, seed=0)


def inputs_of(meter):
    return meter._inputs


def meter_of(study, arch="vit", optimizer="sgd", seed=0):
    run = study.run(arch, optimizer, seed)
    examples = subsets.load(study.data, Path(study.execution.data_root), seed)
    return examples, measured.meter(study, run, network(study, arch), examples, CPU)


def test_layers_to_observe_after_training_are_no_setting_of_it_and_those_of_change_are(make_job, short):
    made_with = make_job("train", short, "vit").made_with("train")
    short["archs"]["vit"]["layers"] = ["norm"]
    short["activations"]["similarity_examples"] = 30
    assert make_job("train", short, "vit").made_with("train") == made_with
    short["archs"]["vit"]["change_layers"] = ["blocks.*"]
    job = make_job("train", short, "vit")
    assert job.made_with("train") != made_with
    assert list(measured.layers(job.study, "vit", job.data)) == ["blocks.0", "blocks.1"]


def test_without_known_layers_nothing_is_measured_and_it_is_said(make_job, short, monkeypatch, caplog):
    monkeypatch.setattr("repdyn.models.observed_layers._by_default", lambda _: {})
    job = make_job("train", short, "vit")
    train_stage.main(job)
    assert pd.read_parquet(job.paths.change(job.run.path)).empty
    assert "list layers under `change_layers`, or set `change.examples: 0`" in caplog.text


def test_layers_that_nobody_named_and_that_cannot_be_measured_are_no_reason_to_refuse_a_study(make_job, short, caplog):
    short["archs"]["vit"] |= {"layers": ["norm"], "batch_dimension": 1}
    job = make_job("train", short, "vit")
    train_stage.main(job)
    assert pd.read_parquet(job.paths.change(job.run.path)).empty
    assert "vit: the change of its layers is not measured while it trains (" in caplog.text
    short["archs"]["vit"]["change_layers"] = ["norm"]
    with pytest.raises(RepdynError, match=r"To go on, list layers under `change_layers`, or set `change.examples: 0`"):
        train_stage.main(make_job("train", short | {"name": "named"}, "vit"))


def test_all_runs_are_measured_on_the_same_inputs_of_those_that_none_trains_on(short):
    study = studies.parse(short)
    examples, meter = meter_of(study)
    inputs = inputs_of(meter)
    common = examples.common.inputs[np.arange(len(examples.common))]
    rows = [int(np.flatnonzero((common == image).all(axis=(1, 2, 3)))[0]) for image in inputs.numpy()]
    assert rows == sorted(np.random.default_rng([study.data.seed, 8]).permutation(40)[:30])
    for other in (meter_of(study, "resnet")[1], meter_of(study, optimizer="adam", seed=1)[1]):
        assert torch.equal(inputs_of(other), inputs)
    short["data"]["seed"] = 5
    assert not torch.equal(inputs_of(meter_of(studies.parse(short))[1]), inputs)


def test_more_inputs_than_there_are_is_all_of_them(short):
    short["change"]["examples"] = 1000
    examples, meter = meter_of(studies.parse(short))
    assert len(inputs_of(meter)) == len(examples.common) == 40


def test_nothing_is_measured_where_nothing_is_asked_for(short):
    short["change"]["examples"] = 0
    short["archs"]["vit"]["change_layers"] = ["norm"]
    study = studies.parse(short)
    examples, meter = meter_of(study)
    assert meter is None
    assert measured.why_not(study, "vit", study.data, network(study, "vit"), torch.zeros(2, 1, 8, 8)) is None
    assert len(examples.common) == 40


def test_whether_a_network_can_be_measured_is_tried_on_two_inputs_and_leaves_it_as_it_was(short):
    study = studies.parse(short)
    for arch in study.archs:
        model, sizes = network(study, arch), []
        before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
        model.register_forward_hook(lambda _module, inputs, _output, sizes=sizes: sizes.append(len(inputs[0])))
        assert measured.why_not(study, arch, study.data, model, torch.rand(30, 1, 8, 8)) is None
        assert set(sizes) == {2}
        assert model.training
        assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_what_is_reduced_is_what_is_compared(short):
    """The mean of a token's features over all tokens has fewer numbers, and another similarity."""
    found = []
    for reduction in ({}, {"tokens": "mean"}):
        study = studies.parse(short | {"change": {"examples": 30, "reduction": reduction}})
        model, inputs = network(study, "vit"), torch.rand(30, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        meter = measured.of_inputs(study, "vit", study.data, model, inputs)
        meter.measure(0, 0.0)
        with torch.no_grad():
            for weight in model.parameters():
                weight.mul_(1.5).add_(0.1)
        found.append({row.layer: row.cka for row in meter.measure(1, 1.0)})
    assert found[0].keys() == found[1].keys() == {"patch_embed", "blocks.0", "blocks.1", "norm"}
    assert found[0]["blocks.0"] != pytest.approx(found[1]["blocks.0"], abs=1e-6)


def test_a_layer_to_measure_that_is_not_there_is_named(short):
    short["archs"]["vit"]["change_layers"] = ["block.*"]
    study = studies.parse(short)
    with pytest.raises(RepdynError, match=r"no module is called `block\.\*`"):
        measured.layers(study, "vit", study.data)
    with pytest.raises(RepdynError, match=rf"no module is called `block\.\*`.* To go on, {ADVICE}\.$"):
        measured.why_not(study, "vit", study.data, network(study, "vit"), torch.zeros(2, 1, 8, 8))
