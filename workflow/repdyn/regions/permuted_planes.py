"""Agreement of decision regions when the planes of one side are permuted: the null of ``similarity/null.py``.

Two classifiers of the same images agree on many points of any two planes, because both have large regions, give some
classes more often than others, and have an image at the same place of the grid. What they have in common beyond that
is found by comparing plane m of the one with plane π_m of the other. Planes are permuted whole, because the points of a
plane are no replicates of each other: neighbouring ones nearly always have the same label.

p is at least 1 / (1 + B), and with few planes at least 1 / P!: 1 / 2 for two planes, 1 / 6 for three, 1 / 24 for four,
1 / 120 for five.

Time: a comparison of bytes for each pair of classifiers, order and point. Memory: the labels, and as much again.
"""

from __future__ import annotations

import numpy as np

from ..types import Array


def similarity(labels: Array, orders: Array) -> Array:
    """Share of points with the same label, with the planes of the second of each pair in each order.

    Args:
        labels: (E, P, points), of E classifiers on the same P planes.
        orders: (orders, P), each a permutation of the planes.

    Returns:
        (orders, E, E), float64: row i, column j > i is for classifiers i and permuted j. NaN elsewhere.
    """
    E, P, points = labels.shape
    found = np.full((len(orders), E, E), np.nan)
    for b, order in enumerate(orders):
        for j in range(1, E):
            same = (labels[:j] == labels[j][order]).reshape(j, -1)
            found[b, :j, j] = np.count_nonzero(same, axis=1) / (P * points)
    return found
