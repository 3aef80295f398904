"""Measures of similarity: what each is, and its place in the tables.

Measures of activations are columns of the table ``cka``, those of decision regions of ``regions/similarity``. A study
chooses the former (``measures`` in its config), its own ones included. The catalogue has all that come with repdyn;
``Study.all_measures`` are those of a study.

A kernel is an inner product of unit vectors. Phases can be found in the checkpoint-by-checkpoint matrix of a measure
that is a kernel (``analysis/change_points.py``). Kappa is not one, because its correction for chance differs between
pairs, nor is Procrustes similarity, which turns one representation onto the other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .plane_sets import IMAGES

if TYPE_CHECKING:
    import pandas as pd

ACTIVATIONS, REGIONS = "cka", "regions/similarity"  # the tables that hold measures


@dataclass(frozen=True, kw_only=True)
class Measure:
    """A measure of similarity between two checkpoints of a layer.

    Attributes:
        name: in the column ``measure`` of tables.
        label: a short name.
        words: a full name.
        source: where it is defined.
        range: its least and greatest value.
        chance: its value for two representations that have nothing to do with each other.
        table: the table that holds it.
        column: of that table.
        planes: the set of planes of its rows; None for a table without planes.
        kernel: whether it is a kernel, so that it has phases.
        usual: whether the explorer keeps it to four decimals instead of two.
        colour, marker: its mark in figures; one hue for each table.
    """

    name: str
    label: str
    words: str
    source: str
    range: tuple[float, float]
    chance: str
    table: str
    column: str
    planes: str | None = None
    kernel: bool = True
    usual: bool = True
    colour: str
    marker: str

    @property
    def unit(self) -> str:
        """What a file says of its column: range, chance level and source."""
        low, high = self.range
        return f"similarity, {low:g} to {high:g}; null where it is not defined; by chance {self.chance}; {self.source}"

    def rows(self, frame: pd.DataFrame) -> pd.DataFrame:
        """This measure's rows of its table."""
        return frame if self.planes is None else frame[frame["planes"] == self.planes]


_REGION_MARKS = {"test": ("#b07cc2", "^"), "clean": ("#9457ab", "v"), "mislabelled": ("#7a3b8f", "D")}
_CKA, _OWN = "#1f6f8b", "#4d4d4d"
_DRS = "Somepalli et al. 2022; Sharon & Dar 2024"
_GROWS = "above 0, and more so the more features there are for each example"
MEASURES: dict[str, Measure] = {
    measure.name: measure
    for measure in (
        Measure(
            name="cka",
            label="CKA",
            words="CKA of activations",
            source="Kornblith et al. 2019, eq. 4",
            range=(0.0, 1.0),
            chance=_GROWS,
            table=ACTIVATIONS,
            column="cka",
            colour=_CKA,
            marker="o",
        ),
        Measure(
            name="cka_debiased",
            label="debiased CKA",
            words="debiased CKA of activations",
            source="Song et al. 2012, eq. 5, in all three places (Nguyen et al. 2021, eq. 3)",
            range=(-1.0, 1.0),
            chance="0",
            table=ACTIVATIONS,
            column="cka_debiased",
            usual=False,
            colour=_CKA,
            marker="s",
        ),
        Measure(
            name="cka_deconfounded",
            label="deconfounded CKA",
            words="CKA of activations without what the images' own geometry explains",
            source="Cui et al. 2022",
            range=(-1.0, 1.0),
            chance=_GROWS,
            table=ACTIVATIONS,
            column="cka_deconfounded",
            usual=False,
            colour=_CKA,
            marker="h",
        ),
        Measure(
            name="knn",
            label="k-NN",
            words="share of nearest neighbours in common",
            source="mutual k-NN of Huh et al. 2024",
            range=(0.0, 1.0),
            chance="k / (n − 1)",
            table=ACTIVATIONS,
            column="knn",
            usual=False,
            colour="#c2571a",
            marker="P",
        ),
        Measure(
            name="rsa",
            label="RSA",
            words="rank correlation of distances between examples",
            source="Kriegeskorte et al. 2008, with Euclidean distances and Spearman's correlation",
            range=(-1.0, 1.0),
            chance="0",
            table=ACTIVATIONS,
            column="rsa",
            usual=False,
            colour="#a67c00",
            marker="X",
        ),
        Measure(
            name="subspace",
            label="subspaces",
            words="overlap of the subspaces of the first principal components",
            source="mean squared cosine of principal angles, Björck & Golub 1973; how many components is our choice",
            range=(0.0, 1.0),
            chance="r / (n − 1), for r components",
            table=ACTIVATIONS,
            column="subspace",
            usual=False,
            colour="#3a7d44",
            marker="d",
        ),
        Measure(
            name="procrustes",
            label="Procrustes",
            words="similarity after the best rotation",
            source="Williams et al. 2021",
            range=(0.0, 1.0),
            chance=_GROWS,
            table=ACTIVATIONS,
            column="procrustes",
            kernel=False,
            usual=False,
            colour="#7f7f7f",
            marker="*",
        ),
        *(
            Measure(
                name=f"regions:{planes}",
                label=f"DRS, {planes}",
                words=f"decision regions similarity, {images}",
                source=_DRS,
                range=(0.0, 1.0),
                chance="the agreement of two classifiers that give each class as often as these",
                table=REGIONS,
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
                label=f"DRS beyond chance, {planes}",
                words=f"decision regions similarity beyond chance (kappa), {images}",
                source=f"Cohen 1960, of the agreement of {_DRS}",
                range=(-1.0, 1.0),
                chance="0",
                table=REGIONS,
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
OF_ACTIVATIONS = {name: measure for name, measure in MEASURES.items() if measure.table == ACTIVATIONS}
ALWAYS = ("cka", "cka_debiased")  # columns that every study has
DEFAULT = (*ALWAYS, "cka_deconfounded", "knn", "rsa", "subspace")
KERNELS = {name: measure for name, measure in MEASURES.items() if measure.kernel}
USUAL = {name: measure for name, measure in KERNELS.items() if measure.usual}


def own(name: str, function: str, kernel: bool) -> Measure:
    """A measure of the user's own: a function named by import path."""
    return Measure(
        name=name,
        label=name,
        words=f"{name}, a measure of this study's own",
        source=function,
        range=(-1.0, 1.0),
        chance="unknown",
        table=ACTIVATIONS,
        column=name,
        kernel=kernel,
        usual=False,
        colour=_OWN,
        marker="8",
    )


def of_regions(planes: str) -> Measure:
    """The usual measure of decision regions on a set of planes.

    Raises:
        KeyError: if there is no such set.
    """
    return {measure.planes: measure for measure in USUAL.values() if measure.planes is not None}[planes]


def in_order(names: Iterable[str], measures: Mapping[str, Measure] = MEASURES) -> list[str]:
    """The distinct names in the order of some measures.

    Raises:
        KeyError: if a name is none of them.
    """
    places = {name: place for place, name in enumerate(measures)}
    return sorted(set(names), key=lambda name: places[name])
