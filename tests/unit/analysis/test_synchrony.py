"""Synchrony beyond other seeds, on runs whose layers have nothing or something in common."""

import itertools

import numpy as np
import pandas as pd
import pytest

from repdyn.analysis import sign_flips, synchrony


def cell(random, seeds, layers, shared, noise=0.05, points=28):
    """Random walks of layers whose pace slows down, with bursts of which a share of variance is the run's own."""
    found = np.empty((seeds, layers, points, points))
    for seed, layer in itertools.product(range(seeds), range(layers)):
        if layer == 0:
            of_run = random.normal(size=points - 1)
        own = random.normal(size=points - 1)
        pace = np.exp(-np.linspace(0, 3, points - 1) + np.sqrt(shared) * of_run + np.sqrt(1 - shared) * own)
        steps = random.normal(size=(points - 1, 60)) * np.sqrt(pace / pace.sum())[:, None]
        path = np.vstack([np.zeros(60), steps.cumsum(0)]) + noise / 8 * random.normal(size=(points, 60))
        squares = np.square(path[:, None] - path).sum(-1)
        found[seed, layer] = 1 - squares / 4
    return found


def test_likeness_is_the_cka_of_double_centred_matrices():
    matrices = cell(np.random.default_rng(0), 2, 3, 0.3)
    centring = np.eye(28) - 1 / 28

    def centred(seed, layer):
        return centring @ matrices[seed, layer] @ centring

    found = synchrony.likeness(matrices)
    one, other = centred(0, 1), centred(1, 2)
    expected = (one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other)
    assert found[0, 1, 1, 2] == pytest.approx(expected)
    s = synchrony.of_seeds(found)
    different = [found[0, a, 1, b] for a, b in itertools.permutations(range(3), 2)]
    assert s[0, 1] == pytest.approx(np.mean(different)) == s[1, 0]


def test_layers_that_change_at_exactly_the_same_times_have_1_and_independent_ones_about_0():
    random = np.random.default_rng(0)
    one = cell(random, 4, 1, 0.0)
    same = synchrony.of_seeds(synchrony.likeness(np.repeat(one, 3, axis=1)))
    assert synchrony.beyond(same) == pytest.approx(1)
    independent = [synchrony.beyond(synchrony.of_seeds(synchrony.likeness(cell(random, 6, 4, 0.0)))) for _ in range(60)]
    assert abs(np.mean(independent)) < 0.02
    raw = synchrony.of_seeds(synchrony.likeness(cell(random, 6, 4, 0.0)))
    assert np.diagonal(raw).mean() > 0.8, "raw synchrony is high where nothing is synchronous"


def test_a_layer_that_never_changes_has_no_times_of_change():
    matrices = cell(np.random.default_rng(0), 3, 3, 0.0)
    matrices[1, 2] = 1.0
    assert np.isnan(synchrony.likeness(matrices)[1, 2]).all()


@pytest.mark.parametrize("seeds", [3, 6])
def test_independent_layers_are_called_synchronous_in_one_study_in_twenty_and_bursts_in_common_are_found(seeds):
    random = np.random.default_rng(seeds)
    p = {
        shared: np.array(
            [synchrony.p_value(synchrony.likeness(cell(random, seeds, 4, shared)), 500, 0) for _ in range(200)]
        )
        for shared in (0.0, 0.6)
    }
    assert np.mean(p[0.0] <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 200)
    assert np.mean(p[0.6] <= 0.05) >= 0.8


def test_the_p_value_is_that_of_all_permutations_of_each_layers_seeds():
    matrices = cell(np.random.default_rng(3), 3, 3, 0.4)
    orders = list(itertools.permutations(range(3)))
    found = []
    for one, other in itertools.product(orders, repeat=2):
        shuffled = np.stack([matrices[:, 0], matrices[list(one), 1], matrices[list(other), 2]], axis=1)
        found.append(synchrony.beyond(synchrony.of_seeds(synchrony.likeness(shuffled))))
    expected = np.mean(np.array(found) >= found[0] - 1e-9)
    assert synchrony.p_value(synchrony.likeness(matrices), 500, 0) == pytest.approx(expected)
    assert synchrony.p_value(synchrony.likeness(matrices), 35, 0) == pytest.approx(expected, abs=0.35), "random ones"


def test_cells_of_equal_synchrony_differ_in_one_study_in_twenty_whatever_their_layers_and_noise():
    random = np.random.default_rng(0)
    p = []
    for _ in range(150):
        one, other = (
            synchrony.pseudo_values(synchrony.of_seeds(synchrony.likeness(cell(random, 6, layers, 0.3, noise))))
            for layers, noise in ((4, 0.05), (6, 0.05))
        )
        p.append(sign_flips.p_value(one - other, 1000, 0))
    assert np.mean(np.array(p) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_pseudo_values_are_the_jackknifes():
    s = synchrony.of_seeds(synchrony.likeness(cell(np.random.default_rng(0), 5, 3, 0.5)))
    found = synchrony.pseudo_values(s)
    kept = [1, 2, 3, 4]
    assert found[0] == pytest.approx(5 * synchrony.beyond(s) - 4 * synchrony.beyond(s[np.ix_(kept, kept)]))


def test_a_checkpoint_in_a_collapse_of_training_accuracy_is_not_steady():
    epochs = np.arange(11.0)
    accuracy = np.array([0.1, 0.3, 0.5, 0.7, 0.9, 1.0, 0.4, 1.0, 1.0, 0.6, 1.0])
    checkpoints = np.array([0.0, 0.5, 5.0, 6.0, 6.5, 7.0, 9.0])
    assert synchrony.steady(epochs, accuracy, checkpoints).tolist() == [True, True, True, False, False, True, True]


def test_a_checkpoint_before_the_first_evaluation_is_steady_whatever_comes_last():
    found = synchrony.steady(np.array([1.0, 2.0, 3.0]), np.array([0.9, 0.9, 0.1]), np.array([0.0, 1.0, 3.0]))
    assert found.tolist() == [True, True, False]


def test_every_pair_of_seeds_has_its_own_synchrony():
    s = synchrony.of_seeds(synchrony.likeness(cell(np.random.default_rng(0), 3, 3, 0.5)))
    table = synchrony.pair_table(s, [4, 7, 9]).set_index(["seed_a", "seed_b"])
    assert table.loc[(4, 9), "synchrony"] == s[0, 2]
    own, across = (s[0, 0] + s[2, 2]) / 2, s[0, 2]
    assert table.loc[(4, 9), "beyond"] == pytest.approx((own - across) / (1 - across))
    assert pd.isna(table.loc[(4, 4), "beyond"])
