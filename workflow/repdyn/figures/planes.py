"""Decision regions on one plane through three images: layers by epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.patches import Patch

from ..catalogue.plane_sets import IMAGES
from ..data import datasets
from ..data.pictures import in_own_range, pictures
from ..errors import RepdynError
from ..records.examples import EXAMPLES
from ..records.planes import PLANES
from ..records.regions import PICTURES
from ..types import Array
from . import epoch_axis, paper, reading, sheet, style

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

EPOCHS = 8  # number of checkpoints shown
RIGHT, GAP = 1.15, 0.05  # inches: legend, at least, and between panels
SMALLEST = 0.3  # inches: least height of a panel
LEAST_IMAGE = 0.07  # inches
KEY, MARKED = 0.42, 0.13  # inches: an image in the legend, and its mark
NAMED = 24  # most classes that a legend names
CAPTION, TRUE = 1.3, 0.3  # inches: the widest caption of an image, and `given` before the name of a class
MARKS = ("o", "s", "^")  # of the three images
MARK: dict[str, Any] = {
    "markersize": 2.6, "color": "white", "markeredgecolor": "black", "markeredgewidth": 0.5, "linestyle": "none",
}  # fmt: skip
# Figure -> set of planes; the figure shows its first one.
FIGURES = {f"planes-{name}": name for name in IMAGES}


@dataclass(frozen=True)
class Corners:
    """The three images that span a plane.

    Attributes:
        x, y: (3,) their coordinates on it.
        x_range, y_range: first and last coordinate shown.
        images: (3, height, width, channels), from 0 to 1.
        captions: one for each.
    """

    x: Array
    y: Array
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    images: Array
    captions: list[str]

    @property
    def ratio(self) -> float:
        """Height divided by width."""
        return (self.y_range[1] - self.y_range[0]) / (self.x_range[1] - self.x_range[0])


@style.styled
def regions(
    labels: pd.DataFrame, corners: Corners, *, classes: int, names: Mapping[int, str] | None = None, title: str = ""
) -> Figure:
    """Draw the answers of all layers' probes and of the network on one plane, at checkpoints spread over training.

    Args:
        labels: rows of one plane of the pictures table: layer, depth, step, epoch, labels.
        corners: its three images.
        classes: number of classes.
        names: class -> its name; those that have none are called by their numbers.
        title: the figure's title.
    """
    layers = style.depth_order(labels)
    epochs = labels.drop_duplicates("step").set_index("step")["epoch"]
    named, left = sheet.named_rows(layers, style.TEXT)
    left += 0.12
    lines = "\n".join(corners.captions).splitlines()
    right = max(RIGHT, 0.15 + KEY + MARKED + max(sheet.text_width(line, style.SMALL) for line in lines))
    right = min(right, 0.15 + KEY + MARKED + CAPTION)
    has_room = int((paper.width() - left - right) / (SMALLEST + GAP))
    chosen = spread(np.sort(labels["step"].unique()), max(1, min(EPOCHS, has_room)))
    least = min(4.2, paper.width())
    top = sheet.title_height(title, least) + 0.17
    room = paper.room(top + 0.05)
    wide = (paper.width() - left - right) / len(chosen) - GAP
    high = min(wide * corners.ratio, max(SMALLEST, room / len(layers) - GAP), room - GAP)
    wide = high / corners.ratio
    colours = colour_map(classes)
    patches = class_patches(labels.loc[labels["step"].isin(chosen), "labels"], colours, names or {})
    columns = 2 if right - 0.08 >= _two_columns(patches) else 1
    beside = 3 * (KEY + 0.1) + 0.05 + sheet.ROW * (1 + math.ceil(len(patches) / columns))
    on_page = paper.rows([high + GAP] * len(layers), room)
    layers, named = layers[on_page.start : on_page.stop], named[on_page.start : on_page.stop]
    # Flat panels leave room beside the legend: put it between them.
    gap = min(max(GAP, beside / len(layers) - high), 3 * GAP)
    bottom = top + max(len(layers) * (high + gap), beside)
    width = max(least, left + len(chosen) * (wide + GAP) + right)
    figure = sheet.blank(width, bottom + 0.05)
    by_key = labels.set_index(["layer", "step"])["labels"]
    for row, layer in enumerate(layers):
        y = top + row * (high + gap)
        sheet.write(figure, left - 0.06, y + high / 2, named[row], ha="right", va="center")
        for column, step in enumerate(chosen):
            axis = sheet.panel(figure, left + column * (wide + GAP), y, wide, high, ticks=False)
            plane(axis, by_key[layer, step], corners, colours)
            place_images(axis, corners, 0.19 * min(wide, high), style.RC["savefig.dpi"])
            if row == 0:
                words = epoch_axis.label(float(epochs[step]))
                has_room = sheet.text_width(f"epoch {words}") <= wide
                axis.set_title(f"epoch {words}" if column == 0 and has_room else words, fontsize=style.TEXT, pad=2.5)
    _legend(figure, left + len(chosen) * (wide + GAP) + 0.08, top, corners, patches, columns)
    sheet.title(figure, title)
    return figure


def colour_map(classes: int) -> ListedColormap:
    """Class -> its colour."""
    return ListedColormap(style.class_colours(classes))


def class_patches(labels: Iterable[Array], colours: ListedColormap, names: Mapping[int, str]) -> list[Patch]:
    """Legend entries of the classes that appear; of many, those of most points, and the number of others."""
    points = sum(np.bincount(row, minlength=colours.N) for row in labels)
    ranked = np.argsort(-points, kind="stable")[: np.count_nonzero(points)]
    named = [Patch(facecolor=colours(label), label=called(label, names)) for label in sorted(ranked[:NAMED].tolist())]
    others = len(ranked) - len(named)
    return [*named, Patch(facecolor="none", edgecolor="none", label=f"{others} more")] if others else named


def called(label: int, names: Mapping[int, str]) -> str:
    """A class in a legend or a caption: its name, shortened to ``CAPTION``, or its number."""
    return sheet.shortened(names.get(label, str(label)), CAPTION - TRUE, style.SMALL, keep="beginning")


def spread(steps: Array, count: int) -> list[int]:
    """At most ``count`` of the steps, evenly spaced by rank, including the first and the last."""
    ranks = np.unique(np.linspace(0, len(steps) - 1, min(count, len(steps))).round().astype(int))
    return [int(step) for step in steps[ranks]]


def plane(axis: Axes, labels: Array, corners: Corners, colours: ListedColormap) -> Any:
    """Colour a plane by the classes of its points, whose number is a square."""
    side = round(len(labels) ** 0.5)
    extent = (*corners.x_range, *corners.y_range)
    return axis.imshow(
        np.asarray(labels).reshape(side, side), origin="lower", extent=extent, cmap=colours, vmin=-0.5,
        vmax=colours.N - 0.5, interpolation="none", aspect="auto",
    )  # fmt: skip


def place_images(axis: Axes, corners: Corners, side: float, dpi: float) -> None:
    """Draw the three images, ``side`` inches high, each beside its mark, just outside the triangle.

    On the mark an image would hide the most important part, its own region. An image too small to be seen, or with
    fewer dots than pixels, is left out, and only its mark is drawn.
    """
    stands = np.stack([corners.x, corners.y], axis=1)
    low, high = np.transpose([corners.x_range, corners.y_range])
    inches = axis.get_position().size * axis.get_figure(root=True).get_size_inches()  # type: ignore[union-attr]
    for stand, image, mark in zip(stands, corners.images, MARKS, strict=True):
        outward = stand - stands.mean(0)
        away = outward / np.abs(outward).max() * (0.6 * side + 0.02)  # inches from the mark to the image's centre
        at, margin = (stand - low) / (high - low) * inches, side / 2 + 0.015
        away = np.clip(at + away, margin, inches - margin) - at  # not over the panel's edge
        box = OffsetImage(_shown(image), zoom=side * 72 / max(image.shape[:2]), cmap="gray", interpolation="nearest")
        frame = {"facecolor": "white", "edgecolor": "black", "linewidth": 0.4}
        if side >= max(LEAST_IMAGE, max(image.shape[:2]) / dpi):
            axis.add_artist(
                AnnotationBbox(box, stand, xybox=tuple(72 * away), boxcoords="offset points", pad=0.06, bboxprops=frame)
            )
        axis.plot(*stand, marker=mark, zorder=4, **MARK)


def explain_image(figure: Figure, left: float, top: float, side: float, corners: Corners, i: int, caption: str) -> None:
    """Draw one of the three images, ``side`` inches high, with its mark and its caption."""
    axis = sheet.panel(figure, left, top, side, side, ticks=False)
    axis.imshow(_shown(corners.images[i]), cmap="gray", vmin=0, vmax=1)
    middle: dict[str, Any] = {"transform": axis.transAxes, "clip_on": False}
    axis.plot(1 + 0.07 / side, 0.5, marker=MARKS[i], **(MARK | {"markersize": 3.4}), **middle)
    axis.text(1 + MARKED / side, 0.5, caption, va="center", fontsize=style.SMALL, **middle)


def _two_columns(patches: list[Patch]) -> float:
    """The width of the classes' legend in two columns, in inches."""
    widths = [sheet.text_width(str(patch.get_label()), style.SMALL + 0.3) for patch in patches]
    half = math.ceil(len(widths) / 2)
    return 0.5 + max(widths[:half]) + max(widths[half:], default=0.0)


def _legend(figure: Figure, left: float, top: float, corners: Corners, patches: list[Patch], columns: int) -> None:
    """Draw the three images, enlarged, with captions, and the classes' colours."""
    for i, caption in enumerate(corners.captions):
        explain_image(figure, left, top + i * (KEY + 0.1), KEY, corners, i, caption)
    wide, high = figure.get_size_inches()
    figure.legend(
        handles=patches, title="class", loc="upper left",
        bbox_to_anchor=(left / wide, 1 - (top + 3 * (KEY + 0.1)) / high), ncols=columns, borderaxespad=0, borderpad=0,
        handlelength=0.9, handleheight=0.9, columnspacing=0.8, labelspacing=0.25,
    )  # fmt: skip


def read(job: Job, name: str) -> tuple[pd.DataFrame, Corners, int, dict[int, str]]:
    """Read the labels of the first picture plane of a set, its corners, the number of classes, and their names.

    Raises:
        RepdynError: if the study has no such planes.
    """
    table = reading.of_run(job, PICTURES)
    planes = reading.of_run(job, PLANES)
    planes = planes[(planes["purpose"] == "picture") & (planes["planes"] == name)]
    if planes.empty:
        raise RepdynError(
            f"This study has no planes through three {IMAGES[name]}, so there is no figure `planes-{name}`."
        )
    first = planes.iloc[0]
    data = job.data
    images = _images(first, datasets.inputs(data).shape)
    examples = reading.of_run(job, EXAMPLES)
    names = reading.class_names(examples)
    corners = Corners(
        first["x"], first["y"], tuple(first["x_range"]), tuple(first["y_range"]), images,
        _captions(name, first, examples, names),
    )  # fmt: skip
    labels = table[(table["planes"] == name) & (table["plane"] == first["plane"])]
    return labels, corners, datasets.classes(data), names


def draw(job: Job, figure: str) -> Figure:
    """Read a run's tables and draw the first picture plane of one set, one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
        RepdynError: if the study has no such planes.
    """
    name = FIGURES[figure]
    labels, corners, classes, names = read(job, name)
    title = style.run_title(job.run)
    title = f"Decision regions on a plane through three {IMAGES[name]}: {title}"
    return regions(labels, corners, classes=classes, names=names, title=title)


def _captions(name: str, plane: pd.Series, examples: pd.DataFrame, names: Mapping[int, str]) -> list[str]:
    """The class of each image, and the label that this run was trained with, where it differs."""
    if name != "mislabelled":
        return [_class(label, names) for label in plane["labels"]]
    given = examples[examples["split"] == "train"].set_index("example")["given_label"].astype(int).to_dict()
    return [
        f"true {called(label, names)}\ngiven {called(given[example], names)}"
        for example, label in zip(plane["examples"], plane["labels"], strict=True)
    ]


def _class(label: int, names: Mapping[int, str]) -> str:
    """A caption that says the class of an image: a name says that it is one, a number does not."""
    words = called(label, names)
    return f"class {words}" if words == str(label) else words


def _shown(picture: Array) -> Array:
    """A picture as matplotlib takes it: a grey one without the dimension of channels."""
    return picture if picture.shape[-1] == 3 else picture[..., 0]


def _images(plane: pd.Series, shape: tuple[int, ...]) -> Array:
    """Pictures of the three inputs that span a plane, each scaled to [0, 1]: (3, height, width, 1 or 3)."""
    origin, a, b = (np.asarray(plane[name]) for name in ("origin", "a", "b"))
    flat = np.stack([origin + x * a + y * b for x, y in zip(plane["x"], plane["y"], strict=True)])
    return pictures(in_own_range(flat).reshape(3, *shape))
