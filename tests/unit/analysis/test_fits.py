"""Findings about perfect fit, from runs whose stop of change is planted."""

import itertools

import numpy as np
import pandas as pd
import pytest
from made_of import check_pairs

from repdyn.analysis import claim_tests, fits
from repdyn.catalogue import claims
from repdyn.catalogue.events import EVENTS
from repdyn.config.sections import Findings

FITS = {"slow": 100.0, "middling": 40.0, "fast": 20.0, "fastest": 10.0}


def found(stop, seeds=6, levels=FITS):
    """The findings of a study whose runs stop to change at ``stop(fit)``, give or take a few percent."""
    random = np.random.default_rng(0)
    runs = pd.DataFrame(itertools.product(["vit"], levels, range(seeds)), columns=["arch", "optimizer", "seed"])
    fit = runs["optimizer"].map(levels) * 10 ** random.normal(0, 0.03, len(runs))
    of_runs = runs.assign(**dict.fromkeys(EVENTS, 5.0), test_accuracy_best=0.9).assign(perfect_fit_sustained=fit)
    moment = np.array([stop(value) for value in fit]) * 10 ** random.normal(0, 0.03, len(runs))
    frame = runs.assign(measure="cka", score="stop_epoch", value=moment)
    tests = claim_tests.ClaimTests(frame, of_runs, {name: name for name in levels}, Findings(resamples=500))
    rows = claim_tests.find(tests, [], {}, {}, fits.of_study(tests))
    findings, pairs, left_out = claim_tests.tables_of(rows, 0.95)
    check_pairs(findings, pairs)
    of_claim = findings[findings["claim"] == claims.TRANSITION.name].set_index("score")
    return of_claim.loc["stop_slope"], of_claim.loc["stop_ratio"], left_out


def test_a_stop_at_the_own_fit_is_supported_with_slope_1_and_ratio_0():
    slope, ratio, left_out = found(lambda fit: fit)
    assert (slope["decision"], slope["primary"], slope["n_seeds"]) == ("supported", True, 6)
    assert slope["estimate"] == pytest.approx(1, abs=0.1)
    assert slope["p_value"] == pytest.approx(1 / 24), "that of permuted levels, which is greater than that of flips"
    assert ratio["estimate"] == pytest.approx(0, abs=0.03) and ratio["ci_low"] < 0 < ratio["ci_high"]
    assert not ratio["primary"] and left_out[left_out["claim"] == claims.TRANSITION.name].empty


@pytest.mark.parametrize("stop", [lambda _: 30.0, lambda fit: fit / 2, lambda fit: 2 * fit], ids=["fixed", "½", "2"])
def test_a_stop_elsewhere_is_not(stop):
    assert found(stop)[0]["decision"] == "undecided"


def test_fits_that_hardly_differ_are_not_identifiable_and_the_reason_is_given():
    slope, ratio, _ = found(lambda fit: fit, levels={"sgd": 30.0, "adam": 33.0})
    assert slope["decision"] == "undecided" and slope["reason"].startswith("not identifiable: fits span 0.")
    assert pd.isna(slope["estimate"]) and slope["n_pairs"] == 0
    assert ratio["estimate"] == pytest.approx(0, abs=0.05)


def test_a_run_without_a_stop_is_named():
    _, _, left_out = found(lambda fit: np.nan if fit > 95 else fit)
    of_claim = left_out[left_out["claim"] == claims.TRANSITION.name]
    assert set(of_claim["optimizer"]) == {"slow"} and set(of_claim["reason"]) == {"no moment at which change stops"}
