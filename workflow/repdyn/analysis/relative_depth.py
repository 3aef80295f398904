"""Layers of networks of different depth, by relative depth: 0 is the first observed layer, 1 the last.

The network's output is no observed layer and has no relative depth. A run's layer scores are interpolated, straight
between neighbouring layers, at a common grid of relative depths, and levels of a factor are compared at each. What is
compared is exploratory: neighbouring depths share layers, so their rows are copies of each other in part.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy import stats

from ..records.layer_names import OUTPUT
from ..types import Array
from . import claim_tests
from .pairing import Comparison, differences, pairs

if TYPE_CHECKING:
    from ..config.sections import Findings

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
COMPARED = ["measure", "score", "relative_depth", "estimate", "ci_low", "ci_high", "p_value", "n_seeds", "q_value"]


def relative(depth: Array, layers: int) -> Array:
    """Relative depth, depth / (layers − 1); NaN beyond the observed layers, and where there is a single layer.

    Args:
        depth: observed layers from the input; NaN stays NaN.
        layers: number of observed layers.
    """
    depth = np.asarray(depth, dtype=float)
    if layers < 2:
        return np.full(depth.shape, np.nan)
    found: Array = np.where(depth <= layers - 1, depth / (layers - 1), np.nan)
    return found


def at_grid(scores: pd.DataFrame) -> pd.DataFrame:
    """A run's layer scores at the relative depths of ``GRID``: measure, score, relative_depth, value.

    Args:
        scores: a run's table of scores: layer, relative_depth, measure, score, value.

    There is no value beyond the first and the last layer that have one.
    """
    of_layers = scores[scores["relative_depth"].notna() & (scores["layer"] != OUTPUT)].dropna(subset=["value"])
    rows = []
    for (measure, score), group in of_layers.groupby(["measure", "score"], dropna=False, sort=False):
        layers = group.sort_values("relative_depth")
        values = np.interp(GRID, layers["relative_depth"], layers["value"], left=np.nan, right=np.nan)
        rows.append(
            pd.DataFrame({"measure": measure, "score": score, "relative_depth": GRID, "value": values}).dropna(
                subset=["value"]
            )
        )
    columns = ["measure", "score", "relative_depth", "value"]
    return pd.concat(rows, ignore_index=True) if rows else pd.DataFrame(columns=columns)


def compare(frame: pd.DataFrame, comparison: Comparison, settings: Findings) -> pd.DataFrame:
    """Compare two levels at each relative depth, seeds as replicates: ``COMPARED``.

    Args:
        frame: rows of :func:`at_grid` of all runs, with the columns of runs that ``pairing.pairs`` needs.
        comparison: of the levels.
        settings: the section ``findings`` of the config.

    q is over the rows of this comparison (Benjamini & Hochberg 1995).
    """
    rows = []
    for keys, runs in frame.groupby(["measure", "score", "relative_depth"], dropna=False, sort=False):
        found = differences(pairs(runs, comparison))
        if len(found):
            rows.append(dict(zip(COMPARED[:3], keys, strict=True)) | claim_tests.test(found, settings))
    table = pd.DataFrame(rows, columns=COMPARED)
    tested = table["p_value"].notna()
    if tested.any():
        table.loc[tested, "q_value"] = stats.false_discovery_control(table.loc[tested, "p_value"].astype(float))
    return table
