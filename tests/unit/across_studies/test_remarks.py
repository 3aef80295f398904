"""What is said of studies that share runs or seeds, and of what cannot be matched."""

import pytest
from found_studies import finding, found, settings

from repdyn.across_studies import agreement, remarks
from repdyn.config.sections import Data, Training

RUNS = 2 * 2 * 6  # of the tiny study with six seeds


def said(*studies):
    return remarks.of(studies, agreement.matched(studies))


def study(name, rows=None, **changes):
    return found(name, rows or [finding()], **changes)


def test_a_study_shares_all_its_runs_with_itself_and_none_with_other_seeds():
    assert len(remarks.runs_of(settings())) == RUNS
    other = study("b", seeds=[6, 7, 8, 9, 10, 11])
    assert remarks.sharing([study("a"), other, study("c")]) == {frozenset("ac"): RUNS}
    assert said(study("a"), other) == []
    assert said(study("a"), study("c")) == [
        f"a and c share {RUNS} runs, by their settings, so they are no replications of each other."
    ]


def test_runs_are_shared_whatever_levels_are_called_and_however_long_they_are_trained(config):
    renamed = {
        "archs": {f"my-{name}": arch for name, arch in config["archs"].items()},
        "optimizers": {"sgd": config["optimizers"]["sgd"]},
        "training": config["training"] | {"epochs": 40},
        "seeds": [5, 6],
    }
    assert remarks.sharing([study("a"), study("b", **renamed)]) == {frozenset("ab"): 2}


@pytest.mark.parametrize("change", [
    {"data": {"dataset": "digits", "train_size": 110, "test_size": 60, "common": 40, "label_noise": 0.2}},
    {"training": {"epochs": 20, "batch_size": 16}},
    {"optimizers": {"sgd": {"opt": "momentum", "lr": 0.01}}},
])  # fmt: skip
def test_runs_of_other_data_training_or_rates_are_others(change):
    assert remarks.sharing([study("a"), study("b", **change)]) == {}


def test_a_rate_for_each_architecture_is_that_of_a_run():
    rates = {"sgd": {"opt": "momentum", "lr": {"resnet": 0.05, "vit": 0.01}}}
    shared = remarks.sharing([study("a"), study("b", optimizers=rates)])
    assert shared == {frozenset("ab"): 6}  # those of the ResNet


def test_studies_that_share_seeds_of_the_same_data_are_not_independent(config):
    clean = {"data": config["data"] | {"label_noise": 0.0}}
    (remark,) = said(study("a"), study("b", **clean))
    assert remark.startswith("a and b share seeds 0 to 5 of the same data: these draw the same examples")
    (remark,) = said(study("a"), study("b", **clean, seeds=[1, 3, 9]))
    assert remark.startswith("a and b share seeds 1, 3 of the same data")
    (remark,) = said(study("a"), study("b", **clean, seeds=[3, 9]))
    assert remark.startswith("a and b share seed 3 of the same data")
    other = {"data": config["data"] | {"label_noise": 0.0, "train_size": 110}}
    assert said(study("a"), study("b", **other)) == []


def test_data_with_names_are_compared_level_by_level():
    one = settings()
    noisy, clean = one["data"], one["data"] | {"label_noise": 0.0}
    both = one | {"data": {"noisy": noisy, "clean": clean}}
    assert len(remarks.runs_of(both)) == 2 * RUNS
    assert remarks.runs_of(both) > remarks.runs_of(one)


def test_recorded_runs_have_no_rates_and_no_training():
    recorded = settings()
    recorded["optimizers"] = {"elsewhere": {"recorded": {"checkpoints": "runs/{arch}-{seed}/{step}.pt"}}}
    del recorded["training"]
    assert len(remarks.runs_of(recorded)) == 2 * 6


def test_settings_that_are_not_part_of_a_run_are_settings():
    assert set(remarks._LENGTH) < set(Training.model_fields)
    assert set(remarks.WRONG_LABELS) < set(Data.model_fields)


APART = {"seeds": [6, 7, 8, 9, 10, 11]}


def test_levels_under_other_names_are_said_not_to_be_matched():
    slow = [finding(first="sgd-slow")]
    (remark,) = said(study("a"), study("b", slow, **APART), study("c", seeds=[20, 21, 22]))
    assert remark == (
        "Comparisons are matched by the names of levels, and not all studies compare the same of optimizer: adam, sgd "
        "in a, c; adam, sgd-slow in b. What has two names is not matched."
    )


def test_optimizers_that_are_matched_otherwise_are_said_to_be_compared_otherwise():
    rows = [finding(matching="equal_speed"), finding(matching="equal_speed", level="resnet")]
    (remark,) = said(study("a", [finding(), finding(level="resnet")]), study("b", rows, **APART))
    assert remark == (
        "Optimizers are compared as they are in a and at equal speed of fit in b; these are different comparisons, in "
        "rows of their own."
    )


def test_other_confidence_and_other_code_are_said():
    (confidence,) = said(study("a"), study("b", **APART, findings={"confidence": 0.9}))
    assert confidence == "Studies decide, and have intervals, at different confidence: 0.95 in a, 0.9 in b."
    (code,) = said(study("a"), study("b", **APART, code="fedc"), study("c", seeds=[20, 21, 22]))
    assert code == (
        "Findings were made by different code, a, c by 0123456789abcdef; b by fedc, so where they differ, the code may "
        "be why."
    )
