"""Settings of runs that were trained elsewhere: what they are, and what they decide."""

import copy
from typing import Any

import declared
import pytest

from repdyn.config import study as studies
from repdyn.config.recorded_runs import Recorded
from repdyn.errors import RepdynError

FOUND = [{"step": 0, "epoch": 0.0, "file": "a.pt"}, {"step": 8, "epoch": 2.0, "file": "b.pt"}]
RUNS = {f"arch={arch}/optimizer=mine/seed={seed}": FOUND for arch in ("resnet", "vit") for seed in (0, 1)}
SECTION = {"path": "runs/{arch}/{step}.pt", "steps_per_epoch": 4.0, "found": RUNS, "history": {"path": "log.csv"}}
# Another value of each setting that is not one of what was found.
OTHER: dict[str, Any] = {
    "path": "runs/{arch}-{step}.pt",
    "key": "model",
    "strip": "module.",
    "steps_per_epoch": 8.0,
    "offset": 1.0,
    "history": None,
    "history.path": "other.csv",
    "history.columns": {"test_accuracy": "acc"},
}


@pytest.fixture
def mixed(config: dict[str, Any]) -> dict[str, Any]:
    """The tiny study with two optimizers that are trained here and one of runs from elsewhere."""
    config["optimizers"]["mine"] = {"recorded": copy.deepcopy(SECTION), "lr": 0.1, "family": "sgd"}
    return config


def files(study: studies.Study, stage: str) -> dict[str, Any]:
    return {str(run): study.hyperparameters(stage, run) for run in study.runs}


def test_there_is_another_value_for_each_setting():
    there = {path for path in declared.settings(Recorded) if not path.startswith("found")}
    assert {name.replace("*.", "") for name in there} == set(OTHER)


@pytest.mark.parametrize("path", OTHER)
def test_each_setting_decides_the_files_of_its_runs_and_of_no_other(mixed, path):
    before = studies.parse(copy.deepcopy(mixed))
    place, (*way, last) = mixed["optimizers"]["mine"]["recorded"], path.split(".")
    for key in way:
        place = place[key]
    place[last] = OTHER[path]
    after = studies.parse(mixed)
    for stage in ("record", "activations", "phases"):
        old, new = files(before, stage), files(after, stage)
        assert {run for run in old if old[run] != new[run]} == {run for run in old if " mine " in run}
    assert before.hyperparameters("findings") != after.hyperparameters("findings")


def test_what_was_found_of_a_run_decides_its_files_and_no_other_s(mixed):
    before = studies.parse(copy.deepcopy(mixed))
    mixed["optimizers"]["mine"]["recorded"]["found"]["arch=vit/optimizer=mine/seed=1"] = FOUND[:1]
    old, new = files(before, "cka"), files(studies.parse(mixed), "cka")
    assert {run for run in old if old[run] != new[run]} == {"vit mine seed 1"}


def test_settings_of_training_are_none_of_theirs(mixed):
    before = studies.parse(copy.deepcopy(mixed))
    mixed["training"]["batch_size"] = 16
    mixed["checkpoints"] = {"per_decade": 3}
    old, new = files(before, "phases"), files(studies.parse(mixed), "phases")
    assert {run for run in old if old[run] == new[run]} == {run for run in old if " mine " in run}


def test_a_rate_or_family_of_theirs_is_only_said(mixed):
    before = studies.parse(copy.deepcopy(mixed))
    mixed["optimizers"]["mine"] |= {"lr": 0.3, "family": "other"}
    after = studies.parse(mixed)
    assert files(before, "phases") == files(after, "phases")
    assert after.learning_rate(after.run("vit", "mine", 0)) == 0.3


def test_a_path_alone_is_short_for_the_section(mixed):
    mixed["optimizers"]["mine"] = {"recorded": "runs/{arch}-{seed}"}
    recorded = studies.parse(mixed).recorded("mine")
    assert recorded == Recorded(path="runs/{arch}-{seed}")


def test_training_may_be_missing_only_where_nothing_is_trained_here(mixed):
    del mixed["training"]
    with pytest.raises(RepdynError, match="`training` is missing; it has no default, and only recorded runs need none"):
        studies.parse(copy.deepcopy(mixed))
    for name in ("sgd", "adam"):
        del mixed["optimizers"][name]
    study = studies.parse(mixed)
    assert study.trained_optimizers == []
    assert "training" not in study.hyperparameters("findings")


def test_how_to_train_and_where_checkpoints_are_do_not_go_together(mixed):
    mixed["optimizers"]["mine"]["opt"] = "sgd"
    with pytest.raises(RepdynError, match=r"`optimizers.mine` says how to train \(`opt`\) and where .* keep one"):
        studies.parse(mixed)


def test_a_misspelt_setting_is_named(mixed):
    mixed["optimizers"]["mine"]["recorded"]["steps_per_epochs"] = 4
    with pytest.raises(RepdynError, match="did you mean `steps_per_epoch`"):
        studies.parse(mixed)
