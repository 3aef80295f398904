import itertools

import numpy as np
import pandas as pd
import pytest
from found_claims import OPTIMIZERS, SCORE, SETTINGS, facts, find, grid, of_optimizers, row, tables

from repdyn.analysis import claim_tests
from repdyn.analysis.claim_tests import ClaimTests
from repdyn.analysis.pairing import Comparison
from repdyn.catalogue import claims
from repdyn.catalogue.events import EVENTS
from repdyn.catalogue.scores import SCORES
from repdyn.config.study import Run


def test_an_effect_in_every_seed_is_supported_at_the_level_that_has_it_and_as_an_interaction():
    findings, _, _ = tables(find(grid({"resnet": 0.0, "vit": 1.0}, seeds=8)))
    vit, resnet = (row(findings, **of_optimizers(arch)) for arch in ("vit", "resnet"))
    assert vit["estimate"] == pytest.approx(1, abs=0.15) and vit["ci_low"] < vit["estimate"] < vit["ci_high"]
    assert (vit["n_pairs"], vit["n_seeds"], vit["decision"], vit["verdict"]) == (8, 8, "supported", "supported")
    assert (resnet["decision"], resnet["reason"]) == ("undecided", None)
    interaction = row(findings, **of_optimizers("vit", "resnet"))
    assert interaction["estimate"] == pytest.approx(vit["estimate"] - resnet["estimate"])
    assert (interaction["n_pairs"], interaction["n_seeds"], interaction["decision"]) == (16, 8, "supported")
    assert interaction["contrast"] == "optimizer: sgd − adam, arch: vit − resnet"


def test_opposite_differences_do_not_cancel():
    findings, _, _ = tables(find(grid({"resnet": -1.0, "vit": 1.0}, seeds=8)))
    assert row(findings, **of_optimizers("vit"))["decision"] == "supported"
    assert row(findings, **of_optimizers("resnet"))["decision"] == "contradicted"
    assert not findings[findings["factor"] == "optimizer"]["level"].isna().any(), "nothing is pooled"


def test_architectures_are_compared_under_each_family_of_optimizers():
    findings, pairs, _ = tables(find(grid({"resnet": 0.0, "vit": 1.0}, seeds=8)))
    sgd = row(findings, factor="arch", first="vit", second="resnet", level="sgd")
    assert sgd["estimate"] == pytest.approx(1, abs=0.15)
    made_of = pairs[(pairs["factor"] == "arch") & (pairs["level"] == "sgd")]
    assert set(made_of["optimizer_first"]) == set(made_of["optimizer_second"]) == {"sgd"}


def test_five_seeds_decide_nothing_and_the_reason_says_so():
    findings, _, _ = tables(find(grid({"resnet": 1.0, "vit": 1.0}, seeds=5)))
    vit = row(findings, **of_optimizers("vit"))
    assert (vit["decision"], vit["reason"]) == ("undecided", "too few seeds, 5 of the 6 that p = 0.05 takes")
    assert vit["verdict"] == f"undecided: {vit['reason']}"
    assert pd.isna(vit["p_adjusted"]) and pd.isna(vit["ci_low"]) and vit["p_value"] == 2 / 2**5


def test_only_the_primary_score_and_measure_decide_and_the_others_have_q():
    findings, _, _ = tables(find(grid({"resnet": 1.0, "vit": 1.0}, seeds=8)))
    exploratory = row(findings, **of_optimizers("vit"), measure="regions:test")
    assert not exploratory["primary"] and exploratory["decision"] is None and exploratory["verdict"] == "exploratory"
    assert pd.notna(exploratory["q_value"]) and pd.isna(exploratory["p_adjusted"])
    primary = findings[findings["primary"].astype(bool)]
    assert primary["q_value"].isna().all()
    of_score = primary.dropna(subset=["score"]).drop_duplicates(["claim", "measure", "score"])
    assert len(of_score) == of_score["claim"].nunique(), "one score and measure for each claim"
    unadjusted = row(findings, **of_optimizers("vit"))
    assert unadjusted["p_adjusted"] >= unadjusted["p_value"]


def test_of_studies_without_effect_one_in_twenty_has_a_decision_about_levels():
    hits = []
    for seed in range(60):
        random = np.random.default_rng(seed)
        parts = [grid({"resnet": 0.0, "vit": 0.0}, seeds=8, score=score) for score in (SCORE, "change_memorization")]
        frame = pd.concat(parts, ignore_index=True)
        frame = frame[frame["measure"] == "cka"].assign(value=lambda frame, r=random: r.normal(size=len(frame)))
        found = find(frame)
        assert sum(f.primary and f.p_adjusted is not None for f in found) == 10, "two claims, five comparisons"
        hits.append(any((f.p_adjusted or 1) <= 0.05 for f in found if f.primary))
    assert np.mean(hits) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 60)


def test_a_run_without_a_score_is_named_with_the_event_that_did_not_happen_and_so_is_its_partner():
    missing = ("vit", "adam", 1)
    frame = grid({"vit": 1.0}, seeds=7, missing={missing}, score="change_memorization")
    of_runs = facts(frame)
    lost = (of_runs[["arch", "optimizer", "seed"]] == list(missing)).all(axis=1)
    of_runs.loc[lost, "perfect_fit_sustained"] = np.nan
    findings, _, left_out = tables(find(frame, [OPTIMIZERS], of_runs))
    vit = row(findings, claims.CHANGE.name, score="change_memorization", **of_optimizers("vit"))
    assert (vit["n_pairs"], vit["n_seeds"], vit["n_left_out"]) == (6, 6, 2)
    of_row = left_out[(left_out["claim"] == claims.CHANGE.name) & (left_out["factor"] == "optimizer")]
    reasons = of_row.set_index("optimizer")["reason"].to_dict()
    label = EVENTS["perfect_fit_sustained"].label
    assert reasons == {"adam": f"did not happen: {label}", "sgd": "has no partner with a value"}
    assert set(of_row["seed"]) == {1}


def test_a_score_that_is_undefined_for_another_reason_says_that():
    frame = grid({"vit": 1.0}, seeds=7, missing={("vit", "sgd", 0)})
    _, _, left_out = tables(find(frame, [OPTIMIZERS]))
    of_row = left_out[(left_out["claim"] == claims.PHASES.name) & (left_out["optimizer"] == "sgd")]
    assert of_row["reason"].tolist() == ["score is undefined"]


def test_synchrony_of_a_cell_is_decided_by_its_permutations_and_may_be_at_three_seeds():
    frame = grid({"vit": 0.0}, seeds=3, score="synchrony_beyond")
    p = {("vit", "sgd", "", "cka", "synchrony_beyond"): 0.001, ("vit", "adam", "", "cka", "synchrony_beyond"): 0.3}
    findings, _, _ = tables(find(frame.assign(value=0.4), [OPTIMIZERS], synchrony_p=p))
    of = {"factor": "arch", "first": "vit", "score": "synchrony_beyond"}
    sgd, adam = (row(findings, claims.SYNCHRONY.name, level=name, **of) for name in ("sgd", "adam"))
    assert (sgd["decision"], sgd["p_value"], sgd["p_adjusted"]) == ("supported", 0.001, 0.002)
    assert (adam["decision"], adam["p_adjusted"], adam["reason"]) == ("undecided", 0.3, None)
    without = tables(find(frame, [OPTIMIZERS]))[0]
    assert row(without, claims.SYNCHRONY.name, level="sgd", **of)["decision"] == "undecided"


def test_latent_generalization_is_that_of_the_deeper_half_of_the_body_and_needs_no_measure():
    rows = (
        [("stem", 0, "stem", 9.0)]
        + [(f"block{i}", i, "body", i / 10) for i in range(1, 5)]
        + [("norm", 5, "head", 9.0)]
    )
    frame = pd.DataFrame(rows, columns=["layer", "depth", "part", "value"])
    frame = frame.assign(measure=None, score="latent_generalization")
    found = claim_tests.values({Run("vit", "sgd", 0): frame})
    assert found["value"].tolist() == [pytest.approx(0.35)]
    runs = pd.concat([found.assign(seed=seed, value=0.2 + seed / 100) for seed in range(6)], ignore_index=True)
    findings, _, _ = tables(find(runs, []))
    (of_cell,) = findings[findings["claim"] == claims.LATENT.name].to_dict("records")
    assert (of_cell["measure"], of_cell["decision"], of_cell["n_seeds"]) == (None, "supported", 6)


def sweep(seeds=6):
    """SGD and Adam at two rates each: Adam seems less, but at the rate that fits as fast it is equal."""
    speed = {"sgd-slow": 80, "sgd-fast": 20, "adam-slow": 75, "adam-slowest": 300}
    accuracy = {"sgd-slow": 0.8, "sgd-fast": 0.9, "adam-slow": 0.7, "adam-slowest": 0.85}
    rows = [
        ("vit", optimizer, seed, "cka", SCORE, 1 / np.round(epochs, -1) + 1e-6 * seed)
        for optimizer, epochs in speed.items()
        for seed in range(seeds)
    ]
    frame = pd.DataFrame(rows, columns=["arch", "optimizer", "seed", "measure", "score", "value"])
    of_runs = facts(frame)
    of_runs = of_runs.assign(
        perfect_fit_first=of_runs["optimizer"].map(speed), test_accuracy_best=of_runs["optimizer"].map(accuracy)
    )
    return frame, of_runs, {name: name.split("-")[0] for name in speed}


def test_of_a_sweep_the_comparison_at_equal_speed_of_fit_decides_and_the_rates_are_named():
    frame, of_runs, families = sweep()
    rates = {("vit", "sgd-slow"): 0.01, ("vit", "adam-slow"): 1e-3}
    findings, _, _ = tables(find(frame, [OPTIMIZERS], of_runs, families, rates))
    plain, equal, best = (
        row(findings, **of_optimizers("vit", matching=name)) for name in (None, "equal_speed", "best_accuracy")
    )
    assert [found["primary"] for found in (plain, equal, best)] == [False, True, False]
    assert equal["contrast"] == "optimizer: sgd − adam, arch: vit, at equal speed of fit"
    assert equal["estimate"] == pytest.approx(0)
    assert equal["compared"] == "vit: sgd-slow 0.01 − adam-slow 0.001"
    assert best["compared"] == "vit: sgd-fast − adam-slowest"
    assert best["estimate"] == pytest.approx(1 / 20 - 1 / 300)
    assert plain["n_pairs"] == 4 * 6 and plain["n_seeds"] == 6
    assert set(findings[findings["claim"] == claims.SYNCHRONY.name]["level"]) == set(families), "cells are of one rate"


@pytest.mark.parametrize("shuffled", [None, 0, 1, 2])
def test_a_layers_score_is_the_mean_over_the_body_in_whatever_order_rows_stand(shuffled):
    frame = pd.DataFrame(
        {
            "layer": ["stem", "a", "b", "norm", None, None],
            "depth": [0, 1, 2, 3, None, None],
            "part": ["stem", "body", "body", "head", None, None],
            "measure": ["cka"] * 5 + [None],
            "score": ["novelty"] * 4 + ["synchrony", "perfect_fit_first"],
            "value": [9.0, 1.0, 2.0, 9.0, 0.5, 30.0],
        }
    )
    if shuffled is not None:
        frame = frame.sample(frac=1, random_state=shuffled)
    found = claim_tests.values({Run("vit", "sgd", 0): frame}).set_index("score")["value"]
    assert found.to_dict() == {"novelty": 1.5, "synchrony": 0.5}
    of_run = claim_tests.facts({Run("vit", "sgd", 0): frame}).iloc[0]
    assert of_run["perfect_fit_first"] == 30 and pd.isna(of_run["memorization_onset"])


def test_an_unknown_measure_is_refused():
    with pytest.raises(KeyError, match="similarity"):
        find(grid({"vit": 1.0}).assign(measure="similarity"))


def test_no_pair_at_all_has_no_estimate_and_is_undecided():
    missing = set(itertools.product(("vit",), ("adam",), range(6)))
    findings, _, _ = tables(find(grid({"vit": 1.0}, missing=missing)))
    vit = row(findings, **of_optimizers("vit"))
    assert pd.isna(vit["estimate"]) and pd.isna(vit["p_value"])
    assert (vit["n_pairs"], vit["n_seeds"], vit["n_left_out"], vit["decision"]) == (0, 0, 12, "undecided")


def test_q_values_are_benjamini_and_hochbergs_over_the_exploratory_rows():
    found = find(grid({"resnet": 0.0, "vit": 0.5}, noise=1.0))
    rows = [finding for finding in found if finding.q_value is not None]
    p = np.array([finding.tested["p_value"] for finding in rows])
    order = np.argsort(p)
    raised = p[order] * len(p) / np.arange(1, len(p) + 1)
    expected = np.empty(len(p))
    expected[order] = np.minimum.accumulate(raised[::-1])[::-1]
    np.testing.assert_allclose([finding.q_value for finding in rows], expected)


def test_a_comparison_of_an_unknown_score_is_refused():
    frame = grid({"vit": 1.0}, seeds=6)
    tests = ClaimTests(frame, facts(frame), {"sgd": "sgd", "adam": "adam"}, SETTINGS)
    unknown = claims.Claim(name="x", test="levels", primary=("cka", "loudness"), null="silence")
    finding = next(tests.compare(unknown, Comparison("optimizer", "sgd", "adam", "vit")))
    finding.reason, finding.p_adjusted, finding.tested["estimate"] = None, 0.01, 1.0
    with pytest.raises(KeyError, match="loudness"):
        finding.row(0.95)
    assert "loudness" not in SCORES
