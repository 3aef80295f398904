"""Comparisons of studies as a Markdown table, and its place in a page."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from ..catalogue.claims import UNDECIDED
from ..catalogue.measures import MEASURES
from ..catalogue.scores import SCORES
from ..errors import RepdynError, named, no_access
from ..storage.files import atomic
from . import agreement

if TYPE_CHECKING:
    from .agreement import Comparison, Sharing
    from .studies import Found, Row

START, END = "<!-- comparison -->", "<!-- /comparison -->"  # a page's marks


def table(
    studies: Sequence[Found], comparisons: Sequence[Comparison], sharing: Sharing = (), remarks: Sequence[str] = ()
) -> str:
    """The table, and below it the notes that its cells refer to, and remarks.

    A cell has the estimate with its interval, in the sign that speaks for the claim above 0, bold with the decision
    where the study decides; then the adjusted p, the number of seeds where it is not that of the study, and under how
    many measures of similarity the claim holds. Where the data cannot decide there is a dash, and a note says why.

    Args:
        studies: a column each.
        comparisons: a row each, claims together.
        sharing: pairs of studies that have runs in common.
        remarks: sentences.
    """
    notes: dict[str, int] = {}
    names = [study.name for study in studies]
    heads = [f"{study.name}, {len(study.seeds)} seed{'s' * (len(study.seeds) != 1)}" for study in studies]
    lines = ["| | " + " | ".join(heads) + " | together |", "|---" * (len(studies) + 2) + "|"]
    for claim, group in groupby(comparisons, heading):
        lines.append(f"| {': '.join(f'*{words}*' for words in claim if words)} |" + " |" * (len(studies) + 1))
        for comparison in group:
            cells = [
                _cell(comparison, comparison.findings[study.name], len(study.seeds), notes)
                if study.name in comparison.findings
                else ""
                for study in studies
            ]
            words = agreement.in_words(comparison.states, names, sharing)
            lines.append(f"| {' | '.join([comparison.contrast, *cells, words])} |")
    said = [f"{number}. {note}" for note, number in notes.items()]
    bullets = [f"- {remark}" for remark in remarks]
    return "\n".join([*lines, *([""] if said else []), *said, *([""] if bullets else []), *bullets])


def heading(comparison: Comparison) -> tuple[str, str]:
    """A claim, and the score and measure that decide it; empty where nothing does."""
    claim, measure, score = (comparison.key[name] for name in ("claim", "measure", "score"))
    if score is None:
        return claim, ""
    of_measure = "" if measure is None else f", {MEASURES[measure].label if measure in MEASURES else measure}"
    return claim, SCORES[score].label + of_measure


def _cell(comparison: Comparison, row: Row, seeds: int, notes: dict[str, int]) -> str:
    """What a study found of a comparison; adds to ``notes``, text -> number."""
    if row["reason"] is not None:
        return f"– [{notes.setdefault(row['reason'], len(notes) + 1)}]"
    parts = [_estimate(comparison.direction, row)]
    if row["p_adjusted"] is not None:
        parts.append(f"p {row['p_adjusted']:.2g}".replace("0.", ".", 1))
    if row["n_seeds"] != seeds:
        parts.append(f"{row['n_seeds']} seeds")
    if row["holds"] is not None:
        parts.append(f"{row['holds_under']} of {row['holds_of']}")
    return "; ".join(parts)


def _estimate(direction: int, row: Row) -> str:
    ends = [row["ci_low"], row["ci_high"]][::direction]
    words = number(direction * row["estimate"])
    if None not in ends:
        words += f" ({', '.join(number(direction * end) for end in ends)})"
    return words if row["decision"] == UNDECIDED else f"**{words} {row['decision']}**"


def number(value: float) -> str:
    """A number with a true sign, +.18 or −.05."""
    words = f"{value:+.2f}".replace("-", "−")
    return words.replace("0.", ".", 1) if words[1:3] == "0." else words


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the two marks of a page, ``START`` and ``END``, and leave all else.

    Raises:
        RepdynError: if the page cannot be read, or does not have each mark once, in this order.
    """
    try:
        content = page.read_bytes().decode()
    except OSError as error:
        raise no_access(page, error) from None
    except UnicodeDecodeError:
        raise RepdynError(f"`{named(page)}` is no UTF-8 text; name a Markdown page.") from None
    parts = re.split(f"({START}|{END})", content)
    if parts[1::2] != [START, END]:
        raise RepdynError(
            f"`{named(page)}` needs a line `{START}` and below it a line `{END}`, once each, for the table."
        )
    before, start, _, end, after = parts
    with atomic(page) as temporary:
        temporary.write_bytes(f"{before}{start}\n\n{text}\n\n{end}{after}".encode())
