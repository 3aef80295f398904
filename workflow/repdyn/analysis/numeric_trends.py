"""Trends of a study's scores over the numeric factors of its grid, and the values that they are made of.

Which scores these are is declared here. All of it is exploratory: a row has a q-value over the whole table (Benjamini &
Hochberg 1995), and no verdict. A trend is of one cell of the other factors, with seeds as replicates (``trends.py``).

Time: a few ms for each row.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from ..catalogue.claims import CLAIMS
from ..catalogue.factors import ARCH, FACTORS
from ..catalogue.scores import (
    CHANGE_BEYOND_TWIN,
    CHANGE_EARLY,
    CHANGE_FITTED,
    TEST_ACCURACY_BEST,
    TEST_ACCURACY_END,
)
from ..records.findings import TREND_VALUES, TRENDS
from ..records.layer_names import RUN
from . import trends
from .claim_tests import ClaimTests
from .false_discovery import q_values
from .numeric_factors import OfGrid
from .pairing import UNNAMED
from .twins import NOISE

HISTORY = (TEST_ACCURACY_BEST, TEST_ACCURACY_END)  # scores of a run's history, which have no measure
# Measure and score: those that decide claims about levels, and what is asked for beside them.
SCORES: tuple[tuple[str | None, str], ...] = (
    *((None, score) for score in HISTORY),
    *dict.fromkeys(claim.primary for claim in CLAIMS.values() if claim.test == "levels"),
    *(("cka", score) for score in (CHANGE_EARLY, CHANGE_FITTED, CHANGE_BEYOND_TWIN)),
)
# Setting and score whose trend was declared to rise, before any run.
RISING = {(NOISE, CHANGE_BEYOND_TWIN)}


def of_study(tests: ClaimTests, grid: Sequence[OfGrid]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``findings/trends`` and ``findings/trend_values``.

    Args:
        tests: of the study.
        grid: its numeric factors.

    A score that no run of a factor's levels has is left out.
    """
    rows, of_runs = [], []
    for measure, score in SCORES:
        runs = tests.runs.rename(columns={score: "value"}) if score in HISTORY else tests.of_score(measure, score)
        runs = runs[[*RUN, "value"]].dropna(subset=["value"])
        for factor in grid:
            there = runs if factor.arch is None else runs[runs[ARCH] == factor.arch]
            there = there[there[factor.factor].isin(list(factor.of.levels))]
            there = there.assign(
                factor=factor.factor, setting=factor.of.setting, group=factor.group, measure=measure, score=score,
                level=there[factor.factor].map(factor.of.levels),
            )  # fmt: skip
            of_runs.append(there)
            others = [name for name in FACTORS if name != factor.factor]
            for levels, cell in there.groupby(others, sort=False):
                found = _trend(tests, factor, measure, score, cell)
                rows.append(found | dict(zip(others, levels, strict=True)))
    table = pd.DataFrame(rows, columns=TRENDS.names)
    table["q_value"] = q_values(table["p_value"])
    values = pd.concat(of_runs)[TREND_VALUES.names] if of_runs else pd.DataFrame(columns=TREND_VALUES.names)
    return tuple(_in_order(frame) for frame in (table, values))  # type: ignore[return-value]


def _trend(tests: ClaimTests, factor: OfGrid, measure: str | None, score: str, cell: pd.DataFrame) -> dict[str, object]:
    """A row of ``TRENDS``, but for the levels of other factors."""
    settings, rising = tests.settings, (factor.of.setting, score) in RISING
    trend = trends.trend(cell, settings.confidence, settings.resamples, settings.seed, rising=rising)
    names = ("estimate", "ci_low", "ci_high", "p_value", "p_flips", "p_levels", "reason")
    left_out = sorted(set(factor.of.levels.values()) - set(trend.levels))
    return {name: getattr(trend, name) for name in names} | {
        "factor": factor.factor,
        "setting": factor.of.setting,
        "group": factor.group,
        "measure": measure,
        "score": score,
        "rising": rising,
        "n_seeds": len(trend.of_seeds),
        "n_levels": len(trend.levels),
        "levels": _listed(trend.levels),
        "left_out": _listed(left_out) or None,
    }


def _listed(levels: Sequence[float]) -> str:
    return "; ".join(f"{level:g}" for level in levels)


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    """By factor and setting, else as found; data without a name are null."""
    found = frame.sort_values(["factor", "setting"], kind="stable", ignore_index=True)
    return found.assign(**{name: found[name].replace({UNNAMED: None}) for name in FACTORS})
