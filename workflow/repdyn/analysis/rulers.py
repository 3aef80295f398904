"""Under which measures a claim holds that one measure decides.

The same score is tested under every measure of the study, on the same runs. A claim holds under a measure if its own
p-value, not adjusted, is at most 1 − confidence and its estimate has the claim's direction; where the claim is
contradicted, the other direction. These tests are no further evidence: they are made of the same runs, and some
measures are nearly copies of others. They say whether what was decided is there under other rulers, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from ..catalogue.claims import CONTRADICTED
from ..catalogue.measures import Measure
from ..catalogue.scores import SCORES


class Tested(Protocol):
    """What is asked of a finding: see ``claim_tests.Finding``."""

    measure: str | None
    score: str | None
    flips: bool
    tested: dict[str, Any]


@dataclass(frozen=True)
class Holds:
    """The measures under which a claim, or its opposite, holds.

    Attributes:
        under, fails: names of measures.
        decision: that of the primary measure.
    """

    under: list[str]
    fails: list[str]
    decision: str

    def columns(self, measures: Mapping[str, Measure]) -> dict[str, Any]:
        """Its columns of ``FINDINGS``."""
        fails = "; ".join(measures[name].label for name in self.fails)
        return {
            "holds_under": len(self.under),
            "holds_of": len(self.under) + len(self.fails),
            "holds_not": fails,
            "holds": self.words(measures),
        }

    def words(self, measures: Mapping[str, Measure]) -> str:
        """One line; of the measures that hold and those that do not, the fewer are named."""
        number, total = len(self.under), len(self.under) + len(self.fails)
        verb = CONTRADICTED if self.decision == CONTRADICTED else "holds"
        if number == total:
            return f"{verb} under all {total} measures" if total > 1 else f"{verb} under the one measure of the study"
        if not number:
            return f"{verb} under none of {total} measures" if total > 1 else f"{verb} not under the one measure"
        fewer, names = ("only", self.under) if number < len(self.fails) else ("not", self.fails)
        return f"{verb} under {number} of {total} measures ({fewer} {'; '.join(measures[n].label for n in names)})"


def holds(primary: Tested, decision: str, others: Sequence[Tested], confidence: float) -> Holds | None:
    """Under which measures a primary row's claim holds; None for a score without a measure.

    Args:
        primary: the row that decides.
        decision: its decision.
        others: rows of the same claim, score and comparison under other measures.
        confidence: 1 minus the largest p-value that counts.
    """
    if primary.measure is None or primary.score is None:
        return None
    direction = SCORES[primary.score].direction * (-1 if decision == CONTRADICTED else 1)
    under: list[str] = []
    fails: list[str] = []
    for row in (primary, *others):
        p, estimate = row.tested["p_value"], row.tested["estimate"]
        if p is None or estimate is None:
            continue
        # Tests other than sign flips are against one side, that of the claim.
        towards = estimate * direction > 0 if row.flips else decision != CONTRADICTED
        (under if towards and p <= 1 - confidence + 1e-12 else fails).append(str(row.measure))
    return Holds(under, fails, decision)
