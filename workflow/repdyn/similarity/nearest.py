"""The nearest neighbours of each example, and how many of them two representations share.

Mutual k-nearest neighbours (Huh et al. 2024, appendix A): the share of an example's k nearest neighbours that are the
same in both representations, averaged over examples. Distances are Euclidean. This is the cosine of the (n, n)
indicators of neighbours, so it is a kernel. For unrelated representations it is k / (n − 1) on average.

Neighbours at equal distances are taken in the order of their index. Examples that are alike, as where units have died,
have a distance of exactly 0 (``distances.py``).

A float32 Gram does not tell which of two examples is nearer if they are about as near. It gives candidates: those that
are among the nearest whatever rounding did, and those that may be. ``precision.py`` decides between the latter.

Time: n² for the neighbours of each representation, E² n k / 2 for all pairs. Memory: 4 n k bytes for each
representation, and for the one in use a block of distances, 24 n k bytes and at most n² of open pairs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..types import Array
from . import distances

BLOCK = 2**15  # distances at a time, which stay in the cache
OPEN = 1 / 64  # of all pairs, the share that may be left open; a float64 Gram is faster than more of them
UNIT = 2.0**-24  # of rounding, in float32
CHAIN = 512  # terms of an inner product that are added one after another


@dataclass(frozen=True)
class Candidates:
    """Who is among the k nearest neighbours of each of n examples, and who may be.

    Attributes:
        n: how many examples.
        k: how many neighbours of each.
        sure: pairs of an example and a neighbour, as ascending places in a flat (n, n), int64.
        open: the same of those that may be neighbours; none of an example with k sure ones, else more than are missing.
    """

    n: int
    k: int
    sure: Array
    open: Array

    def decided(self, apart: Array) -> tuple[Array, bool]:
        """The neighbours, as in :func:`neighbours`, from the distances of the open pairs, in their order."""
        example = self.open // self.n
        missing = self.k - np.bincount(self.sure // self.n, minlength=self.n)
        order = np.lexsort((apart, example))  # stable, so ties go to the lowest index
        begins = np.searchsorted(example, example)  # of each open pair, where those of its example begin
        taken = np.arange(len(order)) - begins < missing[example]
        last = np.flatnonzero(taken[:-1] & ~taken[1:])
        tied = bool((apart[order[last]] == apart[order[last + 1]]).any())
        places = np.sort(np.concatenate([self.sure, self.open[order[taken]]]))
        return (places % self.n).reshape(-1, self.k).astype(np.int32), tied


def neighbours(K: Array, k: int) -> tuple[Array, bool]:
    """The k nearest neighbours of each example, itself excluded.

    Args:
        K: (n, n), a Gram matrix of centred features, float64, or float32 where rounding may decide; n > k.
        k: how many.

    Returns:
        (n, k), int32, in ascending order of index, and whether the index decided between some at equal distances.
    """
    n, diagonal, tied = len(K), np.diagonal(K), False
    found = np.empty((n, k), dtype=np.int32)
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        d = distances.halved(K[start : start + step], diagonal, start)
        last = np.partition(d, k - 1, axis=1)[:, k - 1 : k]
        places = np.flatnonzero(d <= last)
        if len(places) > len(d) * k:  # at least k in each row, so more in some
            places, tied = np.flatnonzero(_first(d, last, k)), True
        found[start : start + step] = (places % n).reshape(-1, k)
    return found, tied


def _first(d: Array, last: Array, k: int) -> Array:
    """A mask of the k smallest of each row, of which ``last`` is the largest, ties to the lowest index: (rows, n)."""
    less, equal = d < last, d == last
    missing = k - np.count_nonzero(less, axis=1, keepdims=True)
    mask: Array = less | (equal & (np.cumsum(equal, axis=1, dtype=np.int32) <= missing))
    return mask


def candidates(K: Array, k: int, slack: float) -> Candidates | None:
    """Who the k nearest neighbours of each example are, as far as a rounded Gram matrix tells.

    Args:
        K: (n, n), a Gram matrix of centred features, float32; n > k.
        k: how many.
        slack: how far half a squared distance may be off; see :func:`slack`.

    Returns:
        None if more than ``OPEN`` n² pairs are open.
    """
    n, diagonal = len(K), np.diagonal(K)
    norms = diagonal * np.float32(slack / 2)
    sure, unsure, left = [], [], OPEN * n**2
    step = max(1, BLOCK // n)
    for start in range(0, n, step):
        most = distances.halved(K[start : start + step], diagonal, start)
        margin = norms[start : start + step, None] + norms
        least = most - margin
        most += margin
        possible = least <= np.partition(most, k - 1, axis=1)[:, k - 1 : k]
        places = np.flatnonzero(possible)
        if len(places) > len(most) * k:  # at least k in each row, so more in some
            rows = np.flatnonzero(np.count_nonzero(possible, axis=1) > k)
            certain = most[rows] < np.partition(least[rows], k - 1, axis=1)[:, k - 1 : k]
            row, column = np.nonzero(possible[rows] & ~certain)
            unsure.append((start + rows[row]) * n + column)
            possible[rows] = certain
            places = np.flatnonzero(possible)
            left -= len(row)
            if left < 0:
                return None
        sure.append(places + start * n)
    return Candidates(n, k, np.concatenate(sure), np.concatenate([np.empty(0, dtype=np.int64), *unsure]))


def slack(p: int) -> float:
    """How far half a squared distance from a float32 Gram may be off, as a share of (K_ii + K_jj) / 2.

    Let u = 2^-24. An inner product of p terms is off by at most γ ‖x‖ ‖y‖, γ = c u, where c terms at most are added one
    after another: p, in whichever order (Higham 2002, Accuracy and Stability of Numerical Algorithms, eq. 3.5), and
    b + p / b in blocks of b (Blanchard, Higham & Mary 2020, SIAM J. Sci. Comput. 42, A1541). Matrix products on a CPU
    add in blocks of a few hundred; ``CHAIN`` + p / ``CHAIN`` holds for all from p / ``CHAIN`` to ``CHAIN``. A GPU may
    add in one chain. If its roundings are independent, they have a standard deviation of at most √p u / 3, and
    ``CHAIN`` + p / ``CHAIN`` ≥ 2 √p is six of these.

    The three products in a distance are off by 2 γ (K_ii + K_jj) / 2 together. Of one example's distances, which alone
    are compared, all have its K_ii, so that only K_jj / 2 and K_ij count: at most (1 + √5) / 2 γ. Centred features are
    rounded up to four times, which is 16 u, and the two sums in a distance 4 u. What counts as 0 is ``distances.ZERO``.
    """
    chain = min(p, CHAIN + p / CHAIN)
    return (1.62 * chain + 20) * UNIT + distances.ZERO


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
