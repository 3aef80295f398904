"""The nearest neighbours of each example, and how many of them two representations share.

Mutual k-nearest neighbours (Huh et al. 2024, appendix A): the share of an example's k nearest neighbours that are the
same in both representations, averaged over examples. Distances are Euclidean. This is the cosine of the (n, n)
indicators of neighbours, so it is a kernel. For unrelated representations it is k / (n − 1) on average.

Neighbours at equal distances are taken in the order of their index. Examples that are alike, as where units have died,
have a distance of exactly 0 (``distances.py``).

Time: n² for the neighbours of each representation, E² n k / 2 for all pairs. Memory: 4 n k bytes for each
representation, and a block of distances.
"""

from __future__ import annotations

import numpy as np

from ..types import Array
from . import distances

BLOCK = 2**18  # distances at a time, 1 MiB


def neighbours(K: Array, k: int) -> Array:
    """The k nearest neighbours of each example, itself excluded.

    Args:
        K: (n, n), a Gram matrix of centred features, float32; n > k.
        k: how many.

    Returns:
        (n, k), int32, in ascending order of index.
    """
    n, diagonal = len(K), np.diagonal(K)
    found = np.empty((n, k), dtype=np.int32)
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        d = distances.squared(K[start : start + step], diagonal, start)
        rows = np.arange(len(d))
        d[rows, start + rows] = np.inf
        found[start : start + step] = np.nonzero(_smallest(d, k))[1].reshape(-1, k)
    return found


def _smallest(d: Array, k: int) -> Array:
    """A mask of the k smallest of each row, ties to the lowest index: (rows, n), bool."""
    last = np.partition(d, k - 1, axis=1)[:, k - 1 : k]
    mask: Array = d <= last
    tied = np.flatnonzero(np.count_nonzero(mask, axis=1) > k)
    equal = d[tied] == last[tied]
    missing = k - np.count_nonzero(mask[tied] & ~equal, axis=1)
    mask[tied] &= ~equal | (np.cumsum(equal, axis=1) <= missing[:, None])
    return mask


def shared(nearest: Array) -> Array:
    """The share of neighbours that each two of E representations have in common: (E, E), float64.

    Args:
        nearest: (E, n, k), the neighbours of each representation.
    """
    E, n, k = nearest.shape
    places = (nearest + n * np.arange(n, dtype=np.int64)[:, None]).reshape(E, -1)  # in a flat (n, n) indicator
    counts = np.empty((E, E))
    indicator = np.zeros(n * n, dtype=bool)
    for e in range(E):
        indicator[places[e]] = True
        for other in range(e, E):
            counts[e, other] = counts[other, e] = np.count_nonzero(indicator[places[other]])
        indicator[places[e]] = False
    found: Array = counts / (n * k)
    return found
