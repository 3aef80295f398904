"""Squared Euclidean distances of examples, from a Gram matrix.

d_ij = K_ii + K_jj − 2 K_ij. Examples that are alike have a distance of 0, of which rounding in a float32 Gram leaves up
to about 1e-6 of K_ii + K_jj. That noise would be ranked like a distance, so what is within it counts as 0.
"""

from __future__ import annotations

import numpy as np

from ..types import Array

ZERO = 2e-6  # largest d / (K_ii + K_jj) of examples that are alike, and least spread of distances that differ


def squared(K: Array, diagonal: Array, start: int) -> Array:
    """Squared distances of some examples to all others in a block of columns.

    Args:
        K: (rows, columns) of a Gram matrix, float32.
        diagonal: (n,), of the whole Gram matrix.
        start: the block has rows ``start`` on, and the last columns.

    Returns:
        (rows, columns), float32, at least 0.
    """
    rows, columns = K.shape
    sums = diagonal[start : start + rows, None] + diagonal[None, len(diagonal) - columns :]
    d: Array = sums - 2 * K
    d[d <= np.float32(ZERO) * sums] = 0
    return d
