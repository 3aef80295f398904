import numpy as np
import pytest
from simulated_kernels import blocks, kernel

from repdyn.analysis import change_points, trajectory


def drift(position):
    """An even drift per decade of epochs, along a straight line."""
    X = np.ones((len(position), 2))
    X[:, 1] = 1e-3 * (position - position[0]) / (position[-1] - position[0])
    return kernel(X)


def resampled(S, position):
    """A matrix at even distances of log epoch, and that distance."""
    grid = trajectory.even_grid(position)
    return trajectory.even(S, position), grid[1] - grid[0]


SCHEDULES = {
    "log": np.geomspace(1, 160, 24),
    "log with initialisation": np.concatenate([[0.0], np.geomspace(1, 160, 24)]),
    "crowded late": np.concatenate([np.geomspace(1, 10, 6)[:-1], np.geomspace(10, 160, 24)]),
    "crowded early": np.concatenate([np.geomspace(1, 10, 24)[:-1], np.geomspace(10, 160, 6)]),
    "a gap": np.concatenate([np.geomspace(1, 5, 12), np.geomspace(50, 160, 12)]),
    "linear": np.arange(5.0, 161.0, 5.0),
}


@pytest.mark.parametrize("name", SCHEDULES)
def test_no_schedule_makes_phases_of_an_even_drift(name):
    position = trajectory.positions(SCHEDULES[name])
    phases = change_points.phases(*resampled(drift(position), position))
    assert phases.starts == [0]
    assert max(map(abs, phases.distinguishability.values())) < 0.01


def test_without_reading_at_even_distances_a_schedule_would_make_phases():
    position = trajectory.positions(SCHEDULES["a gap"])
    assert len(change_points.phases(drift(position), np.median(np.diff(position))).starts) > 1


@pytest.mark.parametrize("lengths", [(12, 12), (8, 9, 7)])
def test_blocks_are_found_at_their_checkpoints_on_an_uneven_schedule(lengths):
    random = np.random.default_rng(0)
    epochs = np.sort(10 ** (np.linspace(0, 2.2, 24) + random.uniform(-0.02, 0.02, 24)))
    position = trajectory.positions(epochs)
    grid = trajectory.even_grid(position)
    phases = change_points.phases(*resampled(blocks(lengths), position))
    starts, widths = trajectory.starts(phases.starts, phases.widths, grid, position)
    assert starts == [0, *np.cumsum(lengths)[:-1]]
    assert max(widths) < 2 * (grid[1] - grid[0])


def test_on_a_log_schedule_the_matrix_is_as_it_was():
    S = blocks((12, 12), noise=0.3)
    np.testing.assert_allclose(trajectory.even(S, trajectory.positions(np.geomspace(1, 160, 24))), S, atol=1e-9)


def test_reading_at_even_distances_keeps_a_kernel_a_kernel():
    random = np.random.default_rng(0)
    position = np.sort(random.uniform(0, 2, 20))
    K = trajectory.even(kernel(random.normal(size=(20, 5))), position)
    assert np.linalg.eigvalsh(K).min() > -1e-9


def test_phases_without_a_checkpoint_are_none():
    grid, position = np.linspace(0, 1, 11), np.array([0.0, 0.1, 0.9, 1.0])
    assert trajectory.starts([0, 4, 6], [0.2, 0.1], grid, position) == ([0, 2], [0.1])
