"""Layers by depth and time: their synchrony, their rates of change, and the accuracies of their probes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure

from ..analysis import phases, trajectory
from ..catalogue.events import EVENTS
from ..catalogue.measures import Measure
from ..errors import RepdynError
from ..records.cka import CKA
from ..records.layer_names import OUTPUT
from ..records.phases import SCORES
from ..records.probes import ACCURACY
from ..records.regions import SIMILARITY
from . import epoch_axis, paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

RIGHT, GAP, HEAD, TICKS = 0.66, 0.1, 0.18, 0.16  # inches: colour bar, between panels, above each, for tick labels
BETWEEN = 0.45  # inches for a colour bar between panels
ACROSS, FEWER = 4, 3  # panels side by side; where each has a colour bar
NARROW = 5.0  # inches: on narrower paper, few panels fill it
NUMBERS = 0.185  # inches: the smallest cell that shows its number
LABEL = 0.13  # inches that the name of a layer takes
SMALLEST = 0.85  # inches: the width of a panel, where several stand side by side
LOWEST = 0.7  # inches: the height of a panel that shares its page


# ---- synchrony ----------------------------------------------------------------------------------------------------


def synchronies(cka: pd.DataFrame, regions: pd.DataFrame, measures: Mapping[str, Measure]) -> dict[str, pd.DataFrame]:
    """Measure that has phases -> synchrony of every layer with every other, NaN if undefined (``phases.synchrony``)."""
    found = {}
    trajectories = phases.trajectories(cka, regions, measures)
    for measure, group in itertools.groupby(trajectories, key=lambda t: t.measure):
        layers = list(group)
        names = [layer.layer for layer in layers]
        values = [[_synchrony(a, b) for b in layers] for a in layers]
        found[measure] = pd.DataFrame(values, index=names, columns=names, dtype=float)
    return found


def _synchrony(a: phases.Trajectory, b: phases.Trajectory) -> float | None:
    least = phases.LEAST_CHECKPOINTS
    if min(len(a.steps), len(b.steps)) < least or not np.array_equal(a.steps, b.steps):
        return None
    return phases.synchrony(a.even, b.even)


@style.styled
def synchrony(cka: pd.DataFrame, regions: pd.DataFrame, measures: Mapping[str, Measure], title: str = "") -> Figure:
    """Draw which layers change at the same times: a matrix of layers for each measure.

    Args:
        cka: a run's CKA table.
        regions: its table of DRS.
        measures: those of the study, by name; those without phases have no panel.
        title: the figure's title.
    """
    found = synchronies(cka, regions, measures)
    layers: list[str] = max((list(map(str, matrix)) for matrix in found.values()), key=len)
    named, left = sheet.named_rows(layers)
    left += 0.1
    below = left + 0.02  # layers' names, rotated
    least = min(4.2, paper.width())
    side, across = _side(len(found), len(layers), left, below, paper.room(sheet.title_height(title, least)))
    rows = math.ceil(len(found) / across)
    width = max(least, left + across * (side + GAP) + RIGHT)
    top = sheet.title_height(title, width)
    shown = paper.rows([HEAD + side + below] * rows, paper.room(top))
    figure = sheet.blank(width, top + len(shown) * (HEAD + side + below))
    values = np.concatenate([matrix.to_numpy(dtype=float).ravel() for matrix in found.values()])
    lowest = min(values[np.isfinite(values)], default=1.0)
    low = math.floor(10 * float(lowest) - 1e-9) / 10 if lowest < 1 else 0.0
    image = None
    for i, (measure, matrix) in enumerate(found.items()):
        row, column = divmod(i, across)
        if row not in shown:
            continue
        y = top + (row - shown[0]) * (HEAD + side + below) + HEAD
        axis = sheet.panel(figure, left + column * (side + GAP), y, side, side)
        beside = named if column == 0 else [""] * len(layers)
        image = _layer_matrix(axis, matrix, named, beside, low, side / len(layers))
        axis.set_title(sheet.shortened(measures[measure].label, side + GAP / 2), fontsize=style.TEXT, pad=2.5)
    sheet.title(figure, title)
    sheet.colour_bar(figure, image, left + across * (side + GAP), top + HEAD, min(side, 3.0), "synchrony")
    return figure


def _side(matrices: int, layers: int, left: float, below: float, height: float) -> tuple[float, int]:
    """The side of a matrix, in inches, and how many stand side by side: as large as names want and a page allows.

    If no arrangement has room for all, those go on further pages that do not fit beside as many as possible.
    """
    room = paper.width() - left - RIGHT
    most = max(1, min(ACROSS, int(room / (SMALLEST + GAP))))
    wanted = max(room / most - GAP, LABEL * layers)
    side = room / most - GAP
    for across in range(min(most, max(1, int(room / (wanted + GAP)))), most + 1):
        side = min(wanted, room / across - GAP, height - HEAD - below)
        if math.ceil(matrices / across) * (HEAD + side + below) <= height:
            break
    return side, math.ceil(matrices / math.ceil(matrices / across))


def _layer_matrix(
    axis: Axes, matrix: pd.DataFrame, below: list[str], beside: list[str], low: float, cell: float
) -> Any:
    """Draw a matrix, first layer in the upper left corner; numbers if there is room."""
    n, values = len(matrix), matrix.to_numpy(dtype=float)
    image = sheet.matrix(axis, values, style.SIMILARITY, (low, 1.0))
    axis.set_xlim(-0.5, len(below) - 0.5)
    axis.set_ylim(len(below) - 0.5, -0.5)
    every = math.ceil(LABEL / cell - 1e-9)  # names that would overlap are left out
    axis.set_xticks(range(0, n, every), below[:n:every], rotation=90)
    axis.set_yticks(range(0, len(beside), every), beside[::every])
    axis.tick_params(length=0)
    if cell >= NUMBERS:
        for i, j in itertools.permutations(range(n), 2):
            if np.isfinite(values[i, j]):
                colour = "white" if values[i, j] < (1 + low) / 2 else style.INK
                number = f"{values[i, j]:.2f}".replace("0.", ".")
                axis.text(j, i, number, ha="center", va="center", fontsize=style.SMALL, color=colour)
    return image


# ---- layers by time -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scale:
    """Panels that share a colour scale.

    Attributes:
        panels: name of a panel -> layers by time; layers missing from a panel stay white.
        limits: of the colours.
        label: of its colour bar; that of the last scale stands at the last one of each page, for all.
        ticks: of the colour bar; None leaves it to matplotlib.
    """

    panels: dict[str, pd.DataFrame]
    limits: tuple[float, float]
    label: str = ""
    ticks: list[float] | None = None


@style.styled
def layers_by_time(
    scales: list[Scale],
    *,
    first: float,
    epochs: list[float],
    title: str = "",
    events: dict[str, float] | None = None,
    cmap: Colormap = style.SIMILARITY,
    beyond: bool = False,
) -> Figure:
    """Draw a panel for each table of layers (rows, from the input on) by time (columns).

    Args:
        scales: the panels, by colour scale.
        first: where the first column of cells begins on the axis of checkpoints; each is as wide as a checkpoint.
        epochs: of the checkpoints.
        title: the figure's title.
        events: name -> epoch, for events that took place.
        cmap: the colour map.
        beyond: whether values may exceed the upper limit.
    """
    tables = [panel for scale in scales for panel in scale.panels.values()]
    layers = max((list(panel.index) for panel in tables), key=len)
    named, left = sheet.named_rows(layers)
    left += 0.12
    lines = _lines(scales, max(1, int((paper.width() - left - RIGHT) / (SMALLEST + GAP))))
    across = [sum(len(scale.panels) for scale in line) for line in lines]
    bars = [RIGHT + BETWEEN * (len(line) - 1) for line in lines]
    least = 3 if paper.width() > NARROW else 1
    wide = min((paper.width() - left - b) / max(least, n) - GAP for n, b in zip(across, bars, strict=True))
    events = style.few(events or {})
    handles = style.event_handles(events)
    right = max(left + n * (wide + GAP) + b for n, b in zip(across, bars, strict=True))
    width = min(paper.width(), max(4.2, right))
    top, legend = sheet.title_height(title, width), sheet.legend_height(handles, width - left)
    room = paper.room(top + sheet.EPOCH_AXIS + 0.06 + legend)
    fits = room / len(lines) - HEAD - TICKS
    wanted = len(layers) * min(0.25, max(LABEL, 1.1 / len(layers)))
    high = min(wanted, fits if fits >= LOWEST else max(LOWEST, room / math.ceil(len(lines) / 2) - HEAD - TICKS),
               room - HEAD - TICKS)  # fmt: skip
    shown = paper.rows([HEAD + high + TICKS] * len(lines), room)
    bottom = top + len(shown) * (HEAD + high + TICKS) - TICKS
    figure = sheet.blank(width, bottom + sheet.EPOCH_AXIS + 0.06 + legend)
    checkpoints = epoch_axis.CheckpointAxis(epochs)
    every = math.ceil(LABEL * len(layers) / high - 1e-9)  # names that would overlap are left out
    for row, line in enumerate(lines[i] for i in shown):
        x, y = left, top + row * (HEAD + high + TICKS) + HEAD
        for scale in line:
            image = None
            for name, panel in scale.panels.items():
                axis = sheet.panel(figure, x, y, wide, high)
                image = _heat(axis, panel, first, cmap, scale.limits)
                _mark(axis, checkpoints, events)
                checkpoints.tick(axis, "x")
                axis.set_ylim(len(layers) - 0.5, -0.5)
                names = named if x == left else [""] * len(layers)
                axis.set_yticks(range(0, len(layers), every), names[::every])
                axis.tick_params(axis="y", length=0)
                axis.set_title(sheet.shortened(name, wide + GAP / 2), fontsize=style.TEXT, pad=2.5)
                x += wide + GAP
            options: dict[str, Any] = {"extend": "max" if beyond else "neither", "ticks": scale.ticks}
            is_last = row + 1 == len(shown) and scale is line[-1]
            sheet.colour_bar(figure, image, x, y, high, scales[-1].label if is_last else "", **options)
            x += BETWEEN
    sheet.title(figure, title)
    sheet.write(figure, (left + right - RIGHT) / 2, bottom + 0.18, "epoch", ha="center")
    sheet.legend(figure, left, bottom + sheet.EPOCH_AXIS, handles, width - left)
    return figure


def _lines(scales: list[Scale], most: int) -> list[list[Scale]]:
    """Scales in lines: all side by side if there is room for their panels, else as many as fit into each line.

    Args:
        scales: the panels, by colour scale.
        most: how many panels there is room for side by side.
    """
    if sum(len(scale.panels) for scale in scales) <= min(ACROSS, most):
        return [scales]
    most = min(FEWER, most)
    lines: list[list[Scale]] = [[]]
    for scale in scales:
        panels = list(scale.panels.items())
        for i in range(0, len(panels), most):
            part = replace(scale, panels=dict(panels[i : i + most]))
            if sum(len(there.panels) for there in lines[-1]) + len(part.panels) > most:
                lines.append([])
            lines[-1].append(part)
    return [line for line in lines if line]


def _heat(axis: Axes, panel: pd.DataFrame, first: float, cmap: Colormap, limits: tuple[float, float]) -> Any:
    """Draw layers by time; the first column of cells begins at ``first`` on the axis of checkpoints."""
    image = sheet.matrix(axis, panel.to_numpy(dtype=float), cmap, limits)
    left, right, low, high = image.get_extent()
    image.set_extent((left + first + 0.5, right + first + 0.5, low, high))
    axis.set_xlim(first, first + panel.shape[1])
    return image


def _mark(axis: Axes, checkpoints: epoch_axis.CheckpointAxis, events: dict[str, float]) -> None:
    for name, epoch in events.items():
        event = EVENTS[name]
        axis.axvline(checkpoints.position(epoch), color=event.colour, linestyle=event.dashes, linewidth=0.8, gid=name,
                     path_effects=style.halo())  # fmt: skip


def rates(part: pd.DataFrame, value: str) -> pd.DataFrame:
    """Layers by intervals between checkpoints: (1 − similarity) per decade of epochs.

    Initialisation, at epoch 0, is placed one typical distance before the first trained checkpoint on the log axis.
    """
    found = {}
    for layer in style.depth_order(part):
        matrix = part[part["layer"] == layer].pivot(index="epoch_a", columns="epoch_b", values=value).sort_index()
        apart = np.diff(trajectory.positions(matrix.index.to_numpy(dtype=float)))
        found[layer] = (1 - np.diagonal(matrix.to_numpy(dtype=float), 1)) / apart
    return pd.DataFrame.from_dict(found, orient="index")


def _rates(frame: pd.DataFrame, measures: list[Measure]) -> dict[str, pd.DataFrame]:
    """Label of each measure that a table has -> its rates of change."""
    there = {measure: measure.rows(frame) for measure in measures if measure.column in frame}
    return {measure.label: rates(part, measure.column) for measure, part in there.items() if len(part)}


def change(
    cka: pd.DataFrame, regions: pd.DataFrame, measures: Mapping[str, Measure], title: str = "",
    events: dict[str, float] | None = None,
) -> Figure:  # fmt: skip
    """Draw how fast each layer changes, by depth and time, under each measure.

    Args:
        cka: a run's CKA table.
        regions: its table of DRS.
        measures: those of the study, by name; those without phases have no panel.
        title: the figure's title.
        events: name -> epoch, for events that took place.

    Raises:
        RepdynError: with fewer than three checkpoints, which have no typical distance.
    """
    epochs = sorted(cka["epoch_a"].unique())
    if len(epochs) < 3:
        raise RepdynError(f"How fast layers change takes three checkpoints or more, and there are {len(epochs)}.")
    kernels = [measure for measure in measures.values() if measure.kernel]
    of_cka = _rates(cka, [measure for measure in kernels if measure.table == CKA.name])
    of_regions = _rates(regions, [measure for measure in kernels if measure.table == SIMILARITY.name])
    # Each measure of activations has its own scale: on that of DRS, many layers would not seem to change by CKA.
    groups = [*({label: panel} for label, panel in of_cka.items()), *([of_regions] if of_regions else [])]
    scales = [Scale(panels, (0.0, _fast(panels))) for panels in groups]
    scales[-1] = replace(scales[-1], label="change per tenfold\nof epochs")
    return layers_by_time(
        scales, first=0.0, epochs=epochs,
        title=title, events=events, cmap=style.CHANGE, beyond=True,
    )  # fmt: skip


def _fast(panels: dict[str, pd.DataFrame]) -> float:
    """The upper limit of the colours: the 99th percentile of changes.

    Jumps, such as that of the untrained network's output, would otherwise make everything else look constant.
    """
    inner = [panel.drop(index=OUTPUT, errors="ignore").to_numpy().ravel() for panel in panels.values()]
    return max(0.1, math.ceil(10 * float(np.nanpercentile(np.concatenate(inner), 99))) / 10)


def probes(
    accuracy: pd.DataFrame, title: str = "", events: dict[str, float] | None = None, unseen: str = "test images"
) -> Figure:
    """Draw the accuracies of linear probes, by depth and time.

    Args:
        accuracy: a run's table of probe accuracies.
        title: the figure's title.
        events: name -> epoch, for events that took place.
        unseen: name of the examples on which probes are not trained.
    """
    seen, others = (accuracy[accuracy["split"] == split] for split in ("probe", "similarity"))
    panels = {"training images, given labels": _by_epoch(seen, "accuracy")}
    if not np.array_equal(seen["accuracy"], seen["true_accuracy"]):
        panels["the same, true labels"] = _by_epoch(seen, "true_accuracy")
    panels[f"{unseen}, true labels"] = _by_epoch(others, "true_accuracy")
    low = math.floor(10 * min(float(panel.min().min()) for panel in panels.values())) / 10
    return layers_by_time(
        [Scale(panels, (low, 1.0), "probe accuracy")], first=-0.5, epochs=sorted(accuracy["epoch"].unique()),
        title=title, events=events,
    )  # fmt: skip


def _by_epoch(part: pd.DataFrame, value: str) -> pd.DataFrame:
    return part.pivot(index="layer", columns="epoch", values=value).loc[style.depth_order(part)]


def _draw_synchrony(job: Job, name: str) -> Figure:
    text = f"Which layers change at the same times: {name}"
    return synchrony(reading.of_run(job, CKA), reading.of_run(job, SIMILARITY), job.study.all_measures, text)


def _draw_change(job: Job, name: str) -> Figure:
    events, text = style.events(reading.of_run(job, SCORES)), f"How fast each layer changes: {name}"
    return change(reading.of_run(job, CKA), reading.of_run(job, SIMILARITY), job.study.all_measures, text, events)


def _draw_probes(job: Job, name: str) -> Figure:
    events, text = style.events(reading.of_run(job, SCORES)), f"What linear probes read from each layer: {name}"
    unseen = "test images" if job.study.activations.similarity_from == "test" else "other training images"
    return probes(reading.of_run(job, ACCURACY), text, events, unseen)


FIGURES = {"synchrony": _draw_synchrony, "change": _draw_change, "probes": _draw_probes}


def draw(job: Job, figure: str) -> Figure:
    """Read a run's tables and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job, style.run_title(job.run))
