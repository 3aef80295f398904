"""Which runs are held against which: every pair that an estimate is made of.

A pair is of two runs that are alike in everything but one factor, or of one run and 0. Levels of the factor
``optimizer`` are families, which may have several members, and of one architecture and seed several runs may dip, or
not: each run of the first level is paired with each of the second. Such pairs share a cell, whose mean counts as one.

Time and memory: next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..catalogue.claims import ARCH, DIP, OPTIMIZER, WITH, WITHOUT
from ..catalogue.events import TEST_DIP

RUN = ["arch", "optimizer", "seed"]
# Factor -> what the two runs of a pair share, besides the seed.
SHARED = {ARCH: "optimizer", OPTIMIZER: "arch", DIP: "arch"}
SIDES = ["arch_first", "optimizer_first", "arch_second", "optimizer_second"]
COLUMNS = [*SIDES, "seed", "value_first", "value_second", "weight", "cell"]


@dataclass(frozen=True)
class Comparison:
    """What is held against what.

    Attributes:
        factor: whose levels.
        first: the level that a claim is made of.
        second: the other one; None where the first is held against 0.
        matching: how optimizers are matched; None where all are compared.
        compared: the optimizers with their rates, in words; None where optimizers are not compared.
    """

    factor: str
    first: str
    second: str | None = None
    matching: str | None = None
    compared: str | None = None


def levels(
    frame: pd.DataFrame, factor: str, families: Mapping[str, str], facts: pd.DataFrame | None = None
) -> pd.Series:
    """The level that each row has of a factor.

    Args:
        frame: arch, optimizer, seed.
        factor: ``arch``, ``optimizer`` or ``dip``.
        families: optimizer -> family.
        facts: a row for each run: arch, optimizer, seed, test_dip; needed for ``dip`` alone.

    Raises:
        KeyError: if there is no such factor.
    """

    def dips() -> pd.Series:
        assert facts is not None, "whether test accuracy dips is a fact of a run"
        there = facts.set_index(RUN)[TEST_DIP].notna().to_dict()
        of_rows = [there[run] for run in zip(*(frame[name] for name in RUN), strict=True)]
        return pd.Series(np.where(of_rows, WITH, WITHOUT), index=frame.index)

    of_factor: dict[str, Callable[[], pd.Series]] = {
        ARCH: lambda: frame["arch"],
        OPTIMIZER: lambda: frame["optimizer"].map(families),
        DIP: dips,
    }
    return of_factor[factor]()


def pairs(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Every run of the first level with every run of the second that is alike in everything else, or with 0.

    Args:
        runs: one measure and score: arch, optimizer, seed, level, value; a run without a value is in no pair.
        comparison: the levels.

    Returns:
        ``COLUMNS``, sorted by cell: the two runs, without a second one where the first is held against 0; their values,
        0 for none; the weight of the difference in the estimate, which is the mean over seeds of the mean over their
        cells; the cell, numbered from 0.
    """
    there = runs.dropna(subset=["value"])
    first = there[there["level"] == comparison.first]
    if comparison.second is None:
        found = first.rename(columns={name: f"{name}_first" for name in ("arch", "optimizer", "value")})
        found = found.assign(arch_second=None, optimizer_second=None, value_second=0.0)
        cell = ["arch_first", "optimizer_first", "seed"]
    else:
        shared = SHARED[comparison.factor]
        second = there[there["level"] == comparison.second]
        found = first.merge(second, on=[shared, "seed"], suffixes=("_first", "_second"))
        found = found.assign(**{f"{shared}_first": found[shared], f"{shared}_second": found[shared]})
        cell = [f"{shared}_first", "seed"]
    found = found.sort_values([*cell, *SIDES], kind="stable")
    by_cell = found.groupby(cell)
    cells = found.drop_duplicates(cell)["seed"].value_counts()
    weights = 1 / (by_cell["seed"].transform("size") * found["seed"].map(cells) * len(cells))
    return found.assign(weight=weights, cell=by_cell.ngroup())[COLUMNS].reset_index(drop=True)


def differences(found: pd.DataFrame) -> pd.Series:
    """First minus second of each cell of what :func:`pairs` returned; by seed."""
    of_pairs = found["value_first"] - found["value_second"]
    return of_pairs.groupby([found["cell"], found["seed"]]).mean().droplevel(0)
