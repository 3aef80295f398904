"""A small form of tests/benchmarks/planted.py: what is planted is dated as the library ships it, and nothing else."""

import copy

import numpy as np
import pandas as pd
import planted
import pytest
import torch

from repdyn.analysis import change_events
from repdyn.config import study as studies
from repdyn.records.events import DATED, DOWN

EPOCHS = 45
AT = {0: 30, 1: 32, 2: 34, 3: 36}  # seed -> epochs after which the rate drops to a tenth


@pytest.fixture(scope="module")
def base():
    """The study of the benchmark with a ViT so small that its runs take seconds."""
    content = studies.load(planted.STUDY).model_dump(mode="json", exclude_unset=True)
    content["archs"] = {"vit": copy.deepcopy(content["archs"]["vit"])}
    content["archs"]["vit"]["kwargs"] |= {"embed_dim": 24, "depth": 2, "num_heads": 2}
    content["optimizers"]["sgd"]["lr"] = 0.03  # at twice that, so small a network has spikes of its own
    content["data"] |= {"train_size": 120, "test_size": 100, "common": 100}
    content["training"]["epochs"] = EPOCHS
    content["change"] = {"examples": 100}
    content["activations"] = {"similarity_examples": 100, "probe_examples": 100}
    content["findings"] = {}
    return content


@pytest.fixture(scope="module")
def runs(base):
    """Seed -> change without intervention, with one, and the states of the run without."""
    found = {}
    for seed, at in AT.items():
        study = planted.study_of(base, seed)
        _, calm, states = planted.trained(study, study.run("vit", "sgd", seed))
        changed = planted.study_of(base, seed, [{"epoch": at, "rate": 0.1}])
        _, stepped, rest = planted.trained(changed, changed.run("vit", "sgd", seed), states[at - 1])
        found[seed] = {"calm": pd.DataFrame(calm), "stepped": pd.DataFrame(stepped), "states": states, "rest": rest}
    return found


def dated(change):
    """Layer and measure -> epochs and signs of its events; all layers and measures are there."""
    events = change_events.of_run(change)
    assert set(events["status"]) <= {DATED, "none"}, "every epoch is evaluated, so that all can be dated"
    found = {key: [] for key in zip(events["layer"], events["measure"], strict=True)}
    for row in events[events["status"] == DATED].itertuples():
        found[row.layer, row.measure].append((row.epoch, row.sign))
    return found


def test_a_drop_of_the_rate_is_dated_in_each_run_that_has_one_and_nothing_in_those_without(runs):
    for seed, at in AT.items():
        assert not any(dated(runs[seed]["calm"]).values()), f"seed {seed}"
        for measure in change_events.MEASURES:
            events = {layer: found for (layer, of), found in dated(runs[seed]["stepped"]).items() if of == measure}
            found = [event for of_layer in events.values() for event in of_layer]
            assert found, f"seed {seed}, {measure}"
            assert all(abs(np.log10(epoch / at)) <= 0.03 and sign == DOWN for epoch, sign in found), (seed, events)


def test_a_branch_from_the_run_without_intervention_is_the_whole_run_with_it_to_the_byte(base, runs):
    seed, at = 0, AT[0]
    study = planted.study_of(base, seed, [{"epoch": at, "rate": 0.1}])
    _, change, states = planted.trained(study, study.run("vit", "sgd", seed))
    assert change == list(runs[seed]["stepped"].itertuples(index=False, name=None))
    branched = [*runs[seed]["states"][:at], *runs[seed]["rest"]]
    assert len(branched) == len(states) == EPOCHS
    for whole, branch in zip(states, branched, strict=True):
        for name, value in whole["model"].items():
            assert torch.equal(value, branch["model"][name]), (whole["step"], name)
