"""CKA of a representation and how it was a moment before, precise where hardly anything has changed.

Turns (n, p) into its centred Gram of norm 1, K̂, so that a moment is kept as (n, n) numbers, whatever p. CKA (Kornblith
et al. 2019, eq. 4) is then ⟨K̂_a, K̂_b⟩ = 1 − ‖K̂_a − K̂_b‖² / 2. The difference resolves changes of 1e-12, where
rounding of float32 Grams leaves 1e-7 of an inner product.

Time: n² p for a Gram. Memory: a copy of the features, and the Gram.
"""

from __future__ import annotations

import math

import torch

from .distances import CONSTANT

SMALLEST, LARGEST = 1e-6, 1e6  # norms of a representation that leave room for those of its Gram in float32


def gram(X: torch.Tensor) -> torch.Tensor | None:
    """The centred Gram of a representation, divided by its norm.

    Args:
        X: (n, p), floats on any device.

    Returns:
        (n, n), float32 on the CPU; None for a constant representation, and where something is not finite.
    """
    X = X.float()
    total = float(torch.linalg.vector_norm(X))
    if not SMALLEST < total < LARGEST:  # squares of the Gram would overflow or vanish
        X = X / X.abs().max()
        total = float(torch.linalg.vector_norm(X))
    X = X - X.mean(dim=0)
    X -= X.mean(dim=0)  # where means are large, rounding leaves some of them
    if not float(torch.linalg.vector_norm(X)) > math.sqrt(CONSTANT) * total:  # NaN, too
        return None
    K: torch.Tensor = (X @ X.T).cpu()
    K /= torch.linalg.vector_norm(K)
    return K


def cka(before: torch.Tensor | None, after: torch.Tensor | None) -> float | None:
    """CKA of two moments, each as :func:`gram` gives it; None if either is constant."""
    if before is None or after is None:
        return None
    return 1 - float(torch.linalg.vector_norm(after - before)) ** 2 / 2
