"""Read tables for figures, of a run or of all runs, and check that they were made with the study's settings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ..analysis import common_checkpoints
from ..analysis.claim_tests import named
from ..catalogue.factors import ARCH, FACTORS, OPTIMIZER
from ..config.messages import listed
from ..errors import RepdynError
from ..pipeline import stored
from ..records.phases import SCORES
from ..training import checkpoint_schedule
from . import style

if TYPE_CHECKING:
    from ..config.runs import Replicate, Run
    from ..pipeline.jobs import Job
    from ..storage.tables import Table

Key = tuple[str, str, int]  # row, column and seed of a run
Events = dict[Key, dict[str, float]]
PLACE = ["row", "column"]  # of a run in a figure of the grid


def of_run(job: Job, table: Table, run: Run | Replicate | None = None) -> pd.DataFrame:
    """A table of a run or seed, the job's own by default, with the layers that figures show (``figures.print.layers``).

    Raises:
        RepdynError: if it has none of them.
    """
    frame = stored.read(job, table, run)
    shown = _shown(frame, job)
    if len(shown) or frame.empty:
        return shown
    there = listed(frame["layer"].dropna().unique().tolist())
    raise RepdynError(f"None of the layers of this run is among `figures.print.layers`; there are: {there}.")


def _shown(frame: pd.DataFrame, job: Job) -> pd.DataFrame:
    """The rows of layers that figures show, and those of no layer."""
    patterns = job.study.figures.print.layers
    if patterns is None or "layer" not in frame:
        return frame
    chosen = [
        layer for layer in frame["layer"].dropna().unique() if any(fnmatchcase(layer, pattern) for pattern in patterns)
    ]
    return frame[frame["layer"].isna() | frame["layer"].isin(chosen)]


def of_each_run(job: Job, table: Table, runs: Iterable[Run] | None = None) -> Iterator[pd.DataFrame]:
    """A table of each run of the study, with columns of factors, seed, and place in figures (:func:`placed`).

    One run after another, so that a figure of many runs never holds the tables of all.
    """
    settings = job.study.figures
    for run in job.study.printed_runs if runs is None else runs:
        frame = _shown(stored.read(job, table, run), job)
        yield placed(frame.assign(**named(run)), settings.rows, settings.columns)


def there(job: Job, frame: pd.DataFrame) -> pd.DataFrame:
    """What was read of all runs.

    Raises:
        RepdynError: if the choice of layers leaves nothing of it.
    """
    if frame.empty and job.study.figures.print.layers is not None:
        raise RepdynError(
            "There is nothing to draw of the layers in `figures.print.layers`; `repdyn layers` lists those there are."
        )
    return frame


def of_runs(job: Job, table: Table) -> pd.DataFrame:
    """The tables of :func:`of_each_run` together."""
    return there(job, pd.concat(of_each_run(job, table), ignore_index=True))


def class_names(examples: pd.DataFrame) -> dict[int, str]:
    """Class -> its name, from the table of a seed's examples, which has all classes that it draws."""
    known = examples.dropna(subset=["label", "class_name"]).drop_duplicates("label")
    return dict(zip(known["label"].astype(int).tolist(), known["class_name"].tolist(), strict=True))


def placed(frame: pd.DataFrame, rows: str = ARCH, columns: str = OPTIMIZER) -> pd.DataFrame:
    """Rows of runs with their ``row`` and ``column`` in figures of the grid, unless they have them.

    Any two factors make rows and columns. Levels of the third, where a study has several, are columns beside each
    other.

    Args:
        frame: with columns arch and optimizer, and data where these have names.
        rows: the factor of rows.
        columns: that of columns.
    """
    if set(PLACE) <= set(frame):
        return frame
    (third,) = (factor for factor in FACTORS if factor not in (rows, columns))
    column = frame[columns].astype(str)
    if third in frame and frame[third].nunique() > 1:
        column += ", " + frame[third].astype(str)
    return frame.assign(row=frame[rows].astype(str), column=column)


def each_on_common_epochs(
    job: Job, table: Table, alike: Sequence[str] = ("arch", "optimizer", "data")
) -> Iterator[pd.DataFrame]:
    """As :func:`of_each_run`, at epochs that runs have in common, so that they can be averaged or subtracted.

    Runs that are trained here on as many examples have all epochs in common, and the table stays as it is. Others may
    have different checkpoints: each keeps those that are nearest to a common grid of log epochs, and gets the epochs of
    the grid (``analysis/common_checkpoints.py``).

    Args:
        job: of the figure.
        table: its rows are of checkpoints (step, epoch) or of pairs of them (step_a, epoch_a, step_b, epoch_b).
        alike: the factors in which runs agree that are put together; these come after each other.
    """
    groups: dict[tuple[str | None, ...], list[Run]] = {}
    for run in job.study.printed_runs:
        groups.setdefault(tuple(getattr(run, factor) for factor in alike), []).append(run)
    of_one_schedule = not (job.study.recorded_runs or job.study.named_data)
    for runs in groups.values():
        frames = of_each_run(job, table, runs)
        if of_one_schedule:
            yield from frames
            continue
        common = common_checkpoints.needed({run: checkpoint_schedule.epochs_of(job.study, run) for run in runs})
        for run, frame in zip(runs, frames, strict=True):
            if not common.is_grid or frame.empty:
                yield frame
                continue
            suffixes = ("_a", "_b") if "step_a" in frame else ("",)
            epochs = dict(zip(common.steps[run], common.epochs, strict=True))
            kept = frame[np.all([frame[f"step{suffix}"].isin(epochs) for suffix in suffixes], axis=0)]
            yield kept.assign(**{f"epoch{suffix}": kept[f"step{suffix}"].map(epochs) for suffix in suffixes})


def on_common_epochs(
    job: Job, table: Table, reduced: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
) -> pd.DataFrame:
    """The tables of :func:`each_on_common_epochs` together, each reduced first."""
    frames = [reduced(frame) for frame in each_on_common_epochs(job, table)]
    return there(job, pd.concat(frames, ignore_index=True))


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """A table of all runs, with factors and seed as values instead of pandas' categories, and a place in figures."""
    kinds = {name: frame[name].dtype for name in (*FACTORS, "seed") if name in frame}
    return placed(
        frame.astype(
            {name: kind.categories.dtype for name, kind in kinds.items() if isinstance(kind, pd.CategoricalDtype)}
        )
    )


def cells(frame: pd.DataFrame) -> list[tuple[str, str]]:
    """The rows and columns of a figure that a table has runs of, in its order."""
    return list(frame[PLACE].drop_duplicates().itertuples(index=False, name=None))


def at(frame: pd.DataFrame, cell: tuple[str, str]) -> pd.DataFrame:
    """The runs at a row and column."""
    return frame[(frame["row"] == cell[0]) & (frame["column"] == cell[1])]


def lines(frame: pd.DataFrame, most: int) -> list[tuple[str, list[str]]]:
    """Lines of panels: a row of the grid with at most so many of its columns."""
    found = []
    for row, part in frame.groupby("row", sort=False):
        columns = list(dict.fromkeys(part["column"]))
        found += [(str(row), columns[i : i + most]) for i in range(0, len(columns), most)]
    return found


def events(scores: pd.DataFrame) -> Events:
    """(row, column, seed) -> the events of that run, from the scores of one or several runs."""
    by_run = plain(scores).groupby([*PLACE, "seed"], sort=False)
    return {run: style.events(part) for run, part in by_run}  # type: ignore[misc]


def events_of_runs(job: Job) -> Events:
    """The same of all runs of the study, read one after another."""
    frames = (frame for frame in of_each_run(job, SCORES) if len(frame))
    return {run: found for frame in frames for run, found in events(frame).items()}
