"""Fair pairs of optimizers: which learning rates of two families are compared.

A contrast of optimizers is a contrast of learning rates too. If a grid has several optimizers of one family
(``family`` in the config, else the optimizer's own name), two families are compared in three ways:

- plain: every pair of runs of the two families; several rates are averaged within a family;
- at equal speed of fit: for each architecture, on each data, the two optimizers whose epochs of first perfect fit, on a
  log scale and averaged over seeds, are closest; only optimizers that fit with every seed are candidates;
- at best test accuracy: for each architecture and family the optimizer of the best test accuracy, averaged over seeds.

Both choices use the history alone, never a score that is tested.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from ..catalogue.claims import BEST_ACCURACY, EQUAL_SPEED
from ..catalogue.events import PERFECT_FIT_FIRST
from ..catalogue.factors import ARCH, DATA
from ..catalogue.scores import TEST_ACCURACY_BEST

Chosen = dict[tuple[str, str], tuple[tuple[str, ...], tuple[str, ...]]]


@dataclass(frozen=True)
class Matching:
    """Which optimizers of two families are compared.

    Attributes:
        name: one of ``catalogue.claims.MATCHINGS``; None if all optimizers are compared.
        chosen: architecture and data -> optimizers of the first family, those of the second.
    """

    name: str | None
    chosen: Chosen

    def restrict(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of the compared runs."""
        cells = {(*cell, name) for cell, sides in self.chosen.items() for side in sides for name in side}
        compared = [cell in cells for cell in zip(frame["arch"], frame["data"], frame["optimizer"], strict=True)]
        return frame[np.array(compared, dtype=bool)]

    def describe(self, rates: Mapping[tuple[str, str], float], at: Collection[tuple[str, str]]) -> str:
        """Each of some architectures and data with its compared optimizers and their rates, in words.

        Args:
            rates: (arch, optimizer) -> learning rate.
            at: the factors and levels to which they belong; no level of a factor stands for all.
        """

        def side(arch: str, names: Sequence[str]) -> str:
            return ", ".join(f"{name} {rates[arch, name]:g}" if (arch, name) in rates else name for name in names)

        archs, data = ([level for factor, level in at if factor == wanted] for wanted in (ARCH, DATA))
        there = {
            (arch, level): sides for (arch, level), sides in self.chosen.items()
            if (not archs or arch in archs) and (not data or level in data)
        }  # fmt: skip
        return "; ".join(
            f"{' '.join(filter(None, (arch, level)))}: {side(arch, a)} − {side(arch, b)}"
            for (arch, level), (a, b) in there.items()
        )


def matchings(facts: pd.DataFrame, families: Mapping[str, str], levels: Sequence[str]) -> Iterator[Matching]:
    """The plain matching and, if a family has several members, the two fair ones.

    Args:
        facts: a row for each run: arch, optimizer, data, seed, perfect_fit_first, test_accuracy_best.
        families: optimizer -> family.
        levels: the two families of a contrast.
    """
    members = [tuple(name for name, family in families.items() if family == level) for level in levels]
    cells = list(facts[["arch", "data"]].drop_duplicates().itertuples(index=False, name=None))
    yield Matching(None, dict.fromkeys(cells, (members[0], members[1])))
    if max(map(len, members)) < 2:
        return
    speeds = _means(facts.assign(value=np.log10(facts[PERFECT_FIT_FIRST].astype(float))))
    accuracies = _means(facts.assign(value=facts[TEST_ACCURACY_BEST].astype(float)))
    equal: Chosen = {}
    best: Chosen = {}
    for cell in cells:
        pairs = [p for p in itertools.product(*members) if all(np.isfinite(speeds[*cell, name]) for name in p)]
        if pairs:
            a, b = min(pairs, key=lambda pair: abs(speeds[*cell, pair[0]] - speeds[*cell, pair[1]]))
            equal[cell] = (a,), (b,)
        sides = [[name for name in side if np.isfinite(accuracies[*cell, name])] for side in members]
        if all(sides):
            a, b = (max(side, key=lambda name: accuracies[*cell, name]) for side in sides)
            best[cell] = (a,), (b,)
    yield Matching(EQUAL_SPEED, equal)
    yield Matching(BEST_ACCURACY, best)


def _means(facts: pd.DataFrame) -> dict[tuple[str, ...], float]:
    """(arch, data, optimizer) -> mean of ``value`` over seeds, NaN if a seed has none."""
    grouped = facts.groupby(["arch", "data", "optimizer"], sort=False)["value"]
    return {cell: float(part.mean(skipna=False)) for cell, part in grouped}  # type: ignore[misc]
