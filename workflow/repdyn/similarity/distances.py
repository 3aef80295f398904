"""Half the squared Euclidean distances of examples, from a Gram matrix: (K_ii + K_jj) / 2 − K_ij.

Measures use their order alone, for which the half is as good. Examples that are alike have a distance of 0, of which
rounding in a float32 Gram leaves up to about 1e-6 of K_ii + K_jj. That noise would be ranked like a distance, so what
is within it counts as 0. The sum of the norms comes first, so that rounding does the same to (i, j) and (j, i).

From a float64 Gram, distances are rounded to ``DIGITS`` binary digits, far more than features have, so that equal ones
are equal.
"""

from __future__ import annotations

import numpy as np

from ..types import Array

# Largest share of (K_ii + K_jj) / 2 that is 0, and of the farthest by which the nearest and the farthest differ.
ZERO = 2e-6
FINE_ZERO = 1e-12  # the same of a float64 Gram
DIGITS = 36
# Largest ‖X centred‖² / ‖X‖² of a constant: float32 rounding leaves about 1e-14, and a spread of a thousandth of the
# mean gives 1e-6.
CONSTANT = 1e-12


def halved(K: Array, diagonal: Array, start: int) -> Array:
    """Half the squared distances of some examples to all others in a block of columns.

    Args:
        K: (rows, columns) of a Gram matrix, float32 or float64.
        diagonal: (n,), of the whole Gram matrix.
        start: the block has rows ``start`` on, and the last columns.

    Returns:
        (rows, columns), of the type of K, at least 0; infinite for an example and itself.
    """
    rows, columns = K.shape
    zero = K.dtype.type(ZERO if K.dtype == np.float32 else FINE_ZERO)
    norms = diagonal * K.dtype.type(0.5)
    one, other = norms[start : start + rows, None], norms[None, len(norms) - columns :]
    d: Array = one + other
    d -= K
    places = np.arange(rows)
    d[places, start + places - (len(norms) - columns)] = np.inf
    # Mostly no two examples are alike, which one number tells.
    if d.min(initial=np.inf) <= zero * (one.max(initial=0) + other.max(initial=0)):
        d[d <= zero * (one + other)] = 0
    if K.dtype == np.float64:
        round_(d)
    return d


def round_(d: Array) -> None:
    """Round float64 numbers to ``DIGITS`` binary digits, in place; infinite ones stay."""
    bits, dropped = d.view(np.int64), np.finfo(np.float64).nmant - DIGITS
    bits += 1 << (dropped - 1)
    bits &= -(1 << dropped)
