"""The baselines of tests/benchmarks, each against an independent implementation or a case that it must get right."""

import itertools

import dating
import detectors
import numpy as np
import pytest
import ruptures
import simulated_change as simulated
from scipy import stats

from repdyn.analysis import sharp_margin

EPOCHS = np.arange(1.0, 101.0)


def stepping(by, at=40, noise=0.05, seed=0):
    """A run whose log rate steps at an epoch, and is else constant but for noise."""
    wide = np.diff(np.log10(EPOCHS))
    y = -3 + by * (EPOCHS[:-1] >= at) + noise * np.random.default_rng(seed).normal(size=len(wide))
    way = np.concatenate([[0.0], (10**y * wide).cumsum()])
    change = np.abs(np.subtract.outer(way, way))
    statistics = np.stack([np.append(y, y[-1]), np.append(y, y[-1]) ** 2], axis=1)
    return detectors.Measured(EPOCHS, change, statistics)


@pytest.mark.parametrize("name", ["sharp margin", "threshold", "CUSUM", "PELT", "hidden Markov model"])
@pytest.mark.parametrize("by", [-2.0, 2.0])
def test_a_clear_step_of_the_rate_scores_more_than_none_and_is_dated(name, by):
    score, date = detectors.DETECTORS[name](stepping(by))
    assert abs(np.log10(date / 40)) < 0.02
    assert score > detectors.DETECTORS[name](stepping(0.0))[0]


@pytest.mark.parametrize("seed", range(5))
def test_pelt_has_a_change_point_just_below_its_score_and_none_just_above(seed):
    run = stepping([0.0, 0.3, 1.0, -1.0, -0.1][seed], noise=0.2, seed=seed)
    score, date = detectors.pelt(run)
    late = run.since(detectors.FROM)
    y = sharp_margin.log_rate(late.epochs, late.neighbours)
    theirs = ruptures.Pelt(model="l2", min_size=1, jump=1).fit(y[:, None])
    assert theirs.predict(pen=score * 1.001) == [len(y)]
    below = theirs.predict(pen=score * 0.999)[:-1]
    assert 1 <= len(below) < detectors.SEGMENTS
    assert late.epochs[below[int(np.abs(np.diff(means(y, below))).argmax())]] == date


def means(y, points):
    return [y[a:b].mean() for a, b in itertools.pairwise([0, *points, len(y)])]


def test_mmd_is_the_squared_distance_of_means_in_feature_space():
    """Two blocks at a distance: means on either side differ by it, less what the one point between them takes away."""
    far = 0.3
    change = np.where(np.not_equal.outer(EPOCHS >= 40, EPOCHS >= 40), far / 2, 0.0)
    score, date = detectors.foote(detectors.Measured(EPOCHS, change, np.ones((len(EPOCHS), 1))))
    assert 0.85 * far < score <= far
    assert abs(np.log10(date / 40)) < 0.03


def test_the_forward_backward_pass_sums_over_all_paths():
    random = np.random.default_rng(0)
    X = random.normal(size=(6, 2))
    model = detectors.Markov(
        np.log([0.3, 0.7]),
        np.log([[0.8, 0.2], [0.4, 0.6]]),
        random.normal(size=(2, 2)),
        np.array([[1.0, 2], [0.5, 1]]),
        0,
    )
    density = stats.norm.pdf(X[:, None], model.means, np.sqrt(model.variances)).prod(-1)
    weight = {
        path: np.exp(model.start[path[0]])
        * np.prod([density[i, state] for i, state in enumerate(path)])
        * np.prod([np.exp(model.moves[a, b]) for a, b in itertools.pairwise(path)])
        for path in itertools.product((0, 1), repeat=len(X))
    }
    total = sum(weight.values())
    posterior, moved, likelihood = detectors.forward_backward(model, X)
    assert likelihood == pytest.approx(np.log(total))
    for i in range(len(X)):
        expected = sum(value for path, value in weight.items() if path[i]) / total
        assert posterior[i, 1] == pytest.approx(expected)
    crossing = sum(value * sum(pair == (0, 1) for pair in itertools.pairwise(path)) for path, value in weight.items())
    assert moved[0, 1] == pytest.approx(crossing / total)
    assert tuple(detectors.decoded(model, X)) == max(weight, key=lambda path: weight[path])


def test_expectation_maximisation_raises_the_likelihood_and_finds_two_states():
    random = np.random.default_rng(1)
    states = (np.arange(120) // 30) % 2
    X = np.where(states[:, None], 2.0, -1.0) + 0.3 * random.normal(size=(120, 2))
    X = (X - X.mean(0)) / X.std(0)
    fitted = {K: detectors.fit(X, K) for K in (1, 2)}
    one = stats.norm.logpdf(X, X.mean(0), np.sqrt(X.var(0) + detectors.LEAST_VARIANCE)).sum()
    assert fitted[1].likelihood == pytest.approx(one, abs=0.5)
    assert fitted[2].likelihood > fitted[1].likelihood + 100
    path = detectors.decoded(fitted[2], X)
    assert (path == path[0]).tolist() == (states == states[0]).tolist()


@pytest.mark.parametrize("name", [name for name in detectors.DETECTORS if name != detectors.MIDDLE])
def test_a_run_that_is_too_short_has_nothing_to_date(name):
    short = detectors.Measured(EPOCHS[:11], np.zeros((11, 11)) + 1e-3, np.ones((11, 2)))
    score, date = detectors.DETECTORS[name](short)
    assert score == -np.inf
    assert np.isnan(date)


# ---- how detectors are held against each other --------------------------------------------------------------------


def cases(seeds, kinds, arch="a"):
    laws = {"none": simulated.Law(), "step": simulated.Law(step=-2.0)}
    return [dating.case_of(laws[kind], kind, seed, arch) for kind in kinds for seed in seeds]


@pytest.fixture(scope="module")
def scores():
    tuned = [*cases(range(8), ["none"]), *cases(range(8), ["none"], "b")]
    tested = [*cases(range(1000, 1006), ["none", "step"]), *cases(range(1000, 1004), ["none", "step"], "b")]
    return dating.scored([*tuned, *tested])


def test_thresholds_come_from_tuning_runs_without_events_alone(scores):
    limits = dating.thresholds(scores)
    of_cusum = scores[(scores["detector"] == "CUSUM") & (scores["density"] == "every epoch")]
    used = of_cusum[of_cusum["tuning"] & (of_cusum["kind"] == "none")]["score"]
    assert limits["cka", "every epoch", "CUSUM"] == used.max()
    changed = scores.assign(score=scores["score"].where(scores["tuning"], 1e9))
    assert dating.thresholds(changed).equals(limits)
    with pytest.raises(ValueError, match="no run without an event among the tuning seeds"):
        dating.thresholds(scores[~scores["tuning"]])


def test_the_table_counts_hits_and_false_positives_of_testing_runs(scores):
    found = dating.table(scores).set_index(["arch", "density", "detector"])
    margin = found.loc["a", "every epoch", "sharp margin"]
    assert (margin["runs"], margin["hits"], margin["without"]) == (6, 6, 6)
    assert margin["error"] <= 0.02
    assert found.loc["b", "every epoch", "sharp margin"]["runs"] == 4
    middle = found.loc["a", "every epoch", detectors.MIDDLE]
    assert middle["false"] == middle["without"] == 6
    assert middle["hits"] < 6
    shipped = found.loc["a", slice(None), dating.SHIPPED]
    assert shipped["hits"].tolist() == [6, 0, 0]  # no verdict at 24 and at 12 a decade
    assert shipped["false"].sum() == 0
    assert dating.written(dating.table(scores)).count("| a, false positives |") == 3


def test_a_date_that_is_far_off_is_no_hit(scores):
    moved = scores.assign(error=scores["error"] + 0.11)
    assert dating.table(moved)["hits"].sum() == 0
