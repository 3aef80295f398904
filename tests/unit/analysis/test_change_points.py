import itertools

import numpy as np
import pytest

from repdyn.analysis import change_points

E = 30


def kernel(X):
    """The cosine kernel of a trajectory of points."""
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    return X @ X.T


def blocks(lengths, noise=0.0, drift=0.0, seed=0):
    """A trajectory that stays at orthogonal places, with noise and an even drift in other directions."""
    random = np.random.default_rng(seed)
    total = sum(lengths)
    X = np.repeat(np.eye(len(lengths), 400), lengths, axis=0)
    X[:, 50:] += noise * random.normal(size=(total, 350)) / np.sqrt(350)
    X[:, 49] += drift * np.linspace(0, 1, total)
    return kernel(X)


def line(length=E):
    """Even drift along a straight line, seen from far away, where the kernel's curvature is nothing."""
    X = np.ones((length, 2))
    X[:, 1] = 1e-3 * np.linspace(0, 1, length)
    return kernel(X)


def brute_force(S, D):
    """The least cost of D segments, by trying all."""
    costs = []
    for cuts in itertools.combinations(range(1, len(S)), D - 1):
        edges = [0, *cuts, len(S)]
        costs.append(sum(np.trace(B) - B.sum() / len(B) for a, b in itertools.pairwise(edges) for B in [S[a:b, a:b]]))
    return min(costs)


@pytest.mark.parametrize("D", [2, 3, 4])
def test_the_segmentation_is_the_best_there_is(D):
    random = np.random.default_rng(1)
    S = kernel(random.normal(size=(10, 4)).cumsum(0) + 3)
    total = np.trace(S) - S.sum() / len(S)
    starts, explained = change_points.segmentations(S)[D]
    assert explained == pytest.approx(1 - brute_force(S, D) / total)
    assert len(starts) == D
    assert starts[0] == 0


@pytest.mark.parametrize("lengths", [(15, 15), (10, 12, 8), (8, 7, 9, 6), (4, 22, 4)])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_blocks_are_found_where_they_are_and_are_wholly_distinguishable_if_clean(lengths, noise):
    starts, scores = change_points.phases(blocks(lengths, noise))
    assert starts == [0, *np.cumsum(lengths)[:-1]]
    assert scores[len(lengths)] > 0.7 if noise else scores[len(lengths)] == pytest.approx(1)


def test_even_drift_has_one_phase_and_no_distinguishability():
    starts, scores = change_points.phases(line())
    assert starts == [0]
    for D, score in scores.items():
        assert score == pytest.approx(0, abs=1e-6), D


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_has_one_phase(seed):
    random = np.random.default_rng(seed)
    starts, scores = change_points.phases(kernel(5 + random.normal(size=(E, 200))))
    assert starts == [0]
    assert all(score < 0.1 for score in scores.values())


def test_blocks_that_drift_lie_between_blocks_and_drift():
    clean, mixed, drift = (
        change_points.phases(S)[1][2] for S in (blocks((15, 15)), blocks((15, 15), drift=2.0), line())
    )
    assert drift < mixed < clean
    assert mixed > 0.05


def test_crowded_checkpoints_make_no_phase_of_an_even_drift():
    """Twice as many checkpoints in the later half of the same drift in log epochs are still one phase at most 0.35."""
    position = np.concatenate([np.linspace(0, 0.5, 10, endpoint=False), np.linspace(0.5, 1, 20)])
    X = np.stack([np.ones(30), 1e-3 * position], axis=1)
    _, scores = change_points.phases(kernel(X))
    assert max(scores.values()) < 0.35


def test_a_constant_trajectory_has_one_phase():
    starts, scores = change_points.phases(np.ones((10, 10)))
    assert starts == [0]
    assert set(scores.values()) == {0.0}


def at_pace(pace):
    """A drift along a straight line that is ``pace`` of the way at each checkpoint: smooth if the pace is."""
    return kernel(np.stack([np.ones(len(pace)), 1e-3 * pace], axis=1))


@pytest.mark.parametrize("k", [-6, -4, -2, -1, 1, 2, 4, 6])
def test_drift_whose_speed_changes_smoothly_has_one_phase_and_no_distinguishability(k):
    """Speed falls by e^k over training, or rises."""
    starts, scores = change_points.phases(at_pace(np.expm1(-k * np.linspace(0, 1, E)) / np.expm1(-k)))
    assert starts == [0]
    assert abs(scores[2]) < 0.03
    assert abs(scores[3]) < 0.03


@pytest.mark.parametrize(("width", "least"), [(0.2, 0.2), (0.1, 0.5), (0.05, 0.75)])
def test_a_smooth_step_counts_by_its_steepness(width, least):
    starts, scores = change_points.phases(at_pace(1 / (1 + np.exp(-(np.linspace(0, 1, E) - 0.5) / width))))
    assert len(starts) == 2
    assert least < scores[2] < least + 0.1


def test_the_null_of_a_drift_is_the_drift_itself():
    pace = np.expm1(-3 * np.linspace(0, 1, E)) / np.expm1(-3)
    S = at_pace(pace)
    drift = -2 * change_points.smooth_drift(S)
    # Ways are averaged over if less than a point's distance apart: squares differ by at most 2 · 1 · 1/2 / (E - 1).
    np.testing.assert_allclose(drift, change_points.squared_distances(S), atol=drift.max() / (E - 1))
    even = -2 * change_points.smooth_drift(line())
    np.testing.assert_allclose(even, change_points.squared_distances(line()), atol=1e-12)


@pytest.mark.parametrize(("lengths", "found"), [((13, 14, 3), 3), ((14, 14, 2), 2), ((2, 14, 14), 2)])
def test_a_limit_a_third_phase_of_two_checkpoints_can_go_unseen_though_its_score_is_one(lengths, found):
    starts, scores = change_points.phases(blocks(lengths))
    assert len(starts) == found
    assert scores[3] == pytest.approx(1)


@pytest.mark.parametrize("first", [1, 2, 5, 15, 28, 29])
def test_two_clean_blocks_are_found_wherever_the_boundary_lies(first):
    starts, scores = change_points.phases(blocks((first, E - first)))
    assert starts == [0, first]
    assert scores[2] == pytest.approx(1)
