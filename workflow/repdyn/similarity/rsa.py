"""Representational similarity analysis: the rank correlation of distances between examples.

A representation becomes the ranks of the distances of all N = n (n − 1) / 2 pairs of examples (Kriegeskorte et al.
2008), Euclidean here. Similarity is Spearman's correlation of two of these, so the cosine of centred ranks, which is a
kernel. Equal distances share the mean of their ranks. Distances closer to each other than a float32 Gram resolves may
change places, which moves the correlation by about 0.002 / N: 3e-8 at 400 examples. Where there are fewer examples, or
distances are small beside the examples' norms, the Gram is float64 (``precision.py``).

Many pairs are counted in bins of the bits of their float32 distances, whose order is that of the distances because none
is negative. The distance 0 has a bin of its own. Bins that hold c pairs take a share Σ (c³ − c) / (N³ − N) from the
variance of the ranks. Where that is more than ``MERGED``, as where one example is far from all others, or where pairs
are few, ranks come from an exact sort of 64-bit integers: the bits of a distance, and below them the place of the pair.
Those of a float64 Gram are sorted with their places apart.

Time: N in bins, N log N in a sort: 40 and 90 ms at 2000 examples. Memory: ``SCRATCH`` N bytes, and the ranks, (n, n)
float32.
"""

from __future__ import annotations

import numpy as np

from ..types import Array
from . import distances

BINS = 2**18
MANY = 2**19  # pairs from which on bins are faster than a sort
MERGED = 1e-7  # largest share of the ranks' variance that bins may take
BLOCK = 2**15  # distances at a time, which stay in the cache
SCRATCH = 42  # bytes of memory for each pair of examples, besides the Gram and the ranks
UPPER, LOWER = np.uint64(32), np.uint64(2**32 - 1)  # bits of a key


def ranks(K: Array, out: Array | None = None) -> Array:
    """Centred ranks of the distances between examples.

    Args:
        K: (n, n), a Gram matrix of centred features, float32 or float64.
        out: (n, n), float32, where to write, which may be K.

    Returns:
        (n, n), float32: symmetric, 0 on the diagonal, 0 everywhere if all distances are equal up to rounding. Above the
        diagonal, the mean is 0 and the ranks are 1 apart.

    Raises:
        ValueError: if there are too many pairs for 32 bits (n > 92,000).
    """
    n = len(K)
    N = n * (n - 1) // 2
    if N > 2**32:
        raise ValueError(f"{n} examples have too many pairs to be ranked")
    bits = _bits(K, N)
    found = np.empty((n, n), dtype=np.float32) if out is None else out
    least, most = (int(bits.min()), int(bits.max())) if N else (0, 0)
    nearest, farthest = np.array([least, most]).astype(f"u{K.itemsize}").view(K.dtype)
    if farthest - nearest <= distances.ZERO * farthest:
        found[:] = 0
        return found
    if K.dtype == np.float64:
        flat: Array | None = _sorted_apart(bits)
    else:
        flat = _binned(bits, most) if N >= MANY else None
    if flat is None:
        flat = _sorted(bits)
    start = 0
    for i in range(n):
        found[i, i] = 0
        row = flat[start : start + n - 1 - i]
        found[i, i + 1 :] = row
        start += len(row)
    mirror(found)
    return found


def _bits(K: Array, N: int) -> Array:
    """The bits of each distance above the diagonal: (N,), int64."""
    n, diagonal = len(K), np.diagonal(K).copy()
    bits = np.empty(N, dtype=np.int64)
    start, step = 0, max(1, BLOCK // n)
    for first in range(0, n, step):
        d = distances.halved(K[first : first + step, first:], diagonal, first).view(f"u{K.itemsize}")
        for i, row in enumerate(d):
            above = row[i + 1 :]
            bits[start : start + len(above)] = above
            start += len(above)
    return bits


def _binned(bits: Array, most: int) -> Array | None:
    """The centred mean rank of the bin of each distance: (N,), float32; None if bins would merge too much."""
    N = len(bits)
    least = int(bits.min()) or int(bits.min(where=bits > 0, initial=most))
    shift = max(0, (most - least).bit_length() - (BINS - 1).bit_length())
    bins = bits - least
    bins >>= shift
    bins += 1
    np.maximum(bins, 0, out=bins)  # of the distance 0
    counts = np.bincount(bins)
    c = counts[1:].astype(np.float64)
    if shift and (c**3 - c).sum() / (float(N) ** 3 - N) > MERGED:
        return None
    averaged: Array = _centred_means(np.concatenate([[0], np.cumsum(counts)]), N).take(bins)
    return averaged


def _sorted(bits: Array) -> Array:
    """The centred mean rank of each distance: (N,), float32; overwrites the bits."""
    N = len(bits)
    keys = bits.view(np.uint64)
    for first in range(0, N, BLOCK):  # in the cache
        part = keys[first : first + BLOCK]
        part <<= UPPER
        part |= np.arange(first, first + len(part), dtype=np.uint64)
    keys.sort()
    places = (keys & LOWER).view(np.int64)
    keys >>= UPPER
    begins = keys[1:] != keys[:-1]
    ends = np.concatenate([[0], np.flatnonzero(begins) + 1, [N]])
    value = bits  # of each place in the order, which of the distinct distances
    value[0] = 0
    np.cumsum(begins, out=value[1:])
    averaged = np.empty(N, dtype=np.float32)
    averaged[places] = _centred_means(ends, N).take(value)
    return averaged


def _sorted_apart(bits: Array) -> Array:
    """Like :func:`_sorted`, of bits that fill 64; sorts them."""
    N = len(bits)
    places = np.argsort(bits)
    bits.sort()
    begins = np.ones(N + 1, dtype=bool)
    np.not_equal(bits[1:], bits[:-1], out=begins[1:-1])
    means = _centred_means(np.flatnonzero(begins), N)
    value = bits  # of each place in the order, which of the distinct distances
    np.cumsum(begins[:-1], out=value)
    value -= 1
    averaged = np.empty(N, dtype=np.float32)
    averaged[places] = means.take(value)
    return averaged


def _centred_means(ends: Array, N: int) -> Array:
    """Means of the ranks ends[i] … ends[i + 1] − 1, less (N − 1) / 2, that of all: float32."""
    sums = ends[1:] + ends[:-1]
    sums -= N
    means: Array = sums.astype(np.float32)
    means *= np.float32(0.5)
    return means


def mirror(S: Array) -> None:
    """Copy the upper triangle of (n, n) to the lower one, a block at a time."""
    n, step = len(S), 256
    for i in range(0, n, step):
        block = S[i : i + step, i : i + step]
        lower = np.tril_indices(len(block), -1)
        block[lower] = block.T[lower]
        S[i + step :, i : i + step] = S[i : i + step, i + step :].T
