"""Pairs of runs: every pair that enters an estimate.

A pair is two runs that differ in one factor only, or one run and 0. Several runs of one architecture and seed may have
the same level: families of optimizers may have several members, and several runs may dip or not. Then each run of the
first level is paired with each of the second. Such pairs form a cell, whose mean counts as one difference.

Time and memory: negligible.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..catalogue.claims import ARCH, DIP, OPTIMIZER, WITH, WITHOUT
from ..catalogue.events import TEST_DIP
from ..records.layer_names import RUN

# Factor -> what the two runs of a pair share besides the seed.
SHARED = {ARCH: "optimizer", OPTIMIZER: "arch", DIP: "arch"}
SIDES = ["arch_first", "optimizer_first", "arch_second", "optimizer_second"]
COLUMNS = [*SIDES, "seed", "value_first", "value_second", "weight", "cell"]


@dataclass(frozen=True)
class Comparison:
    """Two levels of a factor, or one level and 0.

    Attributes:
        factor: of the levels.
        first: the level that a claim is about.
        second: the other level; None if the first is compared with 0.
        matching: how optimizers are matched; None if all are compared.
        compared: the optimizers with their rates, in words; None if optimizers are not compared.
    """

    factor: str
    first: str
    second: str | None = None
    matching: str | None = None
    compared: str | None = None


def levels(
    frame: pd.DataFrame, factor: str, families: Mapping[str, str], facts: pd.DataFrame | None = None
) -> pd.Series:
    """Each row's level of a factor.

    Args:
        frame: arch, optimizer, seed.
        factor: ``arch``, ``optimizer`` or ``dip``.
        families: optimizer -> family.
        facts: a row for each run: arch, optimizer, seed, test_dip; only ``dip`` needs it.

    Raises:
        KeyError: if there is no such factor.
    """

    def dips() -> pd.Series:
        assert facts is not None, "whether test accuracy dips is a fact of a run"
        there = facts.set_index([*RUN])[TEST_DIP].notna().to_dict()
        of_rows = [there[run] for run in zip(*(frame[name] for name in RUN), strict=True)]
        return pd.Series(np.where(of_rows, WITH, WITHOUT), index=frame.index)

    of_factor: dict[str, Callable[[], pd.Series]] = {
        ARCH: lambda: frame["arch"],
        OPTIMIZER: lambda: frame["optimizer"].map(families),
        DIP: dips,
    }
    return of_factor[factor]()


def pairs(runs: pd.DataFrame, comparison: Comparison) -> pd.DataFrame:
    """Pair every run of the first level with every otherwise equal run of the second level, or with 0.

    Args:
        runs: one measure and score: arch, optimizer, seed, level, value; runs without a value are left out.
        comparison: the levels.

    Returns:
        ``COLUMNS``, sorted by cell. Without a second level, the second run is null and its value 0. ``weight`` is that
        of the difference in the estimate, which is the mean over seeds of the mean over their cells. Cells are numbered
        from 0.
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
    """The mean of first minus second in each cell of :func:`pairs`, indexed by seed."""
    of_pairs = found["value_first"] - found["value_second"]
    return of_pairs.groupby([found["cell"], found["seed"]]).mean().droplevel(0)
