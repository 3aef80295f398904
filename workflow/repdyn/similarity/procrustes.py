"""Procrustes similarity: how well one representation can be turned onto another.

After centring and division by the Frobenius norm, the best orthogonal map of X_i onto X_j leaves a squared distance of
2 − 2 s, where s = ‖X_iᵀ X_j‖_* / (‖X_i‖ ‖X_j‖) with the nuclear norm (Williams et al. 2021). The similarity is s. It is
no inner product of vectors, so it has no phases.

More features than examples are first replaced by principal coordinates, which have the same inner products: the square
root of a float64 Gram. Time: E² / 2 singular value decompositions of min(n, p) rows. Memory: features or coordinates of
as many representations as fit the budget.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..types import Array
from . import gram, pairwise


def similarities(source: gram.RepresentationSource, budget: float) -> Array:
    """Procrustes similarity of all pairs: (E, E), float64, 1 on the diagonal, NaN for constant representations."""
    E = len(source.features)
    held = int((budget - working(source)) // size(source))
    constant = np.zeros(E, dtype=bool)

    def load(e: int) -> Array:
        T, constant[e] = coordinates(source, e, gram.slice_width(source, budget / 4))
        return T

    found = pairwise.all_pairs(E, max(1, held), load, nuclear)
    found[np.arange(E), np.arange(E)] = 1
    found[constant] = found[:, constant] = np.nan
    return found


def size(source: gram.RepresentationSource) -> float:
    """Bytes of the coordinates of one representation."""
    return 8.0 * source.examples * min(source.examples, max(source.features))


def working(source: gram.RepresentationSource) -> float:
    """Bytes beside the coordinates that are held: those that pass by, a Gram and its vectors, or a product."""
    return 5 * size(source)


def coordinates(source: gram.RepresentationSource, e: int, width: int) -> tuple[Array, bool]:
    """Features of unit norm that have the inner products of representation e, and whether it is constant.

    Returns:
        (n, min(n, p)), float64.
    """
    n, one = source.examples, gram.One(source, e)
    narrow = source.features[e] <= n
    T, norms = np.zeros((n, source.features[e] if narrow else n)), np.zeros((1, 2))
    for part in gram.parts(one, width, gram.Numpy()):
        norms[0] += part.squares
        X = part.X.astype(np.float64)
        if narrow:
            T[:, part.start : part.start + X.shape[1]] = X
        else:
            T += X @ X.T
    if gram.is_constant(one, norms)[0]:
        return np.zeros_like(T), True
    if not narrow:
        values, vectors = linalg.eigh(T, overwrite_a=True)
        T = vectors * np.sqrt(np.maximum(values, 0))
    return T / np.linalg.norm(T), False


def nuclear(X: Array, Y: Array) -> float:
    """The nuclear norm of Xᵀ Y."""
    return float(linalg.svdvals(X.T @ Y, overwrite_a=True, check_finite=False).sum())
