"""Similarity of representations under each measure, and what its null says: p and calibrated values.

Turns representations of the same examples into similarities (``measured.py``), and those with permuted examples
(``permuted.py``) into p and calibrated values (``null.py``): of each pair, or of the best of all pairs of two groups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ..types import Array
from . import gram, measured, null, permuted

if TYPE_CHECKING:
    from ..config.sections import ChosenMeasure, Comparisons


@dataclass(frozen=True)
class Pairs:
    """All pairs of E representations.

    Attributes:
        found: their similarities.
        p: for each measure, (E, E), float64, NaN on the diagonal and where similarity is.
        calibrated: likewise.
    """

    found: measured.Measured
    p: dict[str, Array]
    calibrated: dict[str, Array]


@dataclass(frozen=True)
class Best:
    """The best of all pairs of a representation of one group and one of another, under one measure.

    Attributes:
        fixed, moved: their places in the two groups.
        similarity: the largest there is.
        p, calibrated: of the largest, among the largest of each permutation; NaN without permutations.
    """

    fixed: int
    moved: int
    similarity: float
    p: float
    calibrated: float


def all_pairs(
    source: gram.RepresentationSource,
    chosen: Sequence[ChosenMeasure],
    settings: Comparisons,
    budget: float,
    backend: gram.Backend,
    inputs: Array | None,
) -> Pairs:
    """Compare all representations with each other; of two, the examples of the later one are permuted.

    Args:
        source: E representations.
        chosen: the measures.
        settings: how many permutations, and their seed.
        budget: bytes.
        backend: where to compute.
        inputs: (n, pixels), the examples as the network gets them, for deconfounded CKA.

    Raises:
        RepdynError: as ``measured.similarities`` and ``permuted.similarities``.
    """
    E = len(source.features)
    values = {}
    if settings.permutations and E > 1:
        orders = null.orders(source.examples, settings.permutations, settings.seed)
        above = np.triu(np.ones((E, E), dtype=bool), 1)
        values = permuted.similarities(source, chosen, orders, budget, backend, inputs, wanted=above)
    found = measured.similarities(source, chosen, budget, backend, inputs)
    p, calibrated = {}, {}
    for name, S in found.matrices.items():
        p[name] = calibrated[name] = np.full((E, E), np.nan)
        if name in values:
            undefined = np.isnan(S)
            p[name] = np.where(undefined, np.nan, null.both_ways(null.p_values(values[name])))
            calibrated[name] = np.where(undefined, np.nan, null.both_ways(null.calibrated(values[name])))
    return Pairs(found, p, calibrated)


def best(
    source: gram.RepresentationSource,
    sides: permuted.Sides,
    chosen: Sequence[ChosenMeasure],
    settings: Comparisons,
    budget: float,
    backend: gram.Backend,
    inputs: Array | None,
) -> dict[str, Best | None]:
    """For each measure the two representations, one of each side, that are most alike; None where none is defined.

    Args:
        source: the representations of both sides.
        sides: which are on which side; the examples of the moved one are permuted, alike for all.
        chosen: the measures.
        settings: how many permutations, and their seed.
        budget: bytes.
        backend: where to compute.
        inputs: (n, pixels), the examples as the network gets them, for deconfounded CKA.

    Raises:
        RepdynError: as :func:`all_pairs`.
    """
    values = {}
    if settings.permutations:
        orders = null.orders(source.examples, settings.permutations, settings.seed)
        values = permuted.similarities(source, chosen, orders, budget, backend, inputs, sides)
    whole = measured.similarities(source, chosen, budget, backend, inputs).matrices
    found: dict[str, Best | None] = {}
    for name, matrix in whole.items():
        S = matrix[np.ix_(sides.fixed, sides.moved)]
        if np.isnan(S).all():
            found[name] = None
            continue
        i, j = divmod(int(np.nanargmax(S)), S.shape[1])
        p = calibrated = float("nan")
        if name in values:
            largest = null.maxima(np.where(np.isnan(S), np.nan, values[name]))
            p, calibrated = float(null.p_values(largest)), float(null.calibrated(largest))
        found[name] = Best(i, j, float(S[i, j]), p, calibrated)
    return found
