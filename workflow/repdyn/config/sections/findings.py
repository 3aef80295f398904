"""The sections ``phases`` and ``findings``: events, and claims that are tested."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_validator

from ..names import Name
from .base import Section, Seed


class Phases(Section):
    """Thresholds of events: see ``analysis/events.py``."""

    onset: float = Field(default=0.25, gt=0.0, lt=1.0)
    """The accuracy on wrong labels, as given, at which memorization begins."""
    end: float = Field(default=0.95, gt=0.0, le=1.0)
    """The accuracy on wrong labels, as given, at which memorization ends."""
    sustained: float = Field(default=0.995, gt=0.0, le=1.0)
    """The training accuracy that counts as a perfect fit."""

    @model_validator(mode="after")
    def _onset_before_end(self) -> Phases:
        if self.onset >= self.end:
            raise ValueError(f"`onset` ({self.onset}) must lie below `end` ({self.end})")
        return self


class Contrast(Section):
    """Two levels of a factor of the grid, the first compared with the second."""

    factor: Literal["arch", "optimizer", "data"]
    """The factor whose levels are compared."""
    levels: tuple[Name, Name]
    """Two of its levels, of optimizers their families: the estimate is that of the first minus that of the second."""

    @model_validator(mode="after")
    def _levels_differ(self) -> Contrast:
        if self.levels[0] == self.levels[1]:
            raise ValueError(f"`levels` compares {self.levels[0]} with itself; name two")
        return self

    def __str__(self) -> str:
        return f"{self.factor}: {self.levels[0]} - {self.levels[1]}"


class Findings(Section):
    """How claims about the grid are tested, and between which levels."""

    contrasts: list[Contrast] | None = Field(default=None, max_length=1_000)
    """Which levels are compared; by default the first optimizer with each further one, and each further architecture,
    and level of the data, with the first.
    """
    confidence: float = Field(default=0.95, gt=0.5, lt=1.0)
    """The level of intervals; decisions are made at 1 minus it."""
    resamples: int = Field(default=10_000, ge=100, le=1_000_000)
    """How many sign flips or resamples p-values and intervals rest on, where there are more than can be counted out."""
    seed: Seed = 0
    """Draws them."""
