"""Which run of the grid, or which seed of it, something is of.

Apart from the study, so that what asks for a run's folder need not run again with every change of a config's settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..catalogue.factors import FACTORS


class _Partition:
    """What has a folder of its own in each table: levels of factors, and a seed."""

    seed: int
    data: str | None

    @property
    def levels(self) -> dict[str, str]:
        """Factor -> its level, of the factors that this has; data without a name are none."""
        found = {factor: getattr(self, factor, None) for factor in FACTORS}
        return {factor: level for factor, level in found.items() if level is not None}

    @property
    def facts(self) -> dict[str, str | int]:
        """The levels and the seed, as files say of which run they are."""
        return {**self.levels, "seed": self.seed}

    @property
    def replicate(self) -> Replicate:
        """What the runs of its seed share."""
        return Replicate(self.seed, self.data)

    def __str__(self) -> str:
        return " ".join([*self.levels.values(), f"seed {self.seed}"])

    @property
    def path(self) -> str:
        """The hive partition, ``arch=…/optimizer=…/seed=…``, with ``data=…`` before the seed where data have names."""
        return "/".join(f"{name}={level}" for name, level in self.facts.items())


@dataclass(frozen=True)
class Run(_Partition):
    """One cell of the grid, at one seed; ``data`` is None where the study's data have no name."""

    arch: str
    optimizer: str
    seed: int
    data: str | None = None


@dataclass(frozen=True)
class Replicate(_Partition):
    """What the runs of one seed share: the examples of a level of the data."""

    seed: int
    data: str | None = None
