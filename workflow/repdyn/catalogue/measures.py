"""Measures of similarity: what each is, and its place in the tables.

A kernel is an inner product of unit vectors. Phases can be found in the checkpoint-by-checkpoint matrix of a measure
that is a kernel (``analysis/change_points.py``). Kappa is not one: its correction for chance differs between pairs.
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
        label: a short name.
        words: a full name.
        range: its least and greatest value.
        table: the table that holds it.
        column: of that table.
        planes: the set of planes of its rows; None for a table without planes.
        kernel: whether it is a kernel, so that it has phases.
        usual: whether figures show it by default.
        colour, marker: its mark in figures; one hue for each table.
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
        """This measure's rows of its table."""
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
    """The distinct names in the order of the catalogue.

    Raises:
        KeyError: if a name is not a measure.
    """
    places = {name: place for place, name in enumerate(MEASURES)}
    return sorted(set(names), key=lambda name: places[name])
