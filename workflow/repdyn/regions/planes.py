"""Planes through triplets of images, on which decision regions are compared (Somepalli et al. 2022).

Turns the data set into one table for each seed, which its runs share. Three images x₀, x₁, x₂ span a plane with origin
x₀, first axis a = (x₁ - x₀) / ‖x₁ - x₀‖, and second axis b, which is x₂ - x₀ made orthogonal to a and normalised (as in
their code). The images are at (0, 0), (‖x₁ - x₀‖, 0) and (⟨a, x₂ - x₀⟩, ⟨b, x₂ - x₀⟩). The grid spans their bounding
box, widened on each side by ``margin`` times its length.

Triplets come from three sets: test images, and correctly and wrongly labelled training images (our choice; theirs are
test images). Test images are those that no run trains on, so these planes are the same for all seeds, and runs are
compared on them. A seed has planes of its own through its training images, unless the study draws these. Triplets are
drawn one by one from ``planes.seed``, so that a larger number of planes contains the smaller. A plane for pictures goes
through the same triplet as the scored plane of its number.

Time: negligible. Memory: six numbers and three images' worth of floats for each plane, and the data set.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa

from ..catalogue.plane_sets import COMMON, SETS
from ..data import subsets
from ..data.numbers import Given
from ..errors import RepdynError
from ..storage import tables
from ..storage.origin import Origin
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import Planes as Settings

Purpose = Literal["scores", "picture"]
# Give up after this many unfit triplets in a row.
ATTEMPTS = 10_000


@dataclass(frozen=True)
class PlaneSet:
    """The P planes of one set and purpose, all of one resolution.

    Attributes:
        name: of the set.
        plane: (P,) int64, numbers of the planes.
        origin, a, b: (P, d) float32.
        x, y: (P, R) float64, coordinates of the grid's columns and of its rows; grid point i of a plane is at
            x[i % R], y[i // R].
    """

    name: str
    plane: Array
    origin: Array
    a: Array
    b: Array
    x: Array
    y: Array

    def __len__(self) -> int:
        return len(self.plane)

    @property
    def resolution(self) -> int:
        """Grid points on each side."""
        side: int = self.x.shape[1]
        return side


def basis(images: Array) -> tuple[Array, Array, Array, Array] | None:
    """Orthonormal axes of the plane through three images, and the images' coordinates on it.

    Args:
        images: (3, d), float64.

    Returns:
        a (d,), b (d,), x (3,), y (3,); None if the three images do not span a plane.
    """
    first, second = images[1] - images[0], images[2] - images[0]
    length = np.linalg.norm(first)
    if length == 0.0:
        return None
    a = first / length
    along = a @ second
    across = second - along * a
    height = np.linalg.norm(across)
    if height <= 1e-6 * np.linalg.norm(second):
        return None
    return a, across / height, np.array([0.0, length, along]), np.array([0.0, 0.0, height])


def span(coordinates: Array, margin: float) -> Array:
    """First and last grid coordinate: the coordinates' range, widened on each side by ``margin`` times its length."""
    low, high = coordinates.min(), coordinates.max()
    return np.array([low - margin * (high - low), high + margin * (high - low)])


def _flat(images: Given, triplet: Array) -> Array:
    """Three images: (3, d) float64."""
    return images[triplet].reshape(3, -1).astype(np.float64)


def choose_triplets(
    images: Given, labels: Array, count: int, generator: np.random.Generator, distinct: bool
) -> list[Array]:
    """Draw distinct triplets of images that span planes; each is an array of three indices.

    Args:
        images: n images.
        labels: (n,), true classes.
        count: number of triplets.
        generator: draws the triplets; the first ones do not depend on ``count``.
        distinct: whether the three classes must differ.

    Raises:
        LookupError: if there are too few; its argument is the number found.
    """
    triplets: list[Array] = []
    seen: set[frozenset[int]] = set()
    failed = 0
    while len(triplets) < count:
        if failed == ATTEMPTS or len(images) < 3:
            raise LookupError(len(triplets))
        failed += 1
        triplet = generator.choice(len(images), size=3, replace=False)
        key = frozenset(triplet.tolist())
        if (
            key in seen
            or (distinct and len(set(labels[triplet].tolist())) < 3)
            or basis(_flat(images, triplet)) is None
        ):
            continue
        seen.add(key)
        triplets.append(triplet)
        failed = 0
    return triplets


def sets(examples: subsets.StudyData) -> dict[str, subsets.Examples]:
    """The images of each set; the set ``mislabelled`` exists only if there are wrong labels."""
    train, wrong = examples.train, examples.mislabelled
    chosen = {COMMON: examples.common, "clean": train.subset(~wrong), "mislabelled": train.subset(wrong)}
    return {name: chosen[name] for name in SETS if len(chosen[name]) or name != "mislabelled"}


def through(examples: subsets.Examples, name: str, settings: Settings) -> list[dict[str, Any]]:
    """Rows of the table for one set of images.

    Raises:
        RepdynError: if there are not enough images or classes.
    """
    images = examples.inputs
    distinct, count = settings.distinct_classes, max(settings.count, settings.pictures)
    classes = len(np.unique(examples.labels))
    if distinct and classes < 3:
        raise RepdynError(
            f"Planes through images of three distinct classes need that many, but the {name} images have {classes}; "
            "set `planes.distinct_classes` to false."
        )
    generator = np.random.default_rng([settings.seed, SETS.index(name)])
    try:
        triplets = choose_triplets(images, examples.labels, count, generator, distinct)
    except LookupError as error:
        raise RepdynError(
            f"`planes` asks for {count} planes, but only {error.args[0]} were found through the {len(images)} {name} "
            "images; ask for fewer, or have more images."
        ) from None
    uses = (
        ("scores", triplets[: settings.count], settings.margin, settings.resolution),
        ("picture", triplets[: settings.pictures], settings.picture_margin, settings.picture_resolution),
    )
    rows = []
    for purpose, chosen, margin, resolution in uses:
        for number, triplet in enumerate(chosen):
            corners = _flat(images, triplet)
            found = basis(corners)
            assert found is not None, "choose_triplets() returns triplets that span planes"
            a, b, x, y = found
            row = {"purpose": purpose, "planes": name, "plane": number, "resolution": resolution}
            row |= {"examples": examples.examples[triplet], "labels": examples.labels[triplet], "x": x, "y": y}
            row |= {"x_range": span(x, margin), "y_range": span(y, margin)}
            rows.append(row | {"origin": corners[0], "a": a, "b": b})
    return rows


def read(path: str | Path, purpose: Purpose, wanted: Origin | None = None) -> list[PlaneSet]:
    """The planes of one purpose, by set.

    Args:
        path: the file.
        purpose: which planes.
        wanted: the expected origin; None accepts any.

    Raises:
        RepdynError: if the file is missing, damaged or not readable, or has another origin.
    """
    table = tables.read(path, wanted)
    keys = list(zip(table["purpose"].to_pylist(), table["planes"].to_pylist(), strict=True))
    found = []
    for name in SETS:
        where = [row for row, key in enumerate(keys) if key == (purpose, name)]
        if not where:
            continue
        part = table.slice(where[0], len(where))  # rows of one purpose and set are adjacent

        def column(key: str, part: pa.Table = part) -> Array:
            flat: Array = part[key].combine_chunks().flatten().to_numpy()
            return flat.reshape(len(part), -1)

        resolution: int = part["resolution"][0].as_py()
        (x0, x1), (y0, y1) = column("x_range").T, column("y_range").T
        x, y = np.linspace(x0, x1, resolution, axis=1), np.linspace(y0, y1, resolution, axis=1)
        found.append(PlaneSet(name, part["plane"].to_numpy(), column("origin"), column("a"), column("b"), x, y))
    return found
