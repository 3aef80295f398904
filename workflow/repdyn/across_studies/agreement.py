"""Put the same comparison of several studies side by side, and say what they agree on.

Two findings are of the same comparison if all columns that say what is compared are equal (``COMPARED``). Only primary
rows count, because only they decide.

No p-values are pooled. That a comparison is *supported in all* studies that make it is an intersection-union test
(Berger 1982, Technometrics 24): if the claim is false in any one of them, that study alone must err, so the chance is
at most 1 - confidence, however many studies there are and whatever they share. That it is supported *in some* is a
count: each further study is a further chance to err. *Supported in one and undecided in another* is no disagreement.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..catalogue.claims import CLAIMS, CONTRADICTED, SUPPORTED, UNDECIDED
from ..catalogue.scores import SCORES
from ..records.findings import COMPARED

if TYPE_CHECKING:
    from .studies import Found, Row

CANNOT = "cannot be decided"  # the state of a finding with a reason why the data cannot decide
STATES = (SUPPORTED, CONTRADICTED, UNDECIDED, CANNOT)
Sharing = Collection[frozenset[str]]


@dataclass(frozen=True)
class Comparison:
    """A comparison of one claim, as several studies make it.

    Attributes:
        key: the columns that say what is compared, and their values.
        contrast: the same in words.
        findings: study -> its row; studies that do not make the comparison are not there.
    """

    key: Mapping[str, Any]
    contrast: str
    findings: Mapping[str, Row]

    @property
    def direction(self) -> int:
        """What turns an estimate so that above 0 speaks for the claim: 1 or -1."""
        return 1 if self.key["score"] is None else SCORES[self.key["score"]].direction

    @property
    def states(self) -> dict[str, str]:
        """Study -> what it decides, one of ``STATES``."""
        return {name: row["decision"] if row["reason"] is None else CANNOT for name, row in self.findings.items()}


def matched(studies: Sequence[Found]) -> list[Comparison]:
    """The comparisons of the studies, by claim in the order of the catalogue, then in that of the studies."""
    found: dict[tuple[Any, ...], dict[str, Row]] = {}
    for study in studies:
        for row in study.rows:
            found.setdefault(tuple(row[name] for name in COMPARED), {})[study.name] = row
    claims = list(CLAIMS)
    comparisons = [
        Comparison(dict(zip(COMPARED, key, strict=True)), str(next(iter(rows.values()))["contrast"]), rows)
        for key, rows in found.items()
    ]
    return sorted(comparisons, key=lambda comparison: claims.index(comparison.key["claim"]))


def in_words(states: Mapping[str, str], studies: Collection[str], sharing: Sharing = ()) -> str:
    """What studies agree on, in plain words.

    Args:
        states: of the studies that make the comparison, one of ``STATES`` each.
        studies: all of them, in order.
        sharing: pairs of studies that have runs in common; said where both decide.
    """
    if len(states) == 1:
        ((name, state),) = states.items()
        return f"only in {name}: {state}" if len(studies) > 1 else state
    groups = {state: [name for name in studies if states.get(name) == state] for state in STATES}
    present = {state: names for state, names in groups.items() if names}
    every = "both" if len(states) == 2 else f"all {len(states)}"
    if len(present) == 1:
        (state,) = present
        words = f"{'agree: ' if state in (SUPPORTED, CONTRADICTED) else ''}{state} in {every}"
    else:
        words = "; ".join(f"{state} in {', '.join(names)}" for state, names in present.items())
        if SUPPORTED in present and CONTRADICTED in present:
            words = f"contradictory: {words}"
    absent = [name for name in studies if name not in states]
    words += f"; not in {', '.join(absent)}" if absent else ""
    decided = {name for name, state in states.items() if state in (SUPPORTED, CONTRADICTED)}
    common = [" and ".join(name for name in studies if name in pair) for pair in sharing if pair <= decided]
    return words + (f" ({'; '.join(common)} share runs)" if common else "")
