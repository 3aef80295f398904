"""Representational similarity analysis: the rank correlation of distances between examples.

A representation becomes the ranks of the distances of all N = n (n − 1) / 2 pairs of examples (Kriegeskorte et al.
2008), Euclidean here. Similarity is Spearman's correlation of two of these, so the cosine of centred ranks, which is a
kernel. Equal distances share the mean of their ranks. Distances closer to each other than a float32 Gram resolves may
change places, which moves the correlation by about 0.002 / N: 3e-8 at 400 examples.

Ranks come from one exact sort of 64-bit integers. The upper half holds the bits of a float32 distance, whose order is
that of the distances because none is negative, and the lower half the place of the pair. Time: N log N. Memory: 28 N
bytes and the ranks, (n, n) float32.
"""

from __future__ import annotations

import numpy as np

from ..types import Array
from . import distances

BLOCK = 2**18  # distances at a time, 1 MiB
SCRATCH = 28  # bytes for each pair of examples


def ranks(K: Array, out: Array | None = None) -> Array:
    """Centred ranks of the distances between examples.

    Args:
        K: (n, n), a Gram matrix of centred features, float32.
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
    keys = _keys(K, N)
    keys.sort()
    found = np.empty((n, n), dtype=np.float32) if out is None else out
    least, most = (keys[[0, -1]] >> np.uint64(32)).astype(np.uint32).view(np.float32) if N else (0.0, 0.0)
    if most - least <= distances.ZERO * most:
        found[:] = 0
        return found
    flat = np.empty(N, dtype=np.float32)
    flat[(keys & np.uint64(2**32 - 1)).view(np.int64)] = _averaged(keys >> np.uint64(32))
    start = 0
    for i in range(n):
        found[i, i] = 0
        row = flat[start : start + n - 1 - i]
        found[i, i + 1 :] = row
        start += len(row)
    mirror(found)
    return found


def _keys(K: Array, N: int) -> Array:
    """The bits of each distance above the diagonal and, below them, its place: (N,), uint64."""
    n, diagonal = len(K), np.diagonal(K).copy()
    keys = np.empty(N, dtype=np.uint64)
    start = 0
    for first in range(0, n, max(1, BLOCK // n)):
        rows = K[first : first + max(1, BLOCK // n), first:]
        d = distances.squared(rows, diagonal, first)
        above = d[np.triu(np.ones(d.shape, dtype=bool), 1)]
        keys[start : start + len(above)] = above.view(np.uint32)
        start += len(above)
    keys <<= np.uint64(32)
    keys |= np.arange(N, dtype=np.uint64)
    return keys


def _averaged(values: Array) -> Array:
    """The centred mean rank of each of N sorted values: (N,), float32."""
    N = len(values)
    firsts = np.flatnonzero(np.concatenate([[True], values[1:] != values[:-1]])) if N else np.zeros(0, dtype=int)
    if len(firsts) == N:
        return np.arange(N, dtype=np.float32) - np.float32((N - 1) / 2)
    ends = np.append(firsts[1:], N)
    means = (firsts + ends - N) / 2  # of firsts … ends − 1, less (N − 1) / 2
    averaged: Array = np.repeat(means.astype(np.float32), ends - firsts)
    return averaged


def mirror(S: Array) -> None:
    """Copy the upper triangle of (n, n) to the lower one, a block at a time."""
    n, step = len(S), 256
    for i in range(0, n, step):
        block = S[i : i + step, i : i + step]
        lower = np.tril_indices(len(block), -1)
        block[lower] = block.T[lower]
        S[i + step :, i : i + step] = S[i : i + step, i + step :].T
