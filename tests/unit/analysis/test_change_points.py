import itertools

import numpy as np
import pytest
import ruptures
from ruptures.base import BaseCost
from simulated_kernels import blocks, kernel, line

from repdyn.analysis import change_points

E = 30
SPACING = 1 / 12  # decades


def found(S):
    """The first points of phases, and distinguishability."""
    phases = change_points.phases(S, SPACING)
    return phases.starts, phases.distinguishability


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
    assert explained == pytest.approx(total - brute_force(S, D))
    assert len(starts) == D
    assert starts[0] == 0


@pytest.mark.parametrize("lengths", [(15, 15), (10, 12, 8), (8, 7, 9, 6), (4, 22, 4)])
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_blocks_are_found_where_they_are_and_are_wholly_distinguishable_if_clean(lengths, noise):
    starts, scores = found(blocks(lengths, noise))
    assert starts == [0, *np.cumsum(lengths)[:-1]]
    assert scores[len(lengths)] > 0.7 if noise else scores[len(lengths)] == pytest.approx(1)


def test_even_drift_has_one_phase_and_no_distinguishability():
    starts, scores = found(line())
    assert starts == [0]
    for D, score in scores.items():
        assert score == pytest.approx(0, abs=1e-6), D


@pytest.mark.parametrize("seed", range(5))
def test_noise_alone_has_one_phase(seed):
    random = np.random.default_rng(seed)
    starts, scores = found(kernel(5 + random.normal(size=(E, 200))))
    assert starts == [0]
    assert all(score < 0.1 for score in scores.values())


def test_blocks_that_drift_lie_between_blocks_and_drift():
    clean, mixed, drift = (found(S)[1][2] for S in (blocks((15, 15)), blocks((15, 15), drift=2.0), line()))
    assert drift < mixed < clean
    assert mixed > 0.05


def test_crowded_checkpoints_make_no_phase_of_an_even_drift():
    """Twice as many checkpoints in the later half of the same drift in log epochs are still one phase at most 0.35."""
    position = np.concatenate([np.linspace(0, 0.5, 10, endpoint=False), np.linspace(0.5, 1, 20)])
    X = np.stack([np.ones(30), 1e-3 * position], axis=1)
    _, scores = found(kernel(X))
    assert max(scores.values()) < 0.35


def test_a_constant_trajectory_has_one_phase():
    starts, scores = found(np.ones((10, 10)))
    assert starts == [0]
    assert set(scores.values()) == {0.0}


def at_pace(pace):
    """A drift along a straight line that is ``pace`` of the way at each checkpoint: smooth if the pace is."""
    return kernel(np.stack([np.ones(len(pace)), 1e-3 * pace], axis=1))


@pytest.mark.parametrize("k", [-6, -4, -2, -1, 1, 2, 4, 6])
def test_drift_whose_speed_changes_smoothly_has_one_phase_and_no_distinguishability(k):
    """Speed falls by e^k over training, or rises."""
    starts, scores = found(at_pace(np.expm1(-k * np.linspace(0, 1, E)) / np.expm1(-k)))
    assert starts == [0]
    assert abs(scores[2]) < 0.03
    assert abs(scores[3]) < 0.03


def smooth_step(decades):
    """A step of which 10–90 % takes place within so many decades, half way between two points."""
    return at_pace(1 / (1 + np.exp(-(SPACING * (np.arange(E) - E / 2 + 0.5)) / (decades / np.log(81)))))


@pytest.mark.parametrize("decades", [0.05, 0.1, 0.15])
def test_a_narrow_step_begins_a_phase_and_its_width_is_given(decades):
    phases = change_points.phases(smooth_step(decades), SPACING)
    assert len(phases.starts) == 2
    assert phases.distinguishability[2] > 0.95
    assert phases.widths == pytest.approx([decades], abs=0.35 * SPACING)


@pytest.mark.parametrize("decades", [0.5, 0.7, 1.0])
def test_a_wide_step_begins_none(decades):
    phases = change_points.phases(smooth_step(decades), SPACING)
    assert (phases.starts, phases.widths) == ([0], [])
    assert set(phases.distinguishability.values()) == {0.0}


@pytest.mark.parametrize("waves", [1, 2])
def test_a_pace_that_is_fastest_once_or_twice_makes_no_phase(waves):
    pace = np.exp(-np.log(10) / 2 * np.cos(2 * np.pi * waves * np.linspace(0, 1, E - 1)))
    starts, scores = found(at_pace(np.concatenate([[0.0], pace.cumsum() / pace.sum()])))
    assert starts == [0]
    assert scores[2] == 0


def test_a_clean_boundary_lies_between_two_points():
    phases = change_points.phases(blocks((10, 12, 8)), SPACING)
    assert phases.widths == pytest.approx([0.8 * SPACING] * 2)


def test_slowing_changes_nothing_but_the_step_that_sticks_out():
    S = blocks((12, 18), drift=2.0)
    V, factors = change_points.slowed(S, SPACING)
    assert np.flatnonzero(factors < 1).tolist() == [11]
    np.testing.assert_allclose(V, np.diff(np.diff(S, axis=0), axis=1), atol=1e-12)
    assert V[11, 11] * factors[11] ** 2 == pytest.approx(V[10, 10], rel=0.2)


def test_noise_is_found_and_steady_drift_has_none():
    random = np.random.default_rng(0)
    X = random.normal(size=(200, 2000)) / np.sqrt(2000)
    V = np.diff(np.diff(X @ X.T, axis=0), axis=1)
    assert change_points.noise(V) == pytest.approx(1, rel=0.05)
    assert change_points.noise(np.diff(np.diff(line(), axis=0), axis=1)) == pytest.approx(0, abs=1e-12)


def test_a_running_median_keeps_what_is_monotone_and_leaves_out_a_burst():
    rising = np.arange(20.0) ** 2
    np.testing.assert_array_equal(change_points.running_median(rising, 3), rising)
    burst = np.where(np.arange(20) // 3 == 3, 9.0, 1.0)  # of three
    np.testing.assert_array_equal(change_points.running_median(burst, 3), np.ones(20))


class Cost(BaseCost):
    """Scatter of a segment, for ruptures."""

    model, min_size = "kernel", 1

    def fit(self, signal):
        self.signal = signal
        return self

    def error(self, start, end):
        block = self.signal[start:end, start:end]
        return np.trace(block) - block.sum() / (end - start)


@pytest.mark.parametrize("seed", range(5))
def test_segmentations_are_those_of_ruptures(seed):
    random = np.random.default_rng(seed)
    S = kernel(random.normal(size=(25, 6)).cumsum(0) + 3)
    search = ruptures.Dynp(custom_cost=Cost(), min_size=1, jump=1).fit(S)
    for D, (starts, _) in change_points.segmentations(S).items():
        if D > 1:
            assert [*starts[1:], 25] == search.predict(n_bkps=D - 1)


def test_the_largest_number_of_segments_is_that_of_points():
    assert list(change_points.segmentations(kernel(np.eye(3)))) == [1, 2, 3]


@pytest.mark.parametrize("first", [2, 3, 5, 15, 27, 28])
def test_two_clean_blocks_are_found_wherever_the_boundary_lies(first):
    starts, scores = found(blocks((first, E - first)))
    assert starts == [0, first]
    assert scores[2] == pytest.approx(1)


@pytest.mark.parametrize("first", [1, E - 1])
def test_a_limit_a_block_of_one_point_is_none(first):
    assert change_points.phases(blocks((first, E - first)), SPACING).starts == [0]
