"""What several studies find, side by side: ``python -m repdyn summary --study a.yaml --study b.yaml``.

Turns the primary findings of each study into one Markdown table: a row for each comparison of each claim, and for each
study a column of what it finds and one of the number of measures of similarity under which the claim holds. Optimizers
that are compared at equal speed of fit share a row with those that have one rate each, and a note says so.

Time and memory: negligible.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ..catalogue.claims import CLAIMS, MATCHINGS, UNDECIDED, contrast
from ..catalogue.measures import MEASURES
from ..catalogue.paths import Paths
from ..catalogue.scores import SCORES
from ..errors import RepdynError
from ..pipeline.jobs import Job
from ..records.findings import FINDINGS
from ..storage import tables

if TYPE_CHECKING:
    from ..config.study import Study

HOLDS = "holds under"  # heading of the number of measures
# Columns that identify a primary comparison of a claim, in any study.
COMPARISON = ["factor", "first", "second", "level", "level_second"]


def read(study: Study, results: Path) -> pd.DataFrame:
    """The findings of a study.

    Raises:
        RepdynError: if they are not there, or those of other settings.
    """
    job = Job("findings", study, Paths(str(results / study.name)))
    path, origin = job.place(FINDINGS)
    if not Path(path).exists():
        raise RepdynError(f"The study `{study.name}` has no findings: `{path}` is not there; run the study first.")
    findings: pd.DataFrame = tables.read(path, origin).to_pandas()
    return findings


def markdown(findings: Mapping[str, pd.DataFrame]) -> str:
    """The table, and below it the notes that its cells refer to.

    Args:
        findings: heading of a column -> the findings table of its study.

    An estimate has the sign that speaks for the claim above 0. It is bold, with the verdict, where the study decides;
    where it cannot decide there is a dash, and a note says why. Beside it stands under how many of the study's measures
    the claim holds, each by its own p; if it is contradicted, how many contradict it.
    """
    notes: dict[str, int] = {}
    primary = {name: frame[frame["primary"].astype(bool)] for name, frame in findings.items()}
    lines = ["| | " + " | ".join(f"{name} | {HOLDS}" for name in primary) + " |", "|---" * (1 + 2 * len(primary)) + "|"]
    for claim in CLAIMS:
        of_claim = {name: _cells(frame[frame["claim"] == claim], notes) for name, frame in primary.items()}
        rows = list(dict.fromkeys(row for cells in of_claim.values() for row in cells))
        if not rows:
            continue
        lines.append(f"| *{_heading(claim)}* |" + " |" * 2 * len(primary))
        lines += [
            f"| {row} | " + " | ".join(cells.get(row, " | ") for cells in of_claim.values()) + " |" for row in rows
        ]
    said = [f"{number}. {note}" for note, number in notes.items()]
    return "\n".join([*lines, *([""] if said else []), *said])


def _heading(claim: str) -> str:
    """A claim and what decides it."""
    primary = CLAIMS[claim].primary
    if primary is None:
        return claim
    measure, score = primary
    return f"{claim}*: *{SCORES[score].label}" + ("" if measure is None else f", {MEASURES[measure].label}")


def _cells(rows: pd.DataFrame, notes: dict[str, int]) -> dict[str, str]:
    """A claim's comparisons in words -> a study's two cells for each; adds to ``notes``, text -> number."""
    found = {}
    for row in rows.astype(object).where(rows.notna(), None).to_dict("records"):
        words = contrast(**{name: row[name] for name in COMPARISON}, matching=None)
        matching = None if row["matching"] is None else MATCHINGS[row["matching"]]
        about = [note for note in (row["reason"], matching) if note is not None]
        marks = "".join(f" [{notes.setdefault(note, len(notes) + 1)}]" for note in about)
        said = ("–" if row["reason"] is not None else _estimate(row)) + marks
        found[words] = f"{said} | " + (
            "" if row["holds"] is None else f"{row['holds_under']:.0f} of {row['holds_of']:.0f}"
        )
    return found


def _estimate(row: Mapping[Hashable, Any]) -> str:
    direction = SCORES[str(row["score"])].direction
    ends = [row["ci_low"], row["ci_high"]][::direction]
    words = _number(direction, row["estimate"])
    if None not in ends:
        words += f" ({', '.join(_number(direction, end) for end in ends)})"
    return words if row["decision"] == UNDECIDED else f"**{words} {row['decision']}**"


def _number(direction: int, value: float) -> str:
    """A number with a true sign, +.18 or −.05."""
    words = f"{direction * value:+.2f}".replace("-", "−")
    return words.replace("0.", ".", 1) if words[1:3] == "0." else words


def main(studies: Sequence[Study], results: Path) -> None:
    """Print the table.

    Args:
        studies: of which it has a column each.
        results: where results lie.

    Raises:
        RepdynError: if a study comes twice, or has no findings of its settings.
    """
    names = [study.name for study in studies]
    for name in names:
        if names.count(name) > 1:
            raise RepdynError(f"The study `{name}` comes twice.")
    findings = {f"{study.name}, {_seeds(study)}": read(study, results) for study in studies}
    print(markdown(findings))


def _seeds(study: Study) -> str:
    number = len(study.seeds)
    return f"{number} seed" + "s" * (number != 1)
