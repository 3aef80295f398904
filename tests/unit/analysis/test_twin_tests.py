import numpy as np
import pandas as pd
import pytest
import yaml
from made_of import check_pairs
from running import TINY

from repdyn.analysis import claim_tests, twin_tests, twins
from repdyn.analysis.claim_tests import ClaimTests
from repdyn.catalogue.claims import DESCENT, MEMORIZED
from repdyn.catalogue.events import EVENTS, MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED
from repdyn.catalogue.scores import CHANGE_BEYOND_SHIFTED, CHANGE_BEYOND_TWIN, TREND_BEYOND_SHIFTED
from repdyn.config import study as studies
from repdyn.config.sections import Findings
from repdyn.records.findings import TWINS

SETTINGS = Findings(resamples=500)
WITHOUT = {"n20": "clean"}
SEEDS = range(6)
# By how much a run is ahead of its twin, at each shift of the twin's window; a seed adds a hundredth of its number.
AHEAD = {CHANGE_BEYOND_SHIFTED: [0.5, 0.4, 0.1, 0.3, 0.2], TREND_BEYOND_SHIFTED: [0.2, 0.3, 0.4, 0.5, 0.6]}


def of_twins(arch="vit", data="n20", seeds=SEEDS, measures=("cka", "rsa"), sign=1, missing=()):
    """The table of twins of a cell, without the values of (seed, shift) that are missing."""
    rows = []
    for seed in seeds:
        for measure in measures:
            for score, ahead in AHEAD.items():
                for shift, by in zip(twins.SHIFTS, ahead, strict=True):
                    lost = (seed, shift) in missing
                    run, twin = 1 + sign * (by + seed / 100), np.nan if lost else 1.0
                    row = (arch, "sgd", data, "clean", seed, measure, score, shift, run, twin, run - twin)
                    rows.append((*row, "too short" if lost else None))
    return pd.DataFrame(rows, columns=TWINS.names)


def facts(levels=("n20", "clean"), archs=("vit",), seeds=SEEDS, **events):
    happened = dict.fromkeys(EVENTS, 9.0) | {"test_accuracy_best": 0.9} | events
    rows = [{"arch": arch, "optimizer": "sgd", "data": level, "seed": seed} | happened
            for arch in archs for level in levels for seed in seeds]  # fmt: skip
    return pd.DataFrame(rows)


def find(compared, of_runs=None, without=WITHOUT, mislabelled=True):
    values = twin_tests.values(compared)
    tests = ClaimTests(values, facts() if of_runs is None else of_runs, {"sgd": "sgd"}, SETTINGS)
    return list(twin_tests.of_study(tests, without, compared, mislabelled=mislabelled))


def by(found, claim, measure="cka", score=None, level="n20"):
    wanted = (claim.name, measure, score or claim.primary[1], level)
    (only,) = [f for f in found if (f.claim.name, f.measure, f.score, f.comparison.first) == wanted]
    return only


def test_the_change_of_a_run_is_its_difference_at_the_same_epochs_under_each_measure():
    found = twin_tests.values(of_twins(seeds=[0, 3]))
    assert list(found.columns) == ["arch", "optimizer", "data", "seed", "measure", "score", "value"]
    assert set(found["score"]) == {CHANGE_BEYOND_TWIN}
    assert found.set_index(["measure", "seed"])["value"].to_dict() == pytest.approx(
        {("cka", 0): 0.5, ("rsa", 0): 0.5, ("cka", 3): 0.53, ("rsa", 3): 0.53}
    )
    assert twin_tests.values(of_twins().iloc[:0]).empty


def test_the_claim_of_change_is_decided_at_the_same_epochs_with_a_pair_for_each_seed():
    found = find(of_twins())
    of = by(found, MEMORIZED)
    assert (of.primary, of.flips, of.reason) == (True, True, None)
    assert of.tested["estimate"] == pytest.approx(0.525)
    assert (of.tested["n_seeds"], of.tested["p_value"]) == (6, 2 / 2**6)
    assert of.comparison.columns() == {
        "factor": "data", "first": "n20", "second": "clean", "level": "vit", "level_second": None, "matching": None,
        "other": "arch", "held": "optimizer", "held_level": "sgd",
    }  # fmt: skip
    assert of.found["seed"].tolist() == [*SEEDS]
    assert set(of.found["data_first"]) == {"n20"} and set(of.found["data_second"]) == {"clean"}
    np.testing.assert_allclose(of.found["value_first"], 1.5 + np.arange(6) / 100)
    np.testing.assert_allclose(of.found["value_second"], 1)
    assert of.left_out.empty


def test_at_every_shift_the_largest_p_and_the_pairs_of_the_least_mean_are_those_of_the_finding():
    found = find(of_twins())
    shifted, trend = by(found, MEMORIZED, score=CHANGE_BEYOND_SHIFTED), by(found, DESCENT)
    assert (shifted.primary, shifted.flips, trend.primary, trend.flips) == (False, False, True, False)
    assert shifted.tested["estimate"] == pytest.approx(0.125)
    assert trend.tested["estimate"] == pytest.approx(0.225)
    np.testing.assert_allclose(shifted.found["value_first"], 1.1 + np.arange(6) / 100)
    np.testing.assert_allclose(trend.found["value_first"], 1.2 + np.arange(6) / 100)
    for each in (shifted, trend):
        assert each.tested["p_value"] == 1 / 2**6
        assert each.reason is None


def test_every_measure_is_tested_and_the_estimates_are_those_of_their_pairs():
    found = find(of_twins())
    assert [(f.claim.name, f.measure, f.score, f.primary) for f in found] == [
        (MEMORIZED.name, "cka", CHANGE_BEYOND_TWIN, True),
        (MEMORIZED.name, "rsa", CHANGE_BEYOND_TWIN, False),
        (MEMORIZED.name, "cka", CHANGE_BEYOND_SHIFTED, False),
        (MEMORIZED.name, "rsa", CHANGE_BEYOND_SHIFTED, False),
        (DESCENT.name, "cka", TREND_BEYOND_SHIFTED, True),
        (DESCENT.name, "rsa", TREND_BEYOND_SHIFTED, False),
    ]
    findings, pairs, _ = claim_tests.tables_of(found, SETTINGS.confidence)
    check_pairs(findings, pairs)


def test_a_run_that_changes_less_than_its_twin_supports_nothing():
    found = find(of_twins(sign=-1))
    of, shifted = by(found, MEMORIZED), by(found, MEMORIZED, score=CHANGE_BEYOND_SHIFTED)
    assert of.tested["estimate"] == pytest.approx(-0.525)
    assert of.tested["p_value"] == 2 / 2**6, "two-sided"
    assert shifted.tested["estimate"] == pytest.approx(-0.525), "the least of the means"
    assert shifted.tested["p_value"] == 1


def test_a_seed_that_lacks_a_shift_is_left_out_of_the_test_over_shifts_alone_with_its_twin():
    found = find(of_twins(missing={(4, 0.75)}))
    same, shifted = by(found, MEMORIZED), by(found, DESCENT)
    assert (same.tested["n_seeds"], len(same.left_out), same.reason) == (6, 0, None)
    assert (shifted.tested["n_seeds"], shifted.reason) == (5, None), "five are enough for a test of one side"
    assert shifted.found["seed"].tolist() == [0, 1, 2, 3, 5]
    assert shifted.left_out.to_dict("records") == [
        {"arch": "vit", "optimizer": "sgd", "data": "n20", "seed": 4, "reason": "too short"},
        {"arch": "vit", "optimizer": "sgd", "data": "clean", "seed": 4, "reason": claim_tests.ALONE},
    ]


def test_five_seeds_are_too_few_for_both_sides_and_four_for_one():
    five, four = (find(of_twins(seeds=range(n)), facts(seeds=range(n))) for n in (5, 4))
    assert by(five, MEMORIZED).reason == "too few seeds, 5 of the 6 that p = 0.05 takes"
    assert by(five, DESCENT).reason is None
    assert by(four, DESCENT).reason == "too few seeds, 4 of the 5 that p = 0.05 takes"


def test_without_any_pair_the_reason_is_that_of_the_runs():
    lost = {(seed, shift) for seed in SEEDS for shift in twins.SHIFTS}
    of_runs = facts(**{MEMORIZATION_ONSET: np.nan, PERFECT_FIT_SUSTAINED: np.nan})
    of = by(find(of_twins(missing=lost), of_runs), MEMORIZED)
    words = f"did not happen: {EVENTS[MEMORIZATION_ONSET].label}, {EVENTS[PERFECT_FIT_SUSTAINED].label}"
    assert of.left_out["reason"].value_counts().to_dict() == {words: 6, claim_tests.ALONE: 6}
    assert of.reason == f"no run has the score: {words}"
    assert of.tested["estimate"] is None and of.tested["n_seeds"] == 0
    assert of.found.empty


def test_without_any_pair_the_reason_is_none_of_the_partners_whatever_the_alphabet_says():
    lost = {(seed, shift) for seed in SEEDS for shift in twins.SHIFTS}
    unknown = {MEMORIZATION_ONSET: np.nan, PERFECT_FIT_SUSTAINED: np.nan, "test_accuracy_best": np.nan}
    of = by(find(of_twins(missing=lost), facts(**unknown)), MEMORIZED)
    (words,) = set(of.left_out["reason"]) - {claim_tests.ALONE}
    assert words > claim_tests.ALONE, "later in the alphabet"
    assert of.reason == f"no run has the score: {words}"


def test_a_cell_of_which_nothing_is_compared_says_that_its_score_is_undefined():
    found = find(of_twins(), facts(archs=("vit", "resnet")))
    (resnet,) = [f for f in found if f.claim is DESCENT and f.primary and f.comparison.level == "resnet"]
    assert resnet.found.empty
    assert set(resnet.left_out["reason"]) == {"score is undefined", claim_tests.ALONE}
    assert by([f for f in found if f.comparison.level == "vit"], DESCENT).tested["n_seeds"] == 6


def test_each_cell_with_a_twin_is_tested_by_its_own_rows_and_a_twin_or_other_data_are_not():
    compared = pd.concat([of_twins(), of_twins(data="n40", sign=-1)], ignore_index=True)
    of_runs = facts(levels=("clean", "n40", "n20", "other"))
    found = find(compared, of_runs, WITHOUT | {"n40": "clean"})
    primary = [f for f in found if f.primary]
    assert [(f.claim, f.comparison.first, f.comparison.second) for f in primary] == [
        (claim, level, "clean") for claim in (MEMORIZED, DESCENT) for level in ("n40", "n20")
    ]
    assert by(found, MEMORIZED, level="n20").tested["estimate"] == pytest.approx(0.525)
    assert by(found, MEMORIZED, level="n40").tested["estimate"] == pytest.approx(-0.525)


@pytest.mark.parametrize("mislabelled", [True, False])
def test_a_study_without_twins_has_one_row_for_each_claim_that_says_why(mislabelled):
    found = find(of_twins().iloc[:0], without={}, mislabelled=mislabelled)
    assert [f.claim for f in found] == [MEMORIZED, DESCENT]
    for f in found:
        words = f.claim.obstacle if mislabelled else "no runs with wrong labels"
        assert (f.primary, f.measure, f.score, f.reason) == (True, None, None, f"not testable: {words}")
        assert f.comparison.columns() == dict.fromkeys(f.comparison.columns())
        assert f.tested["n_seeds"] == 0 and f.tested["p_value"] is None
        assert f.decision(SETTINGS.confidence) == "undecided"
    findings, pairs, left_out = claim_tests.tables_of(found, SETTINGS.confidence)
    assert findings["verdict"].str.startswith("undecided: not testable: ").all()
    assert pairs.empty and left_out.empty


def test_a_level_whose_labels_are_wrong_as_they_come_is_no_twin():
    def without(levels):
        content = yaml.safe_load(TINY.read_text(encoding="utf-8")) | {"data": levels, "seeds": [0]}
        return twin_tests.without_wrong_labels(studies.parse(content))

    digits = {"dataset": "digits", "train_size": 300, "test_size": 100}
    assert without({"noisy": digits | {"label_noise": 0.2}, "clean": digits}) == {"noisy": "clean"}
    assert without({"clean": digits, "smaller": digits | {"train_size": 200}}) == {}
    known = {
        "shape": [1, 8, 8], "kind": "images", "dtype": "uint8", "classes": 10, "vocabulary": None, "train": 300,
        "test": 100, "contents": "0" * 16,
    }  # fmt: skip
    for given_labels in (False, True):
        own = {"dataset": "own.npz", "facts": known | {"given_labels": given_labels}}
        twin = {} if given_labels else {"noisy": "as-it-comes"}
        assert without({"noisy": own | {"label_noise": 0.2}, "as-it-comes": own}) == twin
