"""What similarity unrelated representations would have: a permutation null over examples.

Many measures are far above 0 for representations that have nothing to do with each other, the more so the more features
there are for each example. The null distribution comes from shuffling the examples of one of the two, which breaks the
correspondence and keeps everything else (Gröger et al. 2026, arXiv 2602.14486, algorithm 1). All pairs are shuffled
alike, so that the largest of many similarities has a null of its own (algorithm 2): that of the largest.

With s the similarity and s_1 … s_B those of the B permutations,

    p = (1 + #{b: s_b ≥ s}) / (1 + B)
    calibrated = (s − τ) / (s_max − τ), from 0 to 1, with τ the ⌈(1 − α)(1 + B)⌉-th smallest of s, s_1 … s_B

So a calibrated value above 0 is a similarity beyond the ``LEVEL`` α of the null, and it is 1 for the largest
similarity possible. p is at least 1 / (1 + B).

A null says what is seen where the *examples* have nothing in common. Layers that only hold the same classes, or the
pixels of the same images, do have something in common.
"""

from __future__ import annotations

import itertools
import math
import warnings

import numpy as np

from ..types import Array

LEVEL = 0.05  # of the threshold τ, that of Gröger et al. 2026
ROUNDING = 1e-7  # a similarity of a permutation is as large as the one seen if it is no further below it


def orders(n: int, permutations: int, seed: int) -> Array:
    """Orders of n things: as they are, then permutations of them.

    If there are no more permutations than asked for, each is there once, and the test is exact: for 4 things p is at
    least 1 / 24. Else they are drawn independently.

    Returns:
        (1 + B, n), int64, where B is ``permutations`` or less.
    """
    if n <= 12 and math.factorial(n) - 1 <= permutations:
        return np.array(list(itertools.permutations(range(n))))  # the first leaves them as they are
    random = np.random.default_rng(seed)
    drawn = random.permuted(np.tile(np.arange(n), (permutations, 1)), axis=1)
    return np.concatenate([np.arange(n)[None], drawn])


def p_values(values: Array) -> Array:
    """The share of permutations, the order as it is among them, in which similarity is as large as it is.

    Args:
        values: (1 + B, …), similarities in each order of :func:`orders`.

    Returns:
        (…), float64, NaN where the similarity is.
    """
    count = 1 + (values[1:] >= values[0] - ROUNDING).sum(axis=0)
    p: Array = np.where(np.isnan(values[0]), np.nan, count / len(values))
    return p


def calibrated(values: Array, largest: float = 1.0) -> Array:
    """How far similarity is above what the permutations give, as a fraction of what is possible.

    Args:
        values: (1 + B, …), similarities in each order of :func:`orders`.
        largest: the similarity of a representation with itself.

    Returns:
        (…), float64, 0 to 1, NaN where the similarity is.
    """
    place = min(max(math.ceil((1 - LEVEL) * len(values)), 1), len(values)) - 1
    threshold = np.partition(values, place, axis=0)[place]
    room = np.maximum(largest - threshold, 1e-12)
    above: Array = np.clip((values[0] - threshold) / room, 0, 1)
    return np.where(np.isnan(values[0]), np.nan, above)


def maxima(values: Array) -> Array:
    """The largest similarity of each order, where it is defined: (1 + B, A, B) becomes (1 + B,), NaN if none is."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # for nothing but NaN
        found: Array = np.nanmax(values.reshape(len(values), -1), axis=1)
    return found


def both_ways(above: Array) -> Array:
    """Values (E, E) of pairs in either order, from those above the diagonal; NaN on it."""
    upper = np.triu(above, 1)
    found: Array = upper + upper.T
    np.fill_diagonal(found, np.nan)
    return found
