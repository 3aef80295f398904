"""The history of a run that was trained elsewhere, in repdyn's columns, from a log with columns of any name.

Rows of one step are merged, as many loggers write a row for each quantity. Steps are turned into epochs, or epochs into
steps, as for checkpoints. What a log does not say is None.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.messages import listed, shown
from ..errors import RepdynError, named
from ..records.train import HISTORY
from . import found, logs
from .folder import ROUNDING

if TYPE_CHECKING:
    from ..config.recorded_runs import Recorded
    from ..config.runs import Run

Row = dict[str, Any]

_TIMES = ("step", "epoch")
_COVERED = 0.5  # of the last epoch
_APART = 2.0, 0.1  # epochs, and share, by which two ways to count may differ: many loggers begin an epoch at 0 or 1
_IN_PERCENT = re.compile(r"(.*\S)\s*/\s*100")


def read(settings: Recorded, run: Run) -> list[Row] | None:
    """The history of a run, by ascending step.

    Args:
        settings: where it is, and which of its columns is which of ours (``val_acc / 100`` where that is in percent).
        run: the run.

    Returns:
        Rows with all columns of ``records.train.HISTORY``; None where nothing was recorded.

    Raises:
        RepdynError: if it cannot be read, lacks a column that is named, has values that cannot be, or has no times.
    """
    file = found.history_file(settings, run)
    if file is None:
        return None
    steps_per_epoch = found.steps_per_epoch(settings, run)
    columns = {} if settings.history is None else settings.history.columns
    return rows(logs.read(file), columns, steps_per_epoch, settings.offset, file)


def rows(
    log: logs.Log, columns: Mapping[str, str], steps_per_epoch: float | None, offset: float, file: Path
) -> list[Row]:
    """A log in our columns.

    Args:
        log: its records.
        columns: our column -> its name in the log, where that is another.
        steps_per_epoch: optimizer steps in an epoch, where known.
        offset: epochs to add to those of the log.
        file: where the log is, for messages.

    Returns:
        A row for each step, ascending.

    Raises:
        RepdynError: as :func:`read`.
    """
    if not log:
        raise RepdynError(f"`{named(file)}` has no rows.")
    there = list(dict.fromkeys(name for record in log for name in record))
    theirs = _columns(columns, there, file)
    time = _time(columns, theirs, file)
    merged: dict[int, Row] = {}
    for record in log:
        at = _number(record.get(theirs[time][0]), theirs[time][0], file)
        values = {
            name: _value(name, record.get(column), column, divisor, file)
            for name, (column, divisor) in theirs.items()
            if name not in _TIMES
        }
        if at is None or not any(value is not None for value in values.values()):
            continue
        told = _number(record.get(theirs["epoch"][0]), theirs["epoch"][0], file) if "epoch" in theirs else None
        step, epoch = _dated(time, at, told, steps_per_epoch, offset, file)
        row = merged.setdefault(step, dict.fromkeys(HISTORY.names) | {"step": step, "epoch": epoch})
        row.update({name: value for name, value in values.items() if value is not None})
    if not merged:
        raise RepdynError(f"`{named(file)}` has no row with a value in {listed(n for n in theirs if n not in _TIMES)}.")
    return [merged[step] for step in sorted(merged)]


def check_covers(rows: Sequence[Row], checkpoints: Mapping[int, float], run: str) -> str | None:
    """Compare the epochs of a history with those of the checkpoints.

    Args:
        rows: of the history, by ascending step.
        checkpoints: step -> epoch, ascending.
        run: what both are of.

    Returns:
        A remark if it ends long before the last checkpoint.

    Raises:
        RepdynError: if it has no evaluation in the span of the checkpoints but at initialisation.
    """
    epochs, (first, *_, last) = [row["epoch"] for row in rows], checkpoints.values()
    spans = f"epochs {epochs[0]:g} to {epochs[-1]:g}, and checkpoints of epochs {first:g} to {last:g}"
    if not any(max(first, 1e-9) <= epoch <= last for epoch in epochs):
        raise RepdynError(
            f"{run} has a history of {spans}; if these are of one training, its columns of steps and epochs, or "
            "`steps_per_epoch`, are not what the config says."
        )
    if epochs[-1] < _COVERED * last:
        return f"{run} has a history of {spans}: what happens after its end is not known"
    return None


def _columns(columns: Mapping[str, str], there: list[str], file: Path) -> dict[str, tuple[str, float]]:
    """For each of our columns that a log has, its name there and what its values are divided by."""
    unknown = [name for name in columns if name not in HISTORY.names]
    if unknown:
        raise RepdynError(f"`history.columns` names {shown(unknown[0])}; a history has {listed(HISTORY.names)}.")
    theirs = {}
    for name in HISTORY.names:
        column, divisor = columns.get(name, name), 1.0
        if column not in there and (percent := _IN_PERCENT.fullmatch(column)):
            column, divisor = percent[1], 100.0
        if column in there:
            theirs[name] = (column, divisor)
        elif name in columns:
            raise RepdynError(
                f"`{named(file)}` has no column {shown(column)} (for `{name}`); there are {listed(there)}."
            )
    if not set(theirs) - {*_TIMES, "seconds"}:
        raise RepdynError(
            f"`{named(file)}` has none of the columns of a history; say in `history.columns` which is which, such as "
            f"`test_accuracy: …`; there are {listed(there)}."
        )
    return theirs


def _time(columns: Mapping[str, str], theirs: Mapping[str, tuple[str, float]], file: Path) -> str:
    """Whether steps or epochs date the rows: what the config names, or else steps where there are any."""
    for name in (*(each for each in _TIMES if each in columns), *_TIMES):
        if name in theirs:
            return name
    raise RepdynError(
        f"`{named(file)}` says of no row when it was; name the column with its optimizer step or its epoch in "
        "`history.columns`, such as `epoch: …`."
    )


def _dated(
    time: str, at: float, told: float | None, per_epoch: float | None, offset: float, file: Path
) -> tuple[int, float]:
    if at + (offset if time == "epoch" else 0) < 0 or (time == "step" and at != int(at)):
        raise RepdynError(f"`{named(file)}` has a row at {time} {at:g}, which cannot be.")
    if time == "step":
        epoch = None if told is None else told + offset
        if per_epoch is not None:
            found = at / per_epoch
            if epoch is not None and abs(found - epoch) > max(_APART[0], _APART[1] * max(found, epoch)):
                raise RepdynError(
                    f"`{named(file)}` has step {at:g} in epoch {epoch:g}, but with {per_epoch:g} steps in an epoch it "
                    f"is in epoch {found:g}; correct `steps_per_epoch`."
                )
            return int(at), found
        if epoch is not None:
            return int(at), epoch
    elif per_epoch is not None:
        return round((at + offset) * per_epoch), at + offset
    raise RepdynError(
        f"How many optimizer steps an epoch has is not known for `{named(file)}`; say it as `steps_per_epoch`: the "
        "number of batches in the training set."
    )


def _value(name: str, value: Any, column: str, divisor: float, file: Path) -> float | None:
    number = _number(value, column, file)
    if number is None:
        return None
    number /= divisor
    if name.endswith("_accuracy") and 1 < number < 1 + ROUNDING:
        return 1.0
    if name.endswith("_accuracy") and not 0 <= number <= 1:
        cure = f"; where it is in percent, write `{name}: {column} / 100`" if 1 < number <= 100 else ""
        raise RepdynError(
            f"`{named(file)}` has {number:g} in {shown(column)}, but an accuracy is a fraction from 0 to 1{cure}."
        )
    return number


def _number(value: Any, column: str, file: Path) -> float | None:
    if value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError):
        raise RepdynError(f"`{named(file)}` has {shown(value)} in {shown(column)}, which is no number.") from None
