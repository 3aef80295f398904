"""The columns of tables that compare layers or runs: each measure of activations, its p and its calibrated value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import pyarrow as pa

from ..catalogue.measures import ACTIVATIONS, ALWAYS, Measure
from ..storage.tables import nullable, schema
from ..types import Array

P, CALIBRATED = "_p", "_calibrated"  # behind the name of a measure's column


def of_measures(measures: Iterable[Measure]) -> list[pa.Field]:
    """What stands behind CKA and debiased CKA: further measures, and what their null says of all."""
    columns = {}
    for measure in measures:
        if measure.table != ACTIVATIONS:
            continue
        if measure.name not in ALWAYS:
            low, high = measure.range
            columns[measure.column] = (pa.float64(), f"similarity, {low:g} to {high:g}; null where it is not defined")
        columns[measure.column + P] = (
            pa.float64(),
            "p among permutations of the examples; null for a representation with itself",
        )
        columns[measure.column + CALIBRATED] = (
            pa.float64(),
            "similarity above that of permuted examples, 0 to 1; null as p",
        )
    return list(schema(**columns))


def more(declared: pa.Schema, found: pa.Schema) -> list[pa.Field]:
    """What a file with these columns should have behind the declared ones; which measures there are, settings say."""
    return [pa.field(name, pa.float64()) for name in found.names if name not in declared.names]


def rows(similarity: Mapping[str, Array], p: Mapping[str, Array], calibrated: Mapping[str, Array]) -> dict[str, Any]:
    """These columns, from (E, E) arrays of each measure: a row for each ordered pair."""
    found = {}
    for name, values in similarity.items():
        found[name] = nullable(values)
        found[name + P] = nullable(p[name])
        found[name + CALIBRATED] = nullable(calibrated[name])
    return found
