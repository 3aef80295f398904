"""Repeat at the end of the screen what failed jobs reported, from their logs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

MOST = 20  # failed jobs to quote
# The head of a log record, which may have several lines: see ``__main__``.
_RECORD = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\w+) +", re.MULTILINE)


def of_jobs(jobs: Sequence[tuple[str, str]]) -> str:
    """A line for each failed job.

    Args:
        jobs: the name and the log of each.
    """
    lines = [f"{name}: {of_log(Path(log))}" for name, log in jobs[:MOST]]
    more = len(jobs) - MOST
    return "\n".join([*lines, *([f"… and {more} more, see their logs."] if more > 0 else [])])


def of_log(log: Path) -> str:
    """The sentence with which a job failed, or one that names its log if there is none."""
    try:
        parts = _RECORD.split(log.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        parts = []
    level, said = (parts[-2], parts[-1].strip().splitlines()) if len(parts) >= 3 else ("", [])
    if level != "ERROR" or not said:
        return f"it ended without saying why, as it does when it is killed or memory runs out; its log is {log}."
    # Leave a traceback to the log; its last line is the error.
    return said[0] if len(said) == 1 else f"{said[0]} {said[-1]} (more in {log})"
