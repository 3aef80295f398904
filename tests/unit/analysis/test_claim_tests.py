import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from made_of import check_pairs

from repdyn.analysis import claim_tests, pairing, rate_matching
from repdyn.config.sections import Contrast, Findings
from repdyn.config.study import Run
from repdyn.pipeline.jobs import Job
from repdyn.records.findings import FINDINGS, PAIRS
from repdyn.records.phases import MOMENTS, SCORES
from repdyn.stages import findings as findings_stage
from repdyn.storage import tables

SETTINGS = Findings(resamples=2000)
OPTIMIZERS = Contrast(factor="optimizer", levels=("sgd", "adam"))


def grid(effect, archs=("resnet", "vit"), seeds=6, noise=0.1, missing=()):
    """Scores of a grid in which SGD's are greater by an effect, and every pair has a level of its own."""
    random = np.random.default_rng(0)
    rows = []
    for arch in archs:
        for seed in range(seeds):
            level = random.normal()
            for optimizer in ("sgd", "adam"):
                value = level + (effect if optimizer == "sgd" else 0) + noise * random.random()
                if (arch, optimizer, seed) in missing:
                    value = np.nan
                rows += [
                    (arch, optimizer, seed, "cka", score, value) for score in ("synchrony", "novelty", "progress_gap")
                ]
    return pd.DataFrame(rows, columns=["arch", "optimizer", "seed", "measure", "score", "value"])


def find(frame, contrast=OPTIMIZERS):
    return {(row["claim"], row["score"]): row for row, _ in claim_tests.find(frame, [contrast], SETTINGS)}


def test_an_effect_in_every_seed_is_supported_at_six_seeds():
    row = find(grid(1.0))["phases are more distinguishable", "novelty"]
    assert (row["n_pairs"], row["n_seeds"]) == (12, 6)
    assert row["p_value"] == pytest.approx(2 / 2**6)
    assert row["estimate"] == pytest.approx(1.0, abs=0.1)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert (row["verdict"], row["decision"], row["decidable"]) == ("supported", "supported", True)


def test_the_opposite_effect_contradicts_and_a_lower_gap_is_more_synchrony():
    found = find(grid(-1.0))
    assert found["layers change more in synchrony", "synchrony"]["verdict"] == "contradicted"
    assert found["layers change more in synchrony", "progress_gap"]["verdict"] == "supported"


def test_five_seeds_can_decide_nothing_whatever_the_number_of_pairs_and_the_verdict_says_so():
    row = find(grid(1.0, seeds=5))["phases are more distinguishable", "novelty"]
    assert (row["n_pairs"], row["n_seeds"]) == (10, 5)
    assert row["verdict"] == "undecided at 5 seeds: too few to reach p = 0.05"
    assert (row["decision"], row["decidable"]) == ("undecided", False)


def test_a_pair_without_a_value_is_left_out():
    row = find(grid(1.0, missing={("vit", "adam", 1)}))["phases are more distinguishable", "novelty"]
    assert (row["n_pairs"], row["n_seeds"]) == (11, 6)


def test_no_effect_is_undecided():
    row = find(grid(0.0, noise=1.0))["phases are more distinguishable", "novelty"]
    assert row["verdict"] == "undecided at 6 seeds"
    assert (row["decision"], row["decidable"]) == ("undecided", True)


def test_of_exchangeable_seeds_no_more_than_one_in_twenty_is_decided_however_alike_pairs_of_a_seed_are():
    """Six seeds, two pairs each that are one and the same: as twelve pairs they would be decided far too often."""
    random = np.random.default_rng(0)
    p = []
    for _ in range(400):
        d = pd.Series(np.repeat(random.normal(size=6), 2), index=np.repeat(np.arange(6), 2))
        p.append(claim_tests.test(d, Findings(resamples=100))["p_value"])
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(2 / 64, abs=0.025)


def sweep():
    """SGD and Adam at two rates each: Adam seems less, but at the rate that fits as fast it is equal."""
    speed = {"sgd-slow": 80, "sgd-fast": 20, "adam-slow": 75, "adam-slowest": 300}
    accuracy = {"sgd-slow": 0.8, "sgd-fast": 0.9, "adam-slow": 0.7, "adam-slowest": 0.85}
    frame, of_runs = [], []
    for optimizer, epochs in speed.items():
        for seed in range(6):
            frame.append(("vit", optimizer, seed, "cka", "novelty", 1 / np.round(epochs, -1) + 1e-6 * seed))
            of_runs.append(("vit", optimizer, seed, epochs, accuracy[optimizer], np.nan))
    columns = ["arch", "optimizer", "seed"]
    return (
        pd.DataFrame(frame, columns=[*columns, "measure", "score", "value"]),
        pd.DataFrame(of_runs, columns=[*columns, *claim_tests.FACTS[:3]]),
        {name: name.split("-")[0] for name in speed},
    )


def test_families_are_matched_by_speed_and_by_accuracy_and_the_rates_are_named():
    frame, of_runs, families = sweep()
    rates = {("vit", "sgd-slow"): 0.01, ("vit", "adam-slow"): 1e-3}
    rows = [row for row, _ in claim_tests.find(frame, [OPTIMIZERS], SETTINGS, of_runs, families, rates)]
    found = {row["matching"]: row for row in rows if row["score"] == "novelty"}
    plain, equal, best = (found[name] for name in (None, "equal_speed", "best_accuracy"))
    assert plain["contrast"] == "optimizer: sgd - adam"
    assert equal["contrast"] == "optimizer: sgd - adam, at equal speed of fit"
    assert best["contrast"] == "optimizer: sgd - adam, at best test accuracy"
    assert plain["verdict"] == "supported"
    assert equal["estimate"] == pytest.approx(0)
    assert equal["compared"] == "vit: sgd-slow 0.01 - adam-slow 0.001"
    assert best["compared"] == "vit: sgd-fast - adam-slowest"
    assert best["estimate"] == pytest.approx(1 / 20 - 1 / 300)


def test_a_rate_that_never_fits_is_not_matched_by_speed():
    _, of_runs, families = sweep()
    never = (of_runs.optimizer == "adam-slow") & (of_runs.seed == 2)
    of_runs["perfect_fit_first"] = of_runs["perfect_fit_first"].astype(float).mask(never)
    _, equal, _ = rate_matching.matchings(of_runs, families, ("sgd", "adam"))
    assert equal.chosen == {"vit": (("sgd-slow",), ("adam-slowest",))}


def test_one_optimizer_a_family_has_the_plain_contrast_only():
    _, of_runs, _ = sweep()
    assert len(list(rate_matching.matchings(of_runs, {"sgd-slow": "sgd", "adam-slow": "adam"}, ("sgd", "adam")))) == 1


def test_transition_and_depth_are_held_against_chance_over_the_runs_that_have_them():
    frame = grid(0.0, archs=("vit",))
    trend = frame[frame.score == "novelty"].assign(score="depth_trend_descent", value=0.8)
    transition = trend.assign(score="transition_fitted", value=0.5)
    of_runs = trend[["arch", "optimizer", "seed"]].assign(perfect_fit_first=9, test_accuracy_best=0.9, test_dip=5.0)
    rows = [row for row, _ in claim_tests.find(pd.concat([frame, trend, transition]), [], SETTINGS, of_runs)]
    found = {(row["contrast"], row["score"]): row for row in rows}
    assert found["arch: vit", "transition_fitted"]["verdict"] == "supported"
    alone = found["runs with a dip", "depth_trend_descent"]
    assert (alone["n_pairs"], alone["n_seeds"]) == (12, 6)
    assert (alone["factor"], alone["first"], alone["second"]) == ("dip", "with", None)


def test_runs_with_a_dip_are_held_against_runs_of_their_architecture_and_seed_without_one():
    """SGD dips, except in the ViT's seed 5; deeper layers change more by 0.4 where it dips."""
    frame = grid(0.0, noise=0.0)
    trend = frame[frame.score == "novelty"].assign(score="depth_trend_memorization")
    dips = (trend.optimizer == "sgd") & ~((trend.arch == "vit") & (trend.seed == 5))
    trend = trend.assign(value=trend.value + 0.4 * dips)
    of_runs = trend[["arch", "optimizer", "seed"]].assign(
        perfect_fit_first=9, test_accuracy_best=0.9, test_dip=np.where(dips, 5.0, np.nan)
    )
    rows = [row for row, _ in claim_tests.find(pd.concat([frame, trend]), [], SETTINGS, of_runs)]
    (row,) = [row for row in rows if row["contrast"] == "dip: with - without"]
    assert row["estimate"] == pytest.approx(0.4)
    assert (row["n_pairs"], row["n_seeds"], row["verdict"]) == (11, 6, "supported")


@pytest.mark.parametrize("shuffled", [None, 0, 1, 2])
def test_a_layer_score_is_the_mean_over_layers_between_first_and_output_in_whatever_order_rows_stand(shuffled):
    frame = pd.DataFrame(
        {
            "layer": ["stem", "a", "b", "output", None, None],
            "depth": [0, 1, 2, 3, None, None],
            "measure": ["cka"] * 5 + [None],
            "score": ["novelty"] * 4 + ["synchrony", "perfect_fit_first"],
            "value": [9.0, 1.0, 2.0, 9.0, 0.5, 30.0],
        }
    )
    if shuffled is not None:
        frame = frame.sample(frac=1, random_state=shuffled)
    found = claim_tests.values({Run("vit", "sgd", 0): frame}).set_index("score")["value"]
    assert found.to_dict() == {"novelty": 1.5, "synchrony": 0.5}


def test_an_unknown_measure_or_score_is_refused():
    with pytest.raises(KeyError, match="similarity"):
        list(claim_tests.find(grid(1.0).assign(measure="similarity"), [OPTIMIZERS], SETTINGS))
    comparison = pairing.Comparison("optimizer", "sgd", "adam")
    with pytest.raises(KeyError, match="loudness"):
        list(
            claim_tests.compare(
                grid(1.0).assign(level="sgd"), comparison, {"a claim": ("loudness",)}, ["cka"], SETTINGS
            )
        )


@pytest.mark.parametrize("n", [2, 3, 6, 9])
def test_the_p_value_is_that_of_all_sign_flips(n):
    d = np.random.default_rng(n).normal(0.3, 1, n)
    means = [np.mean(d * signs) for signs in itertools.product((1, -1), repeat=n)]
    expected = np.mean(np.abs(means) >= abs(d.mean()) - 1e-12)
    assert claim_tests.test(pd.Series(d), SETTINGS)["p_value"] == pytest.approx(expected)


def test_no_pair_at_all_has_no_estimate_and_is_undecided():
    everywhere = set(itertools.product(("resnet", "vit"), ("adam",), range(6)))
    row = find(grid(1.0, missing=everywhere))["phases are more distinguishable", "novelty"]
    assert (row["estimate"], row["p_value"], row["n_pairs"], row["n_seeds"]) == (None, None, 0, 0)
    assert row["verdict"] == "undecided at 0 seeds: too few to reach p = 0.05"


def test_q_values_bound_the_share_of_chance_in_what_is_called():
    random = np.random.default_rng(0)
    shares = []
    for _ in range(400):
        chance, real = random.uniform(size=40), random.uniform(high=1e-3, size=10)
        called = np.array(claim_tests.q_values([*chance, *real]), dtype=float) <= 0.1
        shares.append(called[:40].sum() / max(called.sum(), 1))
    # Benjamini and Hochberg's is 0.1 times the 40 / 50 that are chance.
    assert abs(np.mean(shares) - 0.08) < 3 * np.std(shares) / 20
    assert claim_tests.q_values([0.04, None, 0.01]) == [0.04, None, 0.02]
    assert claim_tests.q_values([None]) == [None]


def test_findings_of_a_study_are_the_same_bytes_each_time_and_count_the_pairs_that_are_there(make_job, config):
    # Six seeds, one without a pair: of two, the interval is their range whatever is drawn, and bytes would say
    # nothing of the generator.
    job = make_job("findings", config | {"seeds": list(range(6))})
    job = Job(job.stage, job.study, job.paths)
    random = np.random.default_rng(0)
    for run in job.study.runs:
        level = float(run.optimizer == "sgd") + 0.01 * random.normal()
        value = None if run.optimizer == "sgd" and run.seed == 0 else level
        rows = [(None, None, None, None, name, 9.0) for name in claim_tests.FACTS[:2]] + [
            (None, None, None, None, "test_dip", None)
        ]
        rows += [(None, None, None, None, "perfect_fit_sustained", 9.0 if run.optimizer == "sgd" else 3.0)]
        rows += [("stem", 0, "stem", "cka", "novelty", 5.0), ("inner", 1, "body", "cka", "novelty", value)]
        columns = dict(zip(SCORES.names, map(list, zip(*rows, strict=True)), strict=True))
        of_run = replace(job, stage="phases", grid_run=run)
        tables.write(of_run.path(SCORES), columns, SCORES.schema, of_run.metadata(SCORES))
        at = [1.0, 3.0, 9.0, 27.0]
        novelty = [0.0, 0.5, 1.0, 0.5] if run.optimizer == "sgd" else [0.5, 1.0, 0.5, 0.0]
        moments = {"layer": ["inner"] * 4, "depth": [1] * 4, "measure": ["cka"] * 4, "epoch": at, "novelty": novelty}
        moments |= {"alignment": novelty, "part": ["body"] * 4}
        tables.write(of_run.path(MOMENTS), moments, MOMENTS.schema, of_run.metadata(MOMENTS))
    findings_stage.main(job)
    written = Path(job.paths.findings()), Path(job.paths.pairs())
    first = [path.read_bytes() for path in written]
    findings_stage.main(job)
    assert [path.read_bytes() for path in written] == first
    found = tables.read(*job.place(FINDINGS)).to_pandas()
    row = found[(found.factor == "optimizer") & (found.score == "novelty")].iloc[0]
    assert (row.n_pairs, row.n_seeds) == (5 * len(job.study.archs), 5)
    assert row.ci_low < row.estimate < row.ci_high
    assert row.estimate == pytest.approx(1, abs=0.03)
    assert row.p_value == pytest.approx(2 / 2**5)
    assert row.verdict == "undecided at 5 seeds: too few to reach p = 0.05"
    own = found[(found.score == "transition_own") & (found["first"] == "vit") & found.second.isna()].iloc[0]
    assert (own.n_pairs, own.verdict) == (12, "supported")
    tested = found.dropna(subset=["p_value"])
    assert row.q_value == pytest.approx(row.p_value * len(tested) / (tested.p_value <= row.p_value).sum())
    assert found.q_value.isna().equals(found.p_value.isna())
    made_of = tables.read(*job.place(PAIRS)).to_pandas()
    check_pairs(found, made_of)
    assert (made_of[(made_of.factor == "optimizer") & (made_of.score == "novelty")].groupby("seed").size() == 2).all()
