"""Checkpoint-by-checkpoint matrices of every layer of a run: CKA, and agreement of decision regions."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle

from .. import tables
from . import style

if TYPE_CHECKING:
    from ..jobs import Job

PER_ROW = 7
ROWS = {"test": "test images", "clean": "clean\ntraining images", "mislabelled": "mislabelled\ntraining images"}


def matrices(
    frame: pd.DataFrame,
    value: str,
    *,
    title: str = "",
    label: str = "",
    segments: pd.DataFrame | None = None,
    events: dict[str, float] | None = None,
) -> Figure:
    """The matrices of all layers side by side, in order of depth, and under another for each set of planes.

    Args:
        frame: rows of a similarity table of one run: layer, depth, step_a, step_b, epoch_a, epoch_b, the value, and,
            for regions, planes.
        value: which column is shown.
        title: what is seen.
        label: of the colour bar.
        segments: phases (layer, step_start, step_end, and, for regions, planes) to be outlined on the diagonal.
        events: name -> epoch, those that took place.
    """
    events = events or {}
    layers = list(frame.sort_values("depth")["layer"].unique())
    sets = [name for name in ROWS if name in set(frame["planes"])] if "planes" in frame else [""]
    wrapped = math.ceil(len(layers) / PER_ROW)
    columns = math.ceil(len(layers) / wrapped)
    rows = len(sets) * wrapped
    cell = (style.PAGE - 1.0) / max(columns, 4)
    figure = style.blank(min(style.PAGE, cell * columns + 1.0), rows * (0.82 * cell + 0.17) + 0.8)
    axes = figure.subplots(rows, columns, squeeze=False)
    image = None
    for axis in axes.flat:
        axis.set_visible(False)
    for s, name in enumerate(sets):
        part = frame[frame["planes"] == name] if name else frame
        for depth, layer in enumerate(layers):
            row, column = s * wrapped + depth // columns, depth % columns
            axis = axes[row, column]
            axis.set_visible(True)
            image = _matrix(axis, part[part["layer"] == layer], value, events)
            if segments is not None:
                _outline(axis, part[part["layer"] == layer], _of(segments, layer, name))
            if row < wrapped or wrapped > 1:
                axis.set_title(layer, fontsize=7)
            if column == 0:
                axis.set_ylabel(ROWS.get(name, "epoch"), fontsize=7)
            else:
                axis.set_yticklabels([])
            if depth + columns < len(layers) or s + 1 < len(sets):
                axis.set_xticklabels([])
            else:
                axis.set_xlabel("epoch", fontsize=7)
    if image is not None:
        figure.colorbar(image, ax=axes, label=label, fraction=0.02, pad=0.01, aspect=12 * rows, shrink=1 - 0.4 / rows)
    figure.suptitle(title, x=0.01, ha="left")
    handles = _handles(events, segments)
    if handles:
        figure.legend(
            handles=handles, loc="outside lower center", ncols=len(handles) if len(layers) > 4 else 2, handlelength=2.2
        )
    return figure


def _of(segments: pd.DataFrame, layer: str, name: str) -> pd.DataFrame:
    chosen = segments[segments["layer"] == layer]
    return chosen[chosen["planes"] == name] if name else chosen


def _matrix(axis: Axes, part: pd.DataFrame, value: str, events: dict[str, float]) -> AxesImage:
    matrix = part.pivot(index="epoch_a", columns="epoch_b", values=value)
    checkpoints = style.CheckpointAxis(list(matrix.index))
    image = axis.imshow(matrix, origin="lower", cmap=style.SIMILARITY, vmin=0, vmax=1, interpolation="nearest")
    for name, epoch in events.items():
        _label, colour, dashes = style.EVENTS[name]
        where = checkpoints.position(epoch)
        axis.axvline(where, color=colour, linestyle=dashes, linewidth=0.7, path_effects=style.HALO)
    checkpoints.tick(axis, "x")
    checkpoints.tick(axis, "y")
    return image


def _outline(axis: Axes, part: pd.DataFrame, segments: pd.DataFrame) -> None:
    """A square around each phase on the diagonal, where there is more than one."""
    if len(segments) < 2:
        return
    index = {step: i for i, step in enumerate(sorted(part["step_a"].unique()))}
    for start, end in zip(segments["step_start"], segments["step_end"], strict=True):
        first, last = index[start], index[end]
        side = last - first + 1
        axis.add_patch(
            Rectangle((first - 0.5, first - 0.5), side, side, fill=False, edgecolor=style.BOUNDARY, linewidth=0.8)
        )


def _handles(events: dict[str, float], segments: pd.DataFrame | None) -> list[Line2D]:
    handles = []
    for name, (label, colour, dashes) in style.EVENTS.items():
        if name in events:
            handles.append(Line2D([], [], color=colour, linestyle=dashes, linewidth=0.9, label=label))
    if segments is not None and (segments["step_start"] > 0).any():
        handles.append(Line2D([], [], color=style.BOUNDARY, linewidth=0.9, label="phases"))
    return handles


def draw(job: Job, figure: str) -> Figure:
    """Read a run's tables and draw its ``cka`` or ``regions`` figure."""
    run = job.run
    path = job.paths.cka(run.path) if figure == "cka" else job.paths.region_similarity(run.path)
    frame = tables.read(path, job.made_with(figure)).to_pandas()
    phases = tables.read(job.paths.segments(run.path), job.made_with("phases")).to_pandas()
    events = style.events(tables.read(job.paths.scores(run.path), job.made_with("phases")).to_pandas())
    events.pop("perfect_fit_first", None)  # a small matrix has room for three lines
    title = style.run_title(run.arch, run.optimizer, run.seed)
    if figure == "cka":
        phases = phases[phases["measure"] == "cka"]
        text = f"Each layer's similarity to itself across training: CKA of {title}"
        return matrices(frame, "cka", title=text, label="CKA", segments=phases, events=events)
    phases = phases[phases["measure"].str.startswith("regions")]
    phases = phases.assign(planes=phases["measure"].str.split(":").str[-1])
    text = f"Each layer's similarity to itself across training: decision regions of {title}"
    return matrices(frame, "similarity", title=text, label="agreement", segments=phases, events=events)
