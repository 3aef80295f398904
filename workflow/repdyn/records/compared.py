"""The columns of tables that compare layers or runs: each measure of activations, its p and its calibrated value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from ..catalogue.measures import ACTIVATIONS, Measure
from ..storage.tables import nullable, schema
from ..types import Array
from .cka import further

P, CALIBRATED = "_p", "_calibrated"  # behind the name of a measure's column


def of_measures(measures: Iterable[Measure]) -> list[pa.Field]:
    """What stands behind CKA and debiased CKA: further measures, and what their null says of all."""
    fields: list[pa.Field] = []
    for measure in measures:
        if measure.table == ACTIVATIONS:
            p = (pa.float64(), "p among permutations of the examples; null for a representation with itself")
            above = (pa.float64(), "similarity above that of permuted examples, 0 to 1; null as p")
            fields += further([measure])
            fields += schema(**{measure.column + P: p, measure.column + CALIBRATED: above})
    return fields


def rows(similarity: Mapping[str, Array], p: Mapping[str, Array], calibrated: Mapping[str, Array]) -> dict[str, Any]:
    """These columns, from (E, E) arrays of each measure: a row for each ordered pair."""
    found = {}
    for name, values in similarity.items():
        found[name] = nullable(values)
        found[name + P] = nullable(p[name])
        found[name + CALIBRATED] = nullable(calibrated[name])
    return found
