"""What a part of ``make gpu`` found, line by line in a file, so that a part that is cut loses nothing."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Part:
    """A part of the script, run in a process of its own.

    Attributes:
        module: whose ``main(report, device, tiny)`` does it.
        title: what it measures.
        seconds: after which it is cut.
        checks: names of the checks that it makes.
        gpu_checks: names of those that only a GPU allows.
    """

    module: str
    title: str
    seconds: float
    checks: tuple[str, ...] = ()
    gpu_checks: tuple[str, ...] = ()

    def expected(self, device: str) -> tuple[str, ...]:
        """The checks that there must be."""
        return self.checks + (self.gpu_checks if device == "cuda" else ())


class Report:
    """Writes what a part finds; its time runs from its beginning."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._end = path, time.monotonic() + seconds

    def left(self) -> float:
        """Seconds until the part is cut."""
        return self._end - time.monotonic()

    def _write(self, **line: Any) -> None:
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")

    def row(self, what: str, value: float | str, unit: str = "") -> None:
        """A number that was measured, or a word."""
        self._write(kind="row", what=what, value=value, unit=unit)

    def check(self, name: str, value: float, *, at_most: float | None = None, at_least: float | None = None) -> None:
        """A number that must not be above, or below, its bound; NaN fails."""
        if at_most is not None:
            passed, bound = value <= at_most, f"≤ {at_most:g}"
        else:
            assert at_least is not None, "a check has a bound"
            passed, bound = value >= at_least, f"≥ {at_least:g}"
        value = float(value)
        self._write(kind="check", name=name, value=value if math.isfinite(value) else str(value), bound=bound,
                    passed=bool(passed))  # fmt: skip

    def failed(self, sentence: str) -> None:
        """Something that did not work."""
        self._write(kind="failed", said=sentence)

    def left_out(self, what: str) -> None:
        """Something for which there was no time."""
        self._write(kind="left out", what=what)


@dataclass
class Outcome:
    """A part as it ended.

    Attributes:
        part: which.
        seconds: that it took.
        ended: ``done``, ``failed`` or ``cut``.
        rows: what it measured.
        checks: what it checked.
        said: sentences about what went wrong.
        left_out: what there was no time for.
    """

    part: Part
    seconds: float
    ended: str
    rows: list[dict[str, Any]] = field(default_factory=list)
    checks: list[dict[str, Any]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing failed, and every check that had to be made was made and passed."""
        return not self.said and all(check["passed"] for check in self.checks)

    def facts(self) -> dict[str, Any]:
        """For the JSON file."""
        own = {"part": self.part.module, "title": self.part.title, "budget_seconds": self.part.seconds}
        rest = asdict(self)
        del rest["part"]
        return own | rest | {"seconds": round(self.seconds, 2), "passed": self.passed}


def outcome(part: Part, device: str, path: Path, seconds: float, status: int | None, error: str) -> Outcome:
    """Read what a part wrote.

    Args:
        part: which.
        device: ``cpu`` or ``cuda``.
        path: of its report.
        seconds: that it took.
        status: its exit status; None if it was cut.
        error: what it wrote to its standard error.
    """
    found = Outcome(part, seconds, "cut" if status is None else "failed" if status else "done")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    for text in lines:
        try:
            line = json.loads(text)
        except ValueError:  # cut while it wrote
            continue
        kind = line.pop("kind")
        if kind == "row":
            found.rows.append(line)
        elif kind == "check":
            found.checks.append(line)
        else:
            {"failed": found.said, "left out": found.left_out}[kind].append(line.get("said", line.get("what")))
    missing = [name for name in part.expected(device) if name not in {check["name"] for check in found.checks}]
    if status:
        last = [line for line in error.strip().splitlines() if line.strip()][-1:] or ["it said nothing"]
        found.said.append(f"It ended with status {status}: {last[0].strip()}")
    if status is None:
        about = f", without its checks of {'; '.join(missing)}" if missing else ""
        sentence = f"It was cut after {part.seconds:g} s{about}."
        (found.said if missing else found.left_out).append(sentence)
    elif missing:
        found.said.append(f"These checks were not made: {'; '.join(missing)}.")
    return found


def number(value: float | str) -> str:
    """Four digits, or the word that it is."""
    return value if isinstance(value, str) else f"{value:.4g}"


def table(outcomes: Iterable[Outcome]) -> str:
    """All parts as one table of plain text."""
    lines: list[Sequence[str]] = []
    for of in outcomes:
        verdict = of.ended if of.passed else "FAILED"
        lines.append((f"{of.part.title}: {verdict}", f"{of.seconds:.0f} s", f"of {of.part.seconds:g} s"))
        lines += [(f"  {row['what']}", number(row["value"]), row["unit"]) for row in of.rows]
        lines += [
            (f"  {check['name']}", number(check["value"]), f"{check['bound']}: {'ok' if check['passed'] else 'FAILED'}")
            for check in of.checks
        ]
        lines += [(f"  left out: {what}", "", "") for what in of.left_out]
        lines += [(f"  {sentence}", "", "") for sentence in of.said]
    wide = max((len(line[0]) for line in lines if line[1]), default=0)
    return "\n".join(f"{what:<{wide}}  {value:>10}  {beside}".rstrip() for what, value, beside in lines)
