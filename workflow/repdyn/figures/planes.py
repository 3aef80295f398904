"""Decision regions on one plane through three images: layers by epochs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure, SubFigure
from matplotlib.patches import Patch

from .. import data, tables
from ..errors import RepdynError
from . import style

if TYPE_CHECKING:
    from ..jobs import Job

Array = np.ndarray[Any, np.dtype[Any]]
EPOCHS = 8  # how many checkpoints are shown
MARKERS = ("o", "s", "^")
SETS = {
    "test": "three test images",
    "clean": "three correctly labelled training images",
    "mislabelled": "three mislabelled training images",
}


def regions(
    labels: pd.DataFrame, plane: pd.Series, *, classes: int, images: Array, captions: list[str], title: str
) -> Figure:
    """What the probes of all layers and the network say of one plane, at checkpoints spread over training.

    Args:
        labels: rows of one plane of the pictures table: layer, depth, step, epoch, labels.
        plane: its row of the planes table: x, y, x_range, y_range, resolution, labels.
        classes: how many there are.
        images: (3, height, width, channels), from 0 to 1.
        captions: what is said of each image.
        title: what is seen.
    """
    layers = list(labels.sort_values("depth")["layer"].unique())
    chosen = _spread(np.sort(labels["step"].unique()), EPOCHS)
    epochs = labels.drop_duplicates("step").set_index("step")["epoch"]
    (left, right), (bottom, top) = plane["x_range"], plane["y_range"]
    ratio = (top - bottom) / (right - left)
    margin = 0.14 + 0.055 * max(map(len, layers))  # inches, for the layers' names
    side = (style.PAGE - 1.05 - margin) / len(chosen)
    figure = Figure(figsize=(style.PAGE, len(layers) * side * ratio + 0.55 + 0.04 * len(layers)))
    subfigures = figure.subfigures(1, 2, width_ratios=[style.PAGE - 1.05, 1.05], squeeze=False)
    panels, legend = subfigures[0]
    axes = panels.subplots(len(layers), len(chosen), squeeze=False)
    height = figure.get_size_inches()[1]
    panels.subplots_adjust(
        left=margin / (style.PAGE - 1.05),
        right=0.995,
        bottom=0.28 / height,
        top=1 - 0.42 / height,
        wspace=0.05,
        hspace=0.05,
    )
    colours = ListedColormap(style.class_colours(classes))
    by_key = labels.set_index(["layer", "step"])["labels"]
    for row, layer in enumerate(layers):
        for column, step in enumerate(chosen):
            axis = axes[row, column]
            points = np.stack([by_key[layer, step]]).reshape(int(plane["resolution"]), -1)
            axis.imshow(
                points, origin="lower", extent=(left, right, bottom, top), cmap=colours, vmin=-0.5, vmax=classes - 0.5,
                interpolation="nearest", aspect="equal",
            )  # fmt: skip
            _place_images(axis, plane, size=9)
            axis.set(xticks=[], yticks=[])
            if row == 0:
                axis.set_title(style.epoch_label(float(epochs[step])), fontsize=7, pad=2)
            if column == 0:
                axis.set_ylabel(layer, rotation=0, ha="right", va="center", fontsize=7)
    figure.suptitle(title, x=0.01, y=1 - 0.05 / height, ha="left", va="top")
    panels.text(
        (margin + (style.PAGE - 1.05 - margin) / 2) / (style.PAGE - 1.05),
        0.06 / height,
        "epoch",
        ha="center",
        fontsize=7,
    )
    shown = sorted({int(label) for row in labels["labels"] for label in np.unique(row)})
    _legend(legend, images, captions, [(label, colours(label)) for label in shown], height)
    return figure


def _spread(steps: Array, count: int) -> list[int]:
    """At most ``count`` of the steps, evenly spaced by their rank, the first and the last among them."""
    ranks = np.unique(np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int))
    return [int(step) for step in steps[ranks]]


def _place_images(axis: Axes, plane: pd.Series, size: float) -> None:
    for x, y, marker in zip(plane["x"], plane["y"], MARKERS, strict=True):
        axis.scatter(x, y, s=size, marker=marker, facecolor="white", edgecolor="black", linewidth=0.5)


def _legend(figure: SubFigure, images: Array, captions: list[str], shown: list[tuple[int, Any]], height: float) -> None:
    """The three images with their marks, and the classes' colours."""
    side = 0.42
    for i, image in enumerate(images):
        bottom = 1 - (0.42 + (i + 1) * (side + 0.1)) / height
        axis = figure.add_axes((0.08, bottom, side / 1.05, side / height))
        axis.imshow(image.squeeze(), cmap="gray", vmin=0, vmax=1)
        axis.set(xticks=[], yticks=[])
        axis.text(1.12, 0.5, captions[i], transform=axis.transAxes, va="center", fontsize=6.5)
        axis.scatter(0.0, 1.0, s=22, marker=MARKERS[i], facecolor="white", edgecolor="black", linewidth=0.6,
                     transform=axis.transAxes, clip_on=False)  # fmt: skip
    top = 1 - (0.42 + 3 * (side + 0.1) + 0.08) / height
    handles = [Patch(facecolor=colour, label=str(label)) for label, colour in shown]
    figure.legend(
        handles=handles, title="class", loc="upper left", bbox_to_anchor=(0.02, top), ncols=2, borderaxespad=0,
        handlelength=0.9, handleheight=0.9, columnspacing=0.8, labelspacing=0.25, title_fontsize=7,
    )  # fmt: skip


def draw(job: Job, figure: str) -> Figure:
    """Read a run's tables and draw the first picture plane of one set."""
    run, name = job.run, figure.removeprefix("planes-")
    pictures = tables.read(job.paths.region_pictures(run.path), job.made_with("regions")).to_pandas()
    planes = tables.read(job.paths.planes(), job.made_with("planes")).to_pandas()
    planes = planes[(planes["purpose"] == "picture") & (planes["planes"] == name)]
    if planes.empty:
        raise RepdynError(f"This study has no planes through {SETS[name]}, so there is no figure `{figure}`.")
    plane = planes.iloc[0]
    pictures = pictures[(pictures["planes"] == name) & (pictures["plane"] == plane["plane"])]
    title = f"Decision regions on a plane through {SETS[name]}: {style.run_title(run.arch, run.optimizer, run.seed)}"
    known = data.source(job.study.data)
    images, captions = _images(plane, known.channels), _captions(job, name, plane)
    return regions(pictures, plane, classes=known.classes, images=images, captions=captions, title=title)


def _captions(job: Job, name: str, plane: pd.Series) -> list[str]:
    """The class of each image, and the one that this run was trained with where it is another."""
    if name != "mislabelled":
        return [f"class {label}" for label in plane["labels"]]
    train = data.load(job.study.data, job.data_root, job.run.seed).train
    given = dict(zip(train.examples.tolist(), train.given_labels.tolist(), strict=True))
    return [
        f"true {label}\ngiven {given[example]}"
        for example, label in zip(plane["examples"], plane["labels"], strict=True)
    ]


def _images(plane: pd.Series, channels: int) -> Array:
    """The three images that span a plane, from its axes, stretched to 0 to 1: (3, height, width, channels)."""
    origin, a, b = (np.asarray(plane[name]) for name in ("origin", "a", "b"))
    flat = np.stack([origin + x * a + y * b for x, y in zip(plane["x"], plane["y"], strict=True)])
    flat = (flat - flat.min()) / (flat.max() - flat.min())
    side = round((flat.shape[1] / channels) ** 0.5)
    images: Array = flat.reshape(3, channels, side, side).transpose(0, 2, 3, 1)
    return images
