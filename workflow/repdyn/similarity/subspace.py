"""The subspace of the first principal components, and how far two of them overlap.

A representation becomes the projector onto its first r principal components over examples. Similarity of two is the
mean squared cosine of their principal angles (Björck & Golub 1973), ‖V_iᵀ V_j‖² / r, which is the cosine of their
projectors, so a kernel. For unrelated representations it is about r / (n − 1). How many components is our choice.

The subspace is undefined where the r-th and the next eigenvalue of the Gram are equal: any direction between them would
do. With a gap of g = (λ_r − λ_{r+1}) / λ_1, rounding in a float32 Gram moves it by about 1e-8 / g. At ``GAP`` it is no
longer the data that decide.

Time: a few products of the Gram with a block of vectors. Memory: 4 n² bytes beside the Gram at most, about 1 kB times n
for most.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..types import Array

GAP = 1e-6  # least gap below the r-th eigenvalue, as a fraction of the first


def basis(K: Array, r: int) -> Array:
    """Orthonormal basis of the first r principal components.

    Args:
        K: (n, n), a Gram matrix of centred features, float32.
        r: how many components.

    Returns:
        (n, r), float32, with orthonormal columns; NaN where the subspace is undefined.
    """
    n = len(K)
    undefined = np.full((n, r), np.nan, dtype=np.float32)
    if n <= r:
        return undefined
    values, vectors = linalg.eigh(K.astype(np.float64), subset_by_index=[n - r - 1, n - 1])
    if gap(values[::-1], r) <= GAP:
        return undefined
    found: Array = vectors[:, 1:].astype(np.float32)
    return found


def gap(values: Array, r: int) -> float:
    """The gap below the r-th eigenvalue, as a fraction of the first; 0 where there is none.

    Args:
        values: the r + 1 largest eigenvalues, the largest first.
        r: how many components.
    """
    if not values[0] > 0:
        return 0.0
    return float((values[r - 1] - max(values[r], 0.0)) / values[0])


def overlaps(bases: Array) -> Array:
    """Mean squared cosine of the principal angles of each two subspaces: (E, E), float64, NaN where one is undefined.

    Args:
        bases: (E, n, r).
    """
    E, n, r = bases.shape
    V = bases.transpose(1, 0, 2).reshape(n, E * r).astype(np.float64)
    squares = np.square(V.T @ V)
    found: Array = squares.reshape(E, r, E, r).sum(axis=(1, 3)) / r
    return found
