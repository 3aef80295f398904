"""Measures of similarity: where each stands in the tables, and what it is.

A measure that is a kernel, an inner product of unit vectors, makes a checkpoint-by-checkpoint matrix in which phases
can be found (``analysis/change_points.py``). Kappa is none: its correction for chance differs from pair to pair.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .plane_sets import IMAGES

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure of similarity between two checkpoints of a layer.

    Attributes:
        name: in the column ``measure`` of tables.
        label: what it is called where room is short.
        words: what it is called elsewhere.
        range: its least and largest value.
        table: the table that holds it.
        column: of that table.
        planes: the set of planes whose rows it is; None for a table without planes.
        kernel: whether it has phases.
        usual: whether figures show it where not all measures are asked for.
        colour, marker: how figures mark it; one hue for each table.
    """

    name: str
    label: str
    words: str
    range: tuple[float, float]
    table: str
    column: str
    planes: str | None = None
    kernel: bool = True
    usual: bool = True
    colour: str
    marker: str

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of its table that are of this measure."""
        return frame if self.planes is None else frame[frame["planes"] == self.planes]


_REGION_MARKS = {"test": ("#b07cc2", "^"), "clean": ("#9457ab", "v"), "mislabelled": ("#7a3b8f", "D")}
MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="cka",
            label="CKA",
            words="CKA of activations",
            range=(0.0, 1.0),
            table="cka",
            column="cka",
            colour="#1f6f8b",
            marker="o",
        ),
        Measure(
            name="cka_debiased",
            label="debiased CKA",
            words="debiased CKA of activations",
            range=(-1.0, 1.0),
            table="cka",
            column="cka_debiased",
            usual=False,
            colour="#1f6f8b",
            marker="s",
        ),
        *(
            Measure(
                name=f"regions:{planes}",
                label=f"regions, {planes}",
                words=f"agreement of regions, {images}",
                range=(0.0, 1.0),
                table="regions/similarity",
                column="similarity",
                planes=planes,
                colour=_REGION_MARKS[planes][0],
                marker=_REGION_MARKS[planes][1],
            )
            for planes, images in IMAGES.items()
        ),
        *(
            Measure(
                name=f"kappa:{planes}",
                label=f"kappa, {planes}",
                words=f"agreement of regions beyond chance, {images}",
                range=(-1.0, 1.0),
                table="regions/similarity",
                column="kappa",
                planes=planes,
                kernel=False,
                usual=False,
                colour=_REGION_MARKS[planes][0],
                marker="x",
            )
            for planes, images in IMAGES.items()
        ),
    )
}
KERNELS = {name: measure for name, measure in MEASURES.items() if measure.kernel}
USUAL = {name: measure for name, measure in KERNELS.items() if measure.usual}


def of_regions(planes: str) -> Measure:
    """The usual measure of decision regions on a set of planes.

    Raises:
        KeyError: if there is no such set.
    """
    return {measure.planes: measure for measure in USUAL.values() if measure.planes is not None}[planes]


def in_order(names: Iterable[str]) -> list[str]:
    """These names once each, in the order of the catalogue.

    Raises:
        KeyError: if one of them is no measure.
    """
    places = {name: place for place, name in enumerate(MEASURES)}
    return sorted(set(names), key=lambda name: places[name])
