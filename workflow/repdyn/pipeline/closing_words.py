"""What is said once a whole study is done: where it is, what to look at first, what was found, and what comes next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..catalogue.claims import CONTRADICTED, SUPPORTED, UNDECIDED
from ..catalogue.paths import Paths
from ..storage import tables


def of_study(paths: Paths, first: str | None, report: str) -> str:
    """The words, a line each.

    Args:
        paths: of the study.
        first: the figure to look at first; None where none was drawn.
        report: the command that makes the report.

    Raises:
        RepdynError: if its findings are damaged.
    """
    path = Path(paths.findings())
    rows = tables.read(path, columns=["claim", "primary", "decision"]).to_pylist() if path.exists() else []
    return "\n".join(
        [
            f"Done: tables and figures are in {paths.root}.{f' Look first at {first}.' if first else ''}",
            *of_findings([row for row in rows if row["primary"]]),
            f'Next: `{report}` puts all of it on one page; `repdyn.load("{paths.root}")` reads it in Python.',
        ]
    )


def of_findings(rows: Sequence[Mapping[Any, Any]]) -> list[str]:
    """What the primary rows of a table of findings say, in three sentences; nothing where there are none."""
    if not rows:
        return []
    decided = Counter(row["decision"] for row in rows)
    counts = (
        f"{decided[SUPPORTED]} are supported, {decided[CONTRADICTED]} contradicted and {decided[UNDECIDED]} undecided"
    )
    return [
        f"Of {len(rows)} comparisons that decide claims, {counts}.",
        *(_which(rows, decision) for decision in (SUPPORTED, CONTRADICTED)),
    ]


def _which(rows: Sequence[Mapping[Any, Any]], decision: str) -> str:
    """The claims that some comparisons decide in one way."""
    tried = Counter(row["claim"] for row in rows)
    so_decided = Counter(row["claim"] for row in rows if row["decision"] == decision)
    claims = [f"{claim} ({count} of {tried[claim]})" for claim, count in so_decided.items()]
    return f"{decision.capitalize()}: {'; '.join(claims) or 'nothing'}."
