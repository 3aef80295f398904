"""Representations to compare: layers at checkpoints of one or more activations tables, on the same examples.

A layer at a checkpoint is read whole if all of its features are requested; else only the requested ones are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..errors import RepdynError
from ..types import Array
from .table import Representations

SPLIT = "similarity"


@dataclass(frozen=True)
class Place:
    """A layer at a checkpoint of a run."""

    table: Representations
    layer: str
    step: int


class StoredRepresentations:
    """Representations in activations tables; a ``gram.RepresentationSource``."""

    def __init__(self, places: Sequence[Place]) -> None:
        """Raise a RepdynError unless all places hold the same examples in the same order."""
        self.places = places
        first = places[0].table.examples(SPLIT)["example"]
        for table in {id(place.table): place.table for place in places}.values():
            if not np.array_equal(table.examples(SPLIT)["example"], first):
                raise RepdynError(f"`{table.path}` and `{places[0].table.path}` hold different {SPLIT} examples.")
        self.examples = len(first)
        self.features: Sequence[int] = [place.table.features(place.layer) for place in places]

    def name(self, e: int) -> str:
        """See ``gram.RepresentationSource``."""
        place = self.places[e]
        return f"Layer `{place.layer}` at step {place.step} of `{place.table.path}`"

    def read(self, e: int, start: int, stop: int) -> Array:
        """See ``gram.RepresentationSource``."""
        place = self.places[e]
        if stop - start == self.features[e]:
            return place.table.read(place.layer, int(place.step), SPLIT)
        return place.table.read_some(place.layer, int(place.step), SPLIT, start, stop)
