"""Agreement with permuted planes, and how often its p is small where planes have nothing in common."""

import numpy as np

from repdyn.regions import permuted_planes
from repdyn.similarity import null


def test_each_order_is_agreement_with_the_permuted_planes():
    labels = np.random.default_rng(0).integers(0, 3, size=(3, 5, 4), dtype=np.uint8)
    orders = null.orders(5, 19, 0)
    found = permuted_planes.similarity(labels, orders)
    for b, (i, j) in ((b, pair) for b in range(20) for pair in ((0, 1), (0, 2), (1, 2))):
        expected = np.mean([labels[i, m] == labels[j, orders[b][m]] for m in range(5)])
        np.testing.assert_allclose(found[b, i, j], expected)
    assert np.isnan(found[:, np.tri(3, dtype=bool)]).all()


def regions(random, planes, own=None):
    """Each plane has one label throughout but for a few points: its own, or that of a shared plane."""
    of_plane = random.integers(0, 4, size=planes) if own is None else own
    labels = np.repeat(of_plane[:, None], 30, axis=1)
    change = random.random(labels.shape) < 0.2
    labels[change] = random.integers(0, 4, size=change.sum())
    return labels.astype(np.uint8)


def test_points_of_a_plane_do_not_count_as_replicates():
    """Independent classifiers have p ≤ .05 about so often, although each plane's points nearly all agree or do not."""
    random, small, alike = np.random.default_rng(1), [], []
    for seed in range(300):
        shared = random.integers(0, 4, size=12)
        labels = np.stack([regions(random, 12), regions(random, 12), regions(random, 12, shared)])
        p = null.p_values(permuted_planes.similarity(labels, null.orders(12, 39, seed)))
        small.append(p[0, 1] <= 0.05)
        both = np.stack([labels[2], regions(random, 12, shared)])
        alike.append(null.p_values(permuted_planes.similarity(both, null.orders(12, 39, seed)))[0, 1] <= 0.05)
    assert np.mean(small) < 0.05 + 3 * (0.05 * 0.95 / 300) ** 0.5
    assert np.mean(alike) > 0.95


def test_p_is_no_smaller_than_few_planes_allow():
    labels = np.random.default_rng(0).integers(0, 9, size=(1, 3, 50), dtype=np.uint8).repeat(2, axis=0)
    p = null.p_values(permuted_planes.similarity(labels, null.orders(3, 200, 0)))
    np.testing.assert_allclose(p[0, 1], 1 / 6)
