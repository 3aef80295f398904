"""Layers of networks of different depth, by relative depth: 0 is the first observed layer, 1 the last.

The network's output is no observed layer and has no relative depth. A run's layer scores are interpolated, straight
between neighbouring layers, at a common grid of relative depths, and levels of a factor are compared at each. What is
compared is exploratory: neighbouring depths share layers, so their rows are copies of each other in part.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..catalogue.claims import CLAIMS, contrast
from ..catalogue.scores import SCORES
from ..records.findings import BY_DEPTH
from ..records.layer_names import OUTPUT
from ..types import Array
from . import claim_tests
from .claim_tests import ClaimTests
from .false_discovery import q_values
from .pairing import Comparison, differences, pairs, with_levels

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Contrast, Findings

GRID = (0.0, 0.25, 0.5, 0.75, 1.0)
# Scores of layers by which claims about levels, and about probes, are tested.
OF_LAYERS = [
    name
    for name in dict.fromkeys(score for claim in CLAIMS.values() for score in (claim.primary[1], *claim.exploratory))
    if SCORES[name].scope == "layer"
]
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
    table["q_value"] = q_values(table["p_value"])
    return table


def of_study(tests: ClaimTests, contrasts: Sequence[Contrast], scores: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """The table ``findings/by_depth``: each contrast at each level of the other factors, by ``OF_LAYERS``.

    Args:
        tests: of the study.
        contrasts: of the study.
        scores: the table of scores of each run.

    Of several ways to match optimizers, the one that decides claims is taken. Interactions are left out.
    """
    of_runs = [
        at_grid(table[table["score"].isin(OF_LAYERS)]).assign(**claim_tests.named(run)) for run, table in scores.items()
    ]
    frame = with_levels(pd.concat(of_runs, ignore_index=True), tests.families)
    found = []
    for comparison, matching, decides in tests.comparisons(contrasts):
        if decides and comparison.level_second is None:
            runs = frame if matching is None else matching.restrict(frame)
            table = compare(runs, comparison, tests.settings)
            columns = comparison.columns()
            found.append(table.assign(**columns, contrast=contrast(**columns)))
    return pd.concat(found)[BY_DEPTH.names] if found else pd.DataFrame(columns=BY_DEPTH.names)
