"""Pairs of runs: every pair that enters an estimate.

A pair is two runs of one seed that differ in one factor only, whichever that is, or one run and 0. A family of
optimizers may have several members: then each run of the first level is paired with each of the second, and a seed's
difference is their mean. An interaction is a difference of differences, so the pairs of the level that is taken away
have negative weights.

Time and memory: negligible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import pandas as pd

from ..catalogue.claims import OTHER
from ..catalogue.factors import ARCH, DATA, FACTORS, OPTIMIZER

SIDES = [f"{factor}_{side}" for side in ("first", "second") for factor in FACTORS]
UNNAMED = ""  # the level of data without a name, in frames: pandas leaves out groups of null
COLUMNS = [*SIDES, "seed", "value_first", "value_second", "weight"]


@dataclass(frozen=True)
class Comparison:
    """Two levels of a factor at levels of the other ones, or one cell of the grid and 0.

    Attributes:
        factor: of the levels; None for a row about no runs in particular.
        first: the level that a claim is about.
        second: the other level; None if the first is compared with 0.
        other: the factor of ``level``; by default the one of ``catalogue.claims.OTHER``.
        level: of that factor; None for all of its levels.
        level_second: for an interaction, the level whose difference is taken away; else None.
        held: the third factor; None if it is not held fixed, or there is none.
        held_level: its level.
        matching: how optimizers are matched; None if all are compared.
    """

    factor: str | None = None
    first: str | None = None
    second: str | None = None
    level: str | None = None
    level_second: str | None = None
    matching: str | None = None
    other: str | None = None
    held: str | None = None
    held_level: str | None = None

    def __post_init__(self) -> None:
        """Fill in the other factor."""
        if self.other is None and self.level is not None and self.factor is not None:
            object.__setattr__(self, "other", OTHER[self.factor])

    @property
    def at(self) -> list[tuple[str, str]]:
        """The factors and levels at which runs are compared, those of both sides of an interaction."""
        levels = [(self.other, self.level), (self.other, self.level_second), (self.held, self.held_level)]
        return [(factor, level) for factor, level in levels if factor is not None and level is not None]

    def columns(self) -> dict[str, str | None]:
        """Its columns in tables."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def with_levels(frame: pd.DataFrame, families: Mapping[str, str]) -> pd.DataFrame:
    """Rows of runs with their family of optimizers, ``family``, and their data, without a name unless they have one."""
    return frame.assign(family=frame["optimizer"].map(families), data=frame.get(DATA, UNNAMED))


def of_level(runs: pd.DataFrame, factor: str, level: str) -> pd.DataFrame:
    """The runs of a level: of an architecture, of a family of optimizers, or of data.

    Raises:
        KeyError: if there is no such factor.
    """
    return runs[runs[{ARCH: "arch", OPTIMIZER: "family", DATA: "data"}[factor]] == level]


def pairs(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Pair every run of the first level with every otherwise equal run of the second level, or with 0.

    Args:
        runs: one measure and score: arch, optimizer, data, family, seed, value; runs without a value are left out.
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
    for factor, at in ((comparison.other, level), (comparison.held, comparison.held_level)):
        if factor is not None and at is not None:
            there = of_level(there, factor, at)
    first = of_level(there, comparison.factor, comparison.first)
    if comparison.second is None:
        found = first.rename(columns={name: f"{name}_first" for name in (*FACTORS, "value")})
        return found.assign(**{f"{name}_second": None for name in FACTORS}, value_second=0.0)
    shared = [name for name in FACTORS if name != comparison.factor]
    second = of_level(there, comparison.factor, comparison.second)
    found = first.merge(second, on=[*shared, "seed"], suffixes=("_first", "_second"))
    return found.assign(**{f"{name}_{side}": found[name] for name in shared for side in ("first", "second")})


def _weighted(found: pd.DataFrame) -> pd.DataFrame:
    """The pairs with the weights of a mean over seeds of means over pairs, sorted."""
    found = found.sort_values(["seed", *SIDES], kind="stable")
    of_seed = found.groupby("seed")["seed"].transform("size")
    return found.assign(weight=1 / (of_seed * found["seed"].nunique()))[COLUMNS].reset_index(drop=True)


def differences(found: pd.DataFrame) -> pd.Series:
    """Each seed's difference in :func:`pairs`, indexed by seed in ascending order; their mean is the estimate."""
    weighted = found["weight"] * (found["value_first"] - found["value_second"])
    return weighted.groupby(found["seed"]).sum() * found["seed"].nunique()
