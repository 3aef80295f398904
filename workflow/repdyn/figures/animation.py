"""Animate decision regions: panels of all layers side by side, and below them the accuracies with a cursor."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from ..catalogue.plane_sets import IMAGES
from ..records.train import HISTORY
from . import epoch_axis, paper, planes, reading, sheet, style, training

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

ACROSS = 4  # panels side by side
LEFT, GAP, HEAD, STRIP = 0.5, 0.1, 0.18, 1.0  # inches: axis, between panels, above each, height of the curves
KEY = 0.32  # inches: height of each of the three images below the panels
DPI = 120
MILLISECONDS, LAST = 300, 2500  # duration of a frame, and of the last one


class Film:
    """A figure whose panels can be set to any checkpoint."""

    def __init__(
        self,
        labels: pd.DataFrame,
        corners: planes.Corners,
        history: pd.DataFrame,
        *,
        classes: int,
        names: Mapping[int, str] | None = None,
        title: str = "",
    ) -> None:
        """Lay out the figure at the first checkpoint.

        Args:
            labels: rows of one plane of the pictures table: layer, depth, step, epoch, labels.
            corners: its three images.
            history: the run's history table.
            classes: number of classes.
            names: class -> its name; those that have none are called by their numbers.
            title: the figure's title.
        """
        self.steps = [int(step) for step in np.sort(labels["step"].unique())]
        self._epochs = labels.drop_duplicates("step").set_index("step")["epoch"]
        self._labels = labels.set_index(["layer", "step"])["labels"]
        with style.language():
            self.figure, self._strip = _lay_out(labels, corners, history, classes, names or {}, title)
        self._images = {str(axis.get_label()): axis.images[0] for axis in self.figure.axes if axis.get_title()}
        self._cursor = self._strip.axvline(0, color=style.INK, linewidth=1.2)
        wide, high = self.figure.get_size_inches()
        self._clock = self.figure.text(1 - 0.06 / wide, 1 - 0.05 / high, "", ha="right", va="top", fontsize=style.TITLE)
        self.show(self.steps[0])

    def show(self, step: int) -> None:
        """Set every panel to the checkpoint at a step."""
        for layer, image in self._images.items():
            points = np.asarray(self._labels[layer, step])
            image.set_data(points.reshape(round(len(points) ** 0.5), -1))
        epoch = float(self._epochs[step])
        self._cursor.set_xdata([epoch, epoch])
        self._clock.set_text(f"epoch {epoch_axis.label(epoch)}")

    def frames(self) -> Iterator[Image.Image]:
        """A picture of each checkpoint, in order."""
        self.figure.set_dpi(DPI)
        canvas = FigureCanvasAgg(self.figure)
        for step in self.steps:
            self.show(step)
            with style.language():
                canvas.draw()  # type: ignore[no-untyped-call]
            pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
            yield Image.fromarray(pixels).convert("RGB")


def _lay_out(
    labels: pd.DataFrame,
    corners: planes.Corners,
    history: pd.DataFrame,
    classes: int,
    names: Mapping[int, str],
    title: str,
) -> tuple[Figure, Axes]:
    """Make the figure and the axes of the curves."""
    layers = style.depth_order(labels)
    width = paper.width()
    inner = width - LEFT - 0.1
    top = sheet.title_height(title, width - 1.0)
    colours = planes.colour_map(classes)
    patches = planes.class_patches(labels["labels"], colours, names)
    curves = training.handles(history)
    legends = [sheet.legend_height(patches, inner), sheet.legend_height(curves, inner)]
    beside = top + 0.09 + KEY + 0.09 + 0.03 + STRIP + 0.4 + sum(legends)
    # A film has no pages: of many layers, more stand side by side.
    most = next(n for n in itertools.count(ACROSS) if _rows_high(n, len(layers), corners) <= paper.tallest() - beside)
    wide, high = _panel(most, corners)
    across = min(most, len(layers))
    bottom = top + _rows_high(most, len(layers), corners)
    below = bottom + 0.09 + KEY + 0.09
    strip = below + 0.03 + legends[0]
    figure = sheet.blank(width, strip + STRIP + 0.4 + legends[1])
    for depth, layer in enumerate(layers):
        row, column = divmod(depth, across)
        axis = sheet.panel(
            figure, LEFT + column * (wide + GAP), top + row * (HEAD + high) + HEAD, wide, high, ticks=False
        )
        first = labels[labels["layer"] == layer].sort_values("step")["labels"].iloc[0]
        planes.plane(axis, first, corners, colours)
        planes.place_images(axis, corners, 0.17 * min(wide, high), DPI)
        axis.set_label(layer)
        axis.set_title(sheet.shortened(layer, wide + GAP / 2), fontsize=style.TEXT, pad=2.5)
    compact: dict[str, Any] = {"handlelength": 0.9, "handleheight": 0.9, "columnspacing": 0.9}
    for i, caption in enumerate(corners.captions):
        left = LEFT + i * inner / 3
        planes.explain_image(figure, left, bottom + 0.09, KEY, corners, i, caption)
    sheet.legend(figure, LEFT, below, patches, inner, **compact)
    axis = sheet.panel(figure, LEFT, strip, inner, STRIP)
    training.lines(axis, history)
    axis.set_yticks([0, 0.5, 1])
    axis.set_ylabel("accuracy", labelpad=2)
    axis.set_xlabel("epoch", labelpad=1)
    sheet.legend(figure, LEFT, strip + STRIP + 0.38, curves, inner)
    for line, text in enumerate(sheet.wrapped(title, width - 1.1, style.TITLE)):
        sheet.write(figure, 0.05, 0.05 + line * sheet.LINE, text, fontsize=style.TITLE)
    return figure, axis


def _panel(across: int, corners: planes.Corners) -> tuple[float, float]:
    """Width and height of a panel where so many stand side by side, inches."""
    wide = (paper.width() - LEFT - 0.1) / across - GAP
    return wide, wide * corners.ratio


def _rows_high(across: int, layers: int, corners: planes.Corners) -> float:
    """The height of all rows of panels, inches."""
    return math.ceil(layers / across) * (HEAD + _panel(across, corners)[1])


def save(film: Film, file: BinaryIO) -> None:
    """Write a GIF; identical films give identical bytes."""
    frames = list(film.frames())
    # Use one palette for all frames, or colours flicker.
    palette = Image.new("RGB", (frames[0].width, 2 * frames[0].height))
    for i, frame in enumerate((frames[0], frames[len(frames) // 2])):
        palette.paste(frame, (0, i * frame.height))
    common = palette.quantize(256)
    reduced = [frame.quantize(palette=common, dither=Image.Dither.NONE) for frame in frames]
    durations = [*[MILLISECONDS] * (len(frames) - 1), LAST]
    reduced[0].save(file, format="GIF", save_all=True, append_images=reduced[1:], duration=durations, loop=0)


def draw(job: Job, figure: str) -> Film:
    """Read a run's tables and lay out the film of the first picture plane of one set, one of ``planes.FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
        RepdynError: if the study has no such planes.
    """
    name = planes.FIGURES[figure]
    labels, corners, classes, names = planes.read(job, name)
    run = style.run_title(job.run)
    title = f"Regions around three {IMAGES[name]}: {run}"
    return Film(labels, corners, reading.of_run(job, HISTORY), classes=classes, names=names, title=title)
