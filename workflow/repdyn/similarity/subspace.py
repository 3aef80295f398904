"""The subspace of the first principal components, and how far two of them overlap.

A representation becomes the projector onto its first r principal components over examples. Similarity of two is the
mean squared cosine of their principal angles (Björck & Golub 1973), ‖V_iᵀ V_j‖² / r, which is the cosine of their
projectors, so a kernel. For unrelated representations it is about r / (n − 1). How many components is our choice.

The subspace is undefined where the r-th and the next eigenvalue of the Gram are equal: any direction between them would
do. With a gap of g = (λ_r − λ_{r+1}) / λ_1, rounding in a float32 Gram changes similarity by about 1e-8 / g, so by .001
at ``GAP``, below which it is null.

Decomposed is the smaller of two matrices: the covariance of features, p³, where p < ``NARROW`` n, or else the Gram. A
large Gram is first tried by block Krylov iteration (Musco & Musco 2015), which takes a few products with ``BLOCK``
vectors where the spectrum decays; only one that is nearly flat takes the n³ of a whole decomposition. Measured, r = 10,
one core: 400 × 400 whole 10 ms, Krylov 23 ms; 2000 × 2500 whole 1.0 s, Krylov 0.15 s where λ_i ~ i^-2. To start from
the checkpoint before saves one block of seven and is not done. Memory: 3 float64 Grams, or 12 blocks of vectors twice.
"""

from __future__ import annotations

import numpy as np
from scipy import linalg

from ..types import Array

GAP = 1e-5  # least gap below the r-th eigenvalue, as a fraction of the first
NARROW = 0.85  # p / n below which the covariance is the cheaper matrix
LARGE = 800  # examples from which on Krylov iteration is tried
BLOCKS = 12  # of vectors at most, in Krylov iteration
CONVERGED = 1e-8  # largest residual, as a fraction of the gap: the sine of the angle to the subspace that is sought


def basis(K: Array, r: int) -> Array:
    """Orthonormal basis of the first r principal components: (n, r), float32, NaN where it is undefined.

    Args:
        K: (n, n), a Gram matrix of centred features, float32.
        r: how many components.
    """
    return components(K, r)[0]


def components(K: Array, r: int) -> tuple[Array, float]:
    """Like :func:`basis`, and the gap below the r-th eigenvalue as a fraction of the first."""
    n = len(K)
    if n <= r:
        return undefined(n, r), 0.0
    K = K.astype(np.float64)
    found = _krylov(K, r) if n >= LARGE and BLOCKS * _block(r) < n / 2 else None
    values, vectors = found or _largest(K, r)
    return resolved(values, vectors[:, :r], r)


def of_features(X: Array, r: int) -> tuple[Array, float]:
    """Like :func:`components`, from centred features (n, p) of which there are fewer than examples."""
    n, p = X.shape
    if min(n, p) < r:
        return undefined(n, r), 0.0
    values, vectors = _largest((X.T @ X).astype(np.float64), min(r, p - 1))
    if p == r:
        values = np.append(values, 0.0)
    # The Gram's eigenvectors are X v / √λ; dividing by the length that rounding has left is not enough to keep angles.
    return resolved(values, np.linalg.qr(X @ vectors[:, :r])[0], r)


def undefined(n: int, r: int) -> Array:
    """NaN in the place of a basis, (n, r)."""
    return np.full((n, r), np.nan, dtype=np.float32)


def resolved(values: Array, V: Array, r: int) -> tuple[Array, float]:
    """A basis, unless there is no gap below the last of r components; and that gap."""
    below = gap(values, r)
    return (V.astype(np.float32) if below > GAP else undefined(*V.shape)), below


def _largest(M: Array, r: int) -> tuple[Array, Array]:
    """The r + 1 largest eigenvalues of a symmetric matrix, the largest first, and eigenvectors as columns."""
    n = len(M)
    values, vectors = linalg.eigh(M, subset_by_index=[n - r - 1, n - 1], check_finite=False)
    return values[::-1], vectors[:, ::-1]


def _block(r: int) -> int:
    return r + 6


def _krylov(K: Array, r: int) -> tuple[Array, Array] | None:
    """Like :func:`_largest`, within the space of V, K V, K² V …; None if that has not converged."""
    n, b = len(K), _block(r)
    Q, W = np.empty((n, 0)), np.empty((n, 0))  # an orthonormal basis, and K Q
    H = np.empty((0, 0))  # Qᵀ K Q
    block = np.random.default_rng(0).normal(size=(n, b))
    for _ in range(BLOCKS):
        for _ in range(2):  # once is not enough where the new block lies nearly in the space
            block -= Q @ (Q.T @ block)
            block = np.linalg.qr(block)[0]
        image = K @ block
        side, corner = Q.T @ image, block.T @ image
        H = np.block([[H, side], [side.T, (corner + corner.T) / 2]])
        Q, W, block = np.hstack([Q, block]), np.hstack([W, image]), image
        values, vectors = np.linalg.eigh(H)
        values, vectors = values[::-1], vectors[:, ::-1]
        residuals = W @ vectors[:, :r] - Q @ (vectors[:, :r] * values[:r])
        if np.linalg.norm(residuals, axis=0).max() <= CONVERGED * max(gap(values, r), GAP) * values[0]:
            return values[: r + 1], Q @ vectors[:, : r + 1]
    return None


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
