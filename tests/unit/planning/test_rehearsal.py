"""Networks with one odd thing each: measured as they were trained, or refused before training in one sentence."""

import random
from dataclasses import replace

import numpy as np
import odd_networks
import pytest
import torch
from killing import Killed, kill_at, outputs

from repdyn.catalogue.paths import Paths
from repdyn.config import study
from repdyn.config.sections import Architecture
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.pipeline.jobs import Job
from repdyn.planning import check, layers, model_size
from repdyn.records import layer_names
from repdyn.representations import extract
from repdyn.representations.table import Representations
from repdyn.stages import activations as activations_stage
from repdyn.stages import cka as cka_stage
from repdyn.stages import planes as planes_stage
from repdyn.stages import probes as probes_stage
from repdyn.stages import regions as regions_stage
from repdyn.stages import train as train_stage
from repdyn.storage import tables
from repdyn.training import checkpoints
from repdyn.types import Inputs

MEASURABLE = {
    "RandomFeatures": ["features"],
    "RandomOrder": ["features"],
    "TiedWeights": ["first", "second"],
    "SharedBlock": ["blocks.0"],
    "ManyNames": ["parts", "parts.0", *odd_networks.ManyNames.names],
    "Lazy": ["lazy"],
    "FirstForward": ["features"],
    "Bfloat16": [],
    "Float16": [],
    "Float64": [],
    "ComplexWeights": ["features"],
    "CachedBias": ["features"],
    "Positions": ["features"],
    "OwnDropout": ["features"],
    "Numbers": ["features"],
}
STAGES = [
    (train_stage, "train"),
    (activations_stage, "activations"),
    (cka_stage, "cka"),
    (probes_stage, "probes"),
]


@pytest.fixture
def odd(config, tmp_path):
    """A study of one odd network, checked; a function that gives its jobs."""

    def jobs(network, observed, seed=1, study_name="odd", save_state_seconds=60, **kwargs):
        model = {"model": f"odd_networks:{network}", "kwargs": kwargs, "layers": ["hidden", *observed]}
        config["archs"], config["seeds"] = {"odd": model}, [seed]
        config["name"], config["execution"] = study_name, {"save_state_seconds": save_state_seconds}
        config["training"]["epochs"] = 3
        config["checkpoints"] = {"schedule": "explicit", "epochs": [1, 2, 3]}
        config["activations"] |= {"similarity_examples": config["data"]["test_size"], "dtype": "float32"}
        config["data"]["common"] = config["data"]["test_size"]
        checked = study.parse(config)
        check.main(checked)

        def job(stage):
            run = checked.replicate(seed) if stage == "planes" else checked.run("odd", "sgd", seed)
            return Job(stage, checked, Paths(str(tmp_path / checked.name)), run)

        return job

    return jobs


def measure(job):
    """Run the stages from training to regions."""
    for module, stage in STAGES:
        module.main(job(stage))
    planes_stage.main(job("planes"))
    regions_stage.main(job("regions"))
    return job("regions")


def read(job, name):
    return tables.read(getattr(job.paths, name)(job.run.path)).to_pandas()


def assert_measured_as_trained(job):
    """The head's activations on all test examples give the test accuracy of the history at the same checkpoint."""
    history = read(job, "history").set_index("step")
    table = Representations(job.paths.activations(job.run.path))
    labels = table.examples("similarity")["label"]
    compared = [step for step in table.steps.tolist() if step in history.index]
    assert len(compared) > 2
    for step in compared:
        found = table.read("head", step, "similarity").argmax(axis=1)
        assert (found == labels).mean() == pytest.approx(history.test_accuracy[step], abs=1e-9), f"at step {step}"


@pytest.mark.parametrize(("network", "observed"), MEASURABLE.items(), ids=list(MEASURABLE))
def test_what_is_measured_is_the_network_that_was_trained(odd, network, observed):
    job = measure(odd(network, [*observed, "head"]))
    assert_measured_as_trained(job)
    expected = {"hidden", *observed, "head"}
    if network == "ManyNames":
        expected = expected - {"Norm", "norm (layer)"} | {"Norm (layer)", "norm (layer) (layer)"}
    assert set(read(job, "cka").layer) == expected
    assert set(read(job, "region_similarity").layer) == {*expected, "output"}


@pytest.mark.parametrize(("network", "observed"), MEASURABLE.items(), ids=list(MEASURABLE))
def test_what_a_network_takes_is_known_before_it_is_trained(odd, network, observed):
    checked = odd(network, observed)("train")
    extent = model_size.measure(checked.study, "odd", checked.study.data)
    model, layer_paths = extract.network(checked.study, checked.run, torch.device("cpu"))
    state = model.state_dict().values()
    assert (extent.stored, extent.tensors) == (sum(tensor.nbytes for tensor in state), len(state))
    assert extent.features == dict.fromkeys(layer_paths, 12)


def test_a_second_name_of_a_module_is_refused_with_its_first(odd):
    with pytest.raises(RepdynError, match=r"`blocks.1` is the same module as `blocks.0`; observe that, at its last ca"):
        odd("SharedBlock", ["blocks.1"])


def test_tied_weights_stay_tied(odd):
    job = measure(odd("TiedWeights", MEASURABLE["TiedWeights"]))
    model, _ = extract.network(job.study, job.run, torch.device("cpu"))
    step = max(read(job, "history").step)
    checkpoints.load(job.paths.checkpoint(job.run.path, step), model)
    assert model.first.weight is model.second.weight
    start = architectures.of_run(job.study, job.run, Inputs((1, 8, 8)), 10)
    assert not torch.equal(model.first.weight, start.first.weight)


def test_layers_keep_their_numbers_whatever_they_are_called(odd):
    """Each layer of many names has the activations of its own module."""
    observed = MEASURABLE["ManyNames"]
    job = odd("ManyNames", [*observed, "head"])
    for module, stage in STAGES[:2]:
        module.main(job(stage))
    job = job("activations")
    model, layer_paths = extract.network(job.study, job.run, torch.device("cpu"))
    assert set(layer_paths.values()) == {"hidden", *observed, "head"}
    table = Representations(job.paths.activations(job.run.path))
    step = int(table.steps[-1])
    checkpoints.load(job.paths.checkpoint(job.run.path, step), model)
    x = torch.tensor(table.read("hidden", step, "similarity"))
    with torch.inference_mode():
        x = model.parts(torch.relu(x))
        for layer, path in list(layer_paths.items())[3:-1]:
            x = model.get_submodule(path)(x)
            np.testing.assert_allclose(table.read(layer, step, "similarity"), x, rtol=1e-4, atol=1e-5)
            some = table.read_some(layer, step, "similarity", 2, 5)
            np.testing.assert_array_equal(some, table.read(layer, step, "similarity")[:, 2:5])
            x = torch.tanh(x)


def test_attention_biases_that_a_model_keeps_in_evaluation_are_those_of_the_checkpoint(tmp_path):
    kwargs = {"embed_dims": [8, 16], "depths": [1, 1], "num_heads": [1, 1], "window_sizes": [2, 2]}
    settings = Architecture(model="tiny_vit_5m_224", kwargs=kwargs)
    trained, loaded = (architectures.build(settings, Inputs((3, 32, 32)), 10, seed=0).eval() for _ in range(2))
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        trained.get_parameter("stages.1.blocks.0.attn.attention_biases").normal_()
        different = trained.train().eval()(images)
        assert not torch.equal(loaded(images), different)
    checkpoints.save(tmp_path / "step=0.safetensors", trained, {})
    checkpoints.load(tmp_path / "step=0.safetensors", loaded)
    with torch.no_grad():
        assert torch.equal(loaded(images), different)


@pytest.mark.parametrize("name", [*layer_names.RESERVED, "Label", "OUTPUT"])
def test_a_layer_may_have_any_name_that_tables_reserve(odd, name, capsys):
    job = odd("Called", [name, "head"], name=name)
    for module, stage in STAGES:
        module.main(job(stage))
    called = f"{name} (layer)"
    assert_measured_as_trained(job("activations"))
    assert read(job("cka"), "cka").layer.unique().tolist() == ["hidden", called, "head"]
    assert set(read(job("probes"), "probe_accuracy").layer) == {"hidden", called, "head"}
    layers.main(job("train").study)
    assert f"The module `{name}` is called {called} in tables, which reserve the word `{name.lower()}`." in (
        capsys.readouterr().out
    )


def test_a_layer_called_output_is_told_from_the_network_s_own(odd):
    without = measure(odd("Called", ["head"], name="output"))
    alone = read(without, "region_similarity").set_index(["layer", "planes", "step_a", "step_b"]).similarity
    both = measure(odd("Called", ["output", "head"], name="output"))
    together = read(both, "region_similarity").set_index(["layer", "planes", "step_a", "step_b"]).similarity
    for layer in ("hidden", "head", "output"):
        np.testing.assert_array_equal(together[layer], alone[layer])
    assert not np.array_equal(together["output (layer)"], together["output"])
    for name in ("region_labels", "region_fragmentation", "region_similarity"):
        depths = read(both, name).groupby("layer").depth.unique()
        assert {layer: found.tolist() for layer, found in depths.items()} == {
            "hidden": [0], "output (layer)": [1], "head": [2], "output": [3],
        }  # fmt: skip


def test_no_key_of_a_table_with_layers_as_columns_is_left_unreserved():
    names = extract.layout({"hidden": 3}, set(), "float32", {}).names
    assert {*names, *vars(study.Run("a", "b", 0))} - {"hidden"} <= {*layer_names.RESERVED}


REFUSED = {
    "integer": "`layers`: shown gives numbers of type torch.int64, but only real floating-point numbers can be comp",
    "boolean": "`layers`: shown gives numbers of type torch.bool",
    "complex": "`layers`: shown gives numbers of type torch.complex64",
    "sparse": "`layers`: shown gives a nested or sparse tensor",
    "nested": "`layers`: shown gives a nested or sparse tensor",
    "nothing": r"`layers`: shown gives \(2, 0\) for a batch of 2 images",
    "none": "`layers`: shown gives a NoneType, but only tensors can be observed",
    "infinite": "`layers`: shown gives NaN or infinite numbers in the untrained model",
    "width": "`layers`: activations of shown are 10 numbers an image in a batch of 3, but 5 in a batch of 2",
    "alone": "the model cannot be measured on a batch of one image",
    "batch": "`layers`: activations of shown for an image depend on the other images of its batch",
    "scaled": "`layers`: activations of shown for an image depend on the other images of its batch",
    "NoRunningStatistics": "`layers`: activations of norm for an image depend on the other images of its batch",
    "SometimesCalled": "Layer `features` took no part in a forward pass",
    "OnlyBatches": "the model cannot be measured on a batch of one image: RuntimeError",
    "AlwaysDrops": "the model's logits in evaluation mode are not the same when the same images are shown again",
    "Recurrent": "the model's logits in evaluation mode are not the same when the same images are shown again",
    "OwnChance": "logits are others where the model is built anew and loaded, because of `order`, of which no",
    "OwnAverage": "logits are others where the model is built anew and loaded, because of `average`, of which no",
    "Grows": r"`seen` is a tensor of \(3,\) after an optimizer step, but a tensor of \(0,\) where the model is built",
    "Extra": r"its state holds `_extra_state` \(dict\), but checkpoints hold dense tensors only",
}


@pytest.mark.parametrize(("network", "sentence"), REFUSED.items(), ids=list(REFUSED))
def test_what_cannot_be_measured_is_refused_before_training(odd, network, sentence):
    inner = {"NoRunningStatistics": "norm", "SometimesCalled": "features"}
    with pytest.raises(RepdynError, match=f"^`archs.odd`: .*{sentence}"):
        if network in odd_networks.LOOKS:
            odd("Observes", ["shown"], look=network)
        else:
            odd(network, [inner[network]] if network in inner else [])


def test_building_leaves_all_random_numbers_as_they_were(odd):
    job = odd("RandomOrder", ["features"])("train")
    states = [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002
    one, other = (architectures.of_run(job.study, job.run, Inputs((1, 8, 8)), 10) for _ in range(2))
    assert states == [random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()]  # noqa: NPY002
    assert one.order == other.order
    assert one.training
    assert architectures.of_run(job.study, replace(job.run, seed=5), Inputs((1, 8, 8)), 10).order != one.order


def test_training_that_draws_from_python_and_numpy_goes_on_as_if_it_had_not_stopped(odd, monkeypatch):
    whole = odd("OwnDropout", ["features"])("train")
    random.seed(1)
    train_stage.main(whole)
    again = odd("OwnDropout", ["features"], study_name="again", save_state_seconds=0)("train")
    for step in (5, 9):
        random.seed(step)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, step)
            train_stage.main(again)
    train_stage.main(again)
    assert outputs(again)[0] == outputs(whole)[0]


def test_a_layer_that_a_batch_leaves_out_does_not_get_the_numbers_of_the_batch_before():
    model = odd_networks.SometimesCalled(1, 10, 8).eval()
    images = np.zeros((513, 1, 8, 8), dtype=np.float32)  # a batch, and one image alone
    with pytest.raises(RepdynError, match="Layer `features` took no part in a forward pass"):
        extract.forward(model, {"features": "features"}, images, torch.device("cpu"))


def test_a_layer_whose_width_changes_in_a_later_batch_is_named():
    model = odd_networks.Observes(1, 10, 8, look="width").eval()
    images = np.zeros((513, 1, 8, 8), dtype=np.float32)
    with pytest.raises(RepdynError, match=r"Layer `shown` gives \(1, 5\) numbers for a batch of 1 inputs, but must"):
        extract.forward(model, {"shown": "shown"}, images, torch.device("cpu"))


def observing(config, network, *observed):
    config["archs"] = {"odd": {"model": f"odd_networks:{network}", "layers": ["hidden", *observed]}}
    return study.parse(config)


def test_a_layer_that_is_observed_twice_is_said(config, caplog, capsys):
    twice = observing(config, "SameLayerTwice", "block", "pool")
    sentence = "block and pool give the same numbers for every image: they are one layer, observed 2 times"
    check.main(twice)
    assert f"`archs.odd`: {sentence}" in caplog.text
    layers.main(twice)
    assert f"\n  {sentence}.\n" in capsys.readouterr().out


def test_layers_that_are_the_same_at_initialisation_alone_are_not_said_to_be_one(config, caplog, capsys):
    at_first = observing(config, "SameAtFirst", "block", "pool", "nothing", "nothing_else")
    check.main(at_first)
    layers.main(at_first)
    assert "one layer" not in caplog.text + capsys.readouterr().out
