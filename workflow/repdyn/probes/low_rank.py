"""Lossless reduction of p > n features to the r ≤ n dimensions that n examples span.

Standardised features Z, (n, p) with p > n, are T Vᵀ with T of (n, r), r ≤ n, and V of (p, r) with orthonormal columns.
T keeps the inner products between examples. So a linear classifier with a penalty on its norm can be found on T, and V
maps it to the features. This is exact, unlike a random projection.

T is the pivoted Cholesky factor of the Gram matrix K = Z Zᵀ, computed in blocks of features. V = Zₚᵀ L⁻ᵀ, where Zₚ are
the r pivot examples and L their rows of T. Time: n² p + n³ / 3 multiplications, once for all classifiers of a layer.
Memory: three times n² float64, and a block of features.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpstrf

from ..types import Array

FEW, ROUNDOFF = 256, float(np.finfo(np.float64).eps) / 2
# Yields standardised features block by block: which features, and their values (n, block) in float64.
Blocks = Callable[[], Iterator[tuple[slice, Array]]]


@dataclass(frozen=True)
class Thin:
    """Features in the coordinates that their examples span.

    Attributes:
        coordinates: T, (n, r) float64.
        pivots: (r,), the examples that span the others.
        triangle: L, (r, r), lower triangular, their coordinates.
    """

    coordinates: Array
    pivots: Array
    triangle: Array
    _blocks: Blocks

    def to_features(self, weight: Array, p: int) -> Array:
        """Map a weight on coordinates, (r, m), to one on features, (p, m)."""
        solved = solve_triangular(self.triangle, weight, trans="T", lower=True) if weight.size else weight
        wide = np.empty((p, weight.shape[1]))
        for part, Z in self._blocks():
            wide[part] = Z[self.pivots].T @ solved
        return wide

    def to_coordinates(self, weight: Array) -> Array:
        """Project a weight on features, (p, m), to the span of the examples: a weight on coordinates, (r, m)."""
        seen = np.zeros((len(self.pivots), weight.shape[1]))
        for part, Z in self._blocks():
            seen += Z[self.pivots] @ weight[part]
        return solve_triangular(self.triangle, seen, lower=True) if seen.size else seen


def gram(blocks: Iterable[tuple[slice, Array]], n: int) -> Array:
    """The Gram matrix (n, n) of the features of n examples, which come in blocks."""
    found = np.zeros((n, n))
    for _, Z in blocks:
        found += Z @ Z.T
    return found


def factorise(blocks: Blocks, n: int) -> Thin:
    """Reduce the features of n examples, which come in blocks."""
    K = gram(blocks(), n)
    # Stops at the rank: where no residual exceeds n times the unit roundoff times the largest diagonal entry. Of few
    # examples that is less than what sums over features are rounded by, and as much as of FEW is allowed.
    tolerance = FEW * ROUNDOFF * float(K.diagonal().max(initial=0.0)) if n < FEW else -1.0
    factor, order, rank, _ = dpstrf(K, tol=tolerance, lower=1, overwrite_a=True)
    pivots = order - 1
    coordinates = np.empty((n, rank))
    coordinates[pivots] = np.tril(factor)[:, :rank]
    return Thin(coordinates, pivots[:rank], coordinates[pivots[:rank]], blocks)
