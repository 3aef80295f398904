"""Training curves: accuracies by epoch, with memorization and perfect fit marked."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from .. import tables
from . import style

if TYPE_CHECKING:
    from ..jobs import Job
    from ..study import Run

CURVES: dict[str, tuple[str, str, float, Any]] = {
    "train": ("train_accuracy", "all training examples, on the labels trained on", 1.6, "-"),
    "clean": ("clean_accuracy", "correctly labelled", 1.1, "-"),
    "mislabelled": ("mislabelled_accuracy", "mislabelled, on their wrong labels: memorization", 1.4, "-"),
    "true": ("mislabelled_true_accuracy", "mislabelled, on their true labels", 1.1, (0, (3, 1))),
    "test": ("test_accuracy", "test", 1.4, "-"),
}


def curves(history: pd.DataFrame, events: dict[str, float], title: str) -> Figure:
    """The accuracies of one run.

    Args:
        history: a run's history table.
        events: name -> epoch, those that took place.
        title: what the run is called.
    """
    figure = style.blank(style.COLUMN + 1.1, 3.35)
    axis = figure.add_subplot()
    _lines(axis, history)
    _mark(axis, events)
    axis.set_xlabel("epoch")
    axis.set_ylabel("accuracy")
    axis.set_title(title, loc="left")
    figure.legend(handles=_handles(history, events), loc="outside lower center", ncols=2, handlelength=2.2)
    return figure


def grid(histories: pd.DataFrame, events: dict[Run, dict[str, float]]) -> Figure:
    """All runs as small multiples: architectures by optimizers; lines are means over seeds, bands their range.

    Args:
        histories: the history tables of all runs, with columns arch, optimizer, seed.
        events: the events of each run; the median over the seeds in which an event took place is marked.
    """
    archs, optimizers = list(dict.fromkeys(histories["arch"])), list(dict.fromkeys(histories["optimizer"]))
    width = min(style.PAGE, 1.0 + 2.6 * len(optimizers))
    figure = style.blank(width, 0.9 + 1.7 * len(archs))
    axes = figure.subplots(len(archs), len(optimizers), sharex=True, sharey=True, squeeze=False)
    for row, arch in enumerate(archs):
        for column, optimizer in enumerate(optimizers):
            axis = axes[row, column]
            part = histories[(histories["arch"] == arch) & (histories["optimizer"] == optimizer)]
            seeds = part["seed"].nunique()
            _lines(axis, part)
            _mark(axis, _median([e for run, e in events.items() if (run.arch, run.optimizer) == (arch, optimizer)]))
            axis.set_title(f"{arch}, {optimizer} ({seeds} seed{'s' if seeds > 1 else ''})", loc="left")
            axis.set_xlabel("epoch")
            axis.label_outer()
    figure.supylabel("accuracy", fontsize=style.RC["axes.labelsize"])
    present = {name for of_run in events.values() for name in of_run}
    handles = _handles(histories, dict.fromkeys(present, 0.0))
    figure.legend(handles=handles, loc="outside lower center", ncols=2, handlelength=2.2)
    return figure


def _lines(axis: Axes, history: pd.DataFrame) -> None:
    for name, (column, _label, width, dashes) in CURVES.items():
        if history[column].notna().any():
            by_epoch = history.groupby("epoch")[column]
            mean, low, high = by_epoch.mean(), by_epoch.min(), by_epoch.max()
            colour = style.CURVES[name]
            axis.fill_between(mean.index, low, high, color=colour, alpha=0.18, linewidth=0)
            axis.plot(mean.index, mean, color=colour, linewidth=width, linestyle=dashes)
    style.log_epochs(axis, history["epoch"].max())
    axis.set_ylim(-0.02, 1.02)
    axis.set_yticks([0, 0.2, 0.4, 0.6, 0.8, 1])


def _mark(axis: Axes, events: dict[str, float]) -> None:
    for name, epoch in events.items():
        _label, colour, dashes = style.EVENTS[name]
        axis.axvline(epoch, color=colour, linestyle=dashes, linewidth=0.8, zorder=0)


def _median(of_seeds: list[dict[str, float]]) -> dict[str, float]:
    found = {name: [events[name] for events in of_seeds if name in events] for name in style.EVENTS}
    return {name: statistics.median(epochs) for name, epochs in found.items() if epochs}


def _handles(history: pd.DataFrame, events: dict[str, float]) -> list[Line2D]:
    curves = [
        Line2D([], [], color=style.CURVES[name], linewidth=width, linestyle=dashes, label=label)
        for name, (column, label, width, dashes) in CURVES.items()
        if history[column].notna().any()
    ]
    marks = [
        Line2D([], [], color=colour, linestyle=dashes, linewidth=0.8, label=label)
        for name, (label, colour, dashes) in style.EVENTS.items()
        if name in events
    ]
    return [*curves, *marks]


def draw(job: Job, _figure: str) -> Figure:
    """Read a run's tables, or those of all runs, and draw."""
    runs = [job.grid_run] if job.grid_run is not None else job.study.runs
    histories, events = [], {}
    for run in runs:
        path = job.paths.history(run.path)
        frame = tables.read(path, job.study.hyperparameters("train", run)).to_pandas()
        histories.append(frame.assign(arch=run.arch, optimizer=run.optimizer, seed=run.seed))
        scores = tables.read(job.paths.scores(run.path), job.study.hyperparameters("phases", run)).to_pandas()
        events[run] = style.events(scores)
    if job.grid_run is None:
        return grid(pd.concat(histories), events)
    run = job.grid_run
    return curves(histories[0], events[run], f"Accuracy: {style.run_title(run.arch, run.optimizer, run.seed)}")
