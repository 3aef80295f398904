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

BLOCK = 2**15  # distances at a time, which stay in the cache


def neighbours(K: Array, k: int) -> Array:
    """The k nearest neighbours of each example, itself excluded.

    Args:
        K: (n, n), a Gram matrix of centred features, float32 or float64; n > k.
        k: how many.

    Returns:
        (n, k), int32, in ascending order of index.
    """
    n, diagonal = len(K), np.diagonal(K)
    found = np.empty((n, k), dtype=np.int32)
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        d = distances.halved(K[start : start + step], diagonal, start)
        last = np.partition(d, k - 1, axis=1)[:, k - 1 : k]
        places = np.flatnonzero(d <= last)
        if len(places) > len(d) * k:  # at least k in each row, so more in some
            places = np.flatnonzero(_first(d, last, k))
        found[start : start + step] = (places % n).reshape(-1, k)
    return found


def _first(d: Array, last: Array, k: int) -> Array:
    """A mask of the k smallest of each row, of which ``last`` is the largest, ties to the lowest index: (rows, n)."""
    less, equal = d < last, d == last
    missing = k - np.count_nonzero(less, axis=1, keepdims=True)
    mask: Array = less | (equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= missing))
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
