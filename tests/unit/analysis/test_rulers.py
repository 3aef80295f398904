import numpy as np
import pandas as pd
from found_claims import SCORE, SETTINGS, find, grid, of_optimizers, row, tables

from repdyn.analysis import claim_tests, rulers
from repdyn.catalogue.claims import CONTRADICTED, SUPPORTED


def study(effects, seeds=6):
    """A study in which each measure has an effect of its own: SGD ahead of Adam by that much, in one architecture."""
    frame = grid({"vit": 0.0}, seeds=seeds, measures=tuple(effects))
    effect = frame["measure"].map(effects)
    return frame.assign(value=frame["value"] + np.where(frame["optimizer"] == "sgd", effect, 0.0))


def primary(frame):
    findings, _, _ = tables(find(frame))
    return row(findings, **of_optimizers("vit"))


def test_the_measures_under_which_a_supported_claim_holds_are_counted_and_the_others_named():
    found = primary(study({"cka": 1.0, "rsa": 1.0, "knn": -1.0, "subspace": 0.0}))
    assert (found["decision"], found["holds_under"], found["holds_of"]) == (SUPPORTED, 2, 4)
    assert found["holds_not"] == "k-NN; subspaces"
    assert found["holds"] == "holds under 2 of 4 measures (not k-NN; subspaces)"


def test_the_fewer_measures_are_named_and_all_are_if_none_is_left_out():
    few = primary(study({"cka": 1.0, "rsa": 0.0, "knn": 0.0, "subspace": -1.0}))
    assert few["holds"] == "holds under 1 of 4 measures (only CKA)"
    every = primary(study({"cka": 1.0, "rsa": 1.0}))
    assert every["holds"] == "holds under all 2 measures"


def test_a_contradicted_claim_says_under_which_measures_it_is_contradicted():
    found = primary(study({"cka": -1.0, "rsa": -1.0, "knn": 1.0}))
    assert found["decision"] == CONTRADICTED
    assert found["holds"] == "contradicted under 2 of 3 measures (not k-NN)"


def test_exploratory_rows_and_rows_that_cannot_be_decided_say_nothing():
    findings, _, _ = tables(find(study({"cka": 1.0, "rsa": 1.0})))
    assert findings[~findings["primary"].astype(bool)]["holds"].isna().all()
    assert primary(study({"cka": 1.0, "rsa": 1.0}, seeds=5))["holds"] is None
    untested = findings[findings["reason"].notna()]
    assert len(untested) and untested["holds_of"].isna().all()


def test_a_measure_without_a_p_value_is_not_counted():
    found = primary(study({"cka": 1.0, "rsa": np.nan}))
    assert found["holds"] == "holds under the one measure of the study"


def test_a_score_without_a_measure_has_none_to_hold_under():
    claim = claim_tests.Finding(
        claim=None, measure=None, score=SCORE, comparison=None, primary=True, found=None, tested={}
    )
    assert rulers.holds(claim, SUPPORTED, [], 0.95) is None


def test_under_a_measure_that_knows_nothing_a_claim_holds_in_one_study_of_forty():
    random, count, studies = np.random.default_rng(0), 0, 400
    for _ in range(studies):
        differences = random.normal(size=6)
        tested = claim_tests.test(pd.Series(differences), SETTINGS)
        row = claim_tests.Finding(
            claim=None, measure="knn", score=SCORE, comparison=None, primary=False, found=None, tested=tested
        )
        cka = claim_tests.Finding(
            claim=None, measure="cka", score=SCORE, comparison=None, primary=True, found=None,
            tested={"p_value": 0.03, "estimate": 1.0},
        )  # fmt: skip
        count += len(rulers.holds(cka, SUPPORTED, [row], 0.95).under) - 1
    assert count / studies <= 0.04
