"""Agreement of classifiers on the same points: plain agreement, and Cohen's kappa.

Somepalli et al. 2022 score decision regions by the share of points with the same label (which they call IoU); Sharon &
Dar 2024 call that decision regions similarity, DRS. Two classifiers that both predict one class nearly everywhere agree
without having anything in common. So kappa (Cohen 1960) is given beside it: the agreement in excess of what the two
classifiers' class frequencies alone would give.

Labels come in pieces whose counts add up exactly, so memory does not depend on the number of points. Time for all pairs
of E classifiers: E² / 2 comparisons of one byte for each point, a third of the time of one product of one-hot matrices
(measured: 30 classifiers, 10 classes).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Array

PIECE = 1 << 15  # points; the pieces of E classifiers fit into the processor's cache


@dataclass(frozen=True)
class Counts:
    """Counts that compare E classifiers; add counts on other points with ``+``.

    Attributes:
        same: (E, E) int64, points with the same label.
        classes: (E, C) int64, points of each class.
    """

    same: Array
    classes: Array

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.same + other.same, self.classes + other.classes)

    @property
    def similarity(self) -> Array:
        """(E, E) float64: share of points with the same label."""
        total = self.classes.sum(axis=1)[0]
        share: Array = self.same / total
        return share

    @property
    def kappa(self) -> Array:
        """(E, E) float64: Cohen's kappa; NaN where both classifiers give all points the same class."""
        total = self.classes.sum(axis=1)[0]
        expected = (self.classes @ self.classes.T) / float(total) ** 2
        # Compare integers: chance agreement is exactly 1 only if both give all points the same class.
        degenerate = self.classes @ self.classes.T == total**2
        kappa = np.full_like(expected, np.nan)
        np.divide(self.similarity - expected, 1.0 - expected, out=kappa, where=~degenerate)
        return kappa


def nothing(classifiers: int, classes: int) -> Counts:
    """Counts on no points: the start of a sum."""
    same, frequencies = (np.zeros((classifiers, columns), dtype=np.int64) for columns in (classifiers, classes))
    return Counts(same, frequencies)


def count(labels: Sequence[Array] | Array, classes: int) -> Counts:
    """Counts for E classifiers that labelled the same n points.

    Args:
        labels: E arrays (n,) of unsigned integers below ``classes``.
        classes: C.
    """
    same = np.zeros((len(labels), len(labels)), dtype=np.int64)
    for start in range(0, len(labels[0]), PIECE):
        piece = np.stack([row[start : start + PIECE] for row in labels])
        for i in range(len(labels)):
            same[i, i:] += np.count_nonzero(piece[i:] == piece[i], axis=1)
    same += np.triu(same, 1).T
    return Counts(same, np.stack([np.bincount(row, minlength=classes) for row in labels]))
