"""Pairs of runs: every pair that enters an estimate.

A pair is two runs of one seed that differ in one factor only, or one run and 0. A family of optimizers may have several
members: then each run of the first level is paired with each of the second, and a seed's difference is their mean. An
interaction is a difference of differences, so the pairs of the level that is taken away have negative weights.

Time and memory: negligible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import pandas as pd

from ..catalogue.claims import ARCH, OPTIMIZER, OTHER

SIDES = ["arch_first", "optimizer_first", "arch_second", "optimizer_second"]
COLUMNS = [*SIDES, "seed", "value_first", "value_second", "weight"]


@dataclass(frozen=True)
class Comparison:
    """Two levels of a factor at a level of the other one, or one cell of the grid and 0.

    Attributes:
        factor: of the levels; None for a row about no runs in particular.
        first: the level that a claim is about.
        second: the other level; None if the first is compared with 0.
        level: of the other factor; None for all of its levels.
        level_second: for an interaction, the level whose difference is taken away; else None.
        matching: how optimizers are matched; None if all are compared.
    """

    factor: str | None = None
    first: str | None = None
    second: str | None = None
    level: str | None = None
    level_second: str | None = None
    matching: str | None = None

    def columns(self) -> dict[str, str | None]:
        """Its columns in tables."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def with_levels(frame: pd.DataFrame, families: Mapping[str, str]) -> pd.DataFrame:
    """Rows of runs with their family of optimizers, ``family``, beside arch, optimizer and seed."""
    return frame.assign(family=frame["optimizer"].map(families))


def of_level(runs: pd.DataFrame, factor: str, level: str) -> pd.DataFrame:
    """The runs of a level: of an architecture, or of a family of optimizers.

    Raises:
        KeyError: if there is no such factor.
    """
    return runs[runs[{ARCH: "arch", OPTIMIZER: "family"}[factor]] == level]


def pairs(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Pair every run of the first level with every otherwise equal run of the second level, or with 0.

    Args:
        runs: one measure and score: arch, optimizer, family, seed, value; runs without a value are left out.
        comparison: the levels.

    Returns:
        ``COLUMNS``, sorted. Without a second level, the second run is null and its value 0. ``weight`` is that of the
        difference in the estimate, which is the mean over seeds of the mean over a seed's pairs. For an interaction,
        only seeds with pairs at both levels count, and the weights of the second one's pairs are negative.
    """
    there = runs.dropna(subset=["value"])
    at = _at(there, comparison, comparison.level)
    if comparison.level_second is None:
        return _weighted(at)
    against = _at(there, comparison, comparison.level_second)
    both = set(at["seed"]) & set(against["seed"])
    at, against = (_weighted(part[part["seed"].isin(both)]) for part in (at, against))
    return pd.concat([at, against.assign(weight=-against["weight"])], ignore_index=True)


def _at(there: pd.DataFrame, comparison: Comparison, level: str | None) -> pd.DataFrame:
    """The pairs at one level of the other factor, without weights."""
    assert comparison.factor is not None and comparison.first is not None
    if level is not None:
        there = of_level(there, OTHER[comparison.factor], level)
    first = of_level(there, comparison.factor, comparison.first)
    if comparison.second is None:
        found = first.rename(columns={name: f"{name}_first" for name in ("arch", "optimizer", "value")})
        return found.assign(arch_second=None, optimizer_second=None, value_second=0.0)
    shared = {ARCH: "optimizer", OPTIMIZER: "arch"}[comparison.factor]
    second = of_level(there, comparison.factor, comparison.second)
    found = first.merge(second, on=[shared, "seed"], suffixes=("_first", "_second"))
    return found.assign(**{f"{shared}_first": found[shared], f"{shared}_second": found[shared]})


def _weighted(found: pd.DataFrame) -> pd.DataFrame:
    """The pairs with the weights of a mean over seeds of means over pairs, sorted."""
    found = found.sort_values(["seed", *SIDES], kind="stable")
    of_seed = found.groupby("seed")["seed"].transform("size")
    return found.assign(weight=1 / (of_seed * found["seed"].nunique()))[COLUMNS].reset_index(drop=True)


def differences(found: pd.DataFrame) -> pd.Series:
    """Each seed's difference in :func:`pairs`, indexed by seed in ascending order; their mean is the estimate."""
    weighted = found["weight"] * (found["value_first"] - found["value_second"])
    return weighted.groupby(found["seed"]).sum() * found["seed"].nunique()
