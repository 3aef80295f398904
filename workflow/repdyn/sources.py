"""Which representations are compared: layers at checkpoints of one or more activations tables, on the same examples.

A layer at a checkpoint is read whole when all of its features are asked for. Else it is streamed in batches of rows,
of which the features asked for are kept: memory is theirs, not the layer's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import RepdynError
from .files import damaged
from .representations import Representations

Array = np.ndarray[Any, np.dtype[Any]]
SPLIT = "similarity"
BATCH_BYTES = 2**22


@dataclass(frozen=True)
class Place:
    """A layer at a checkpoint of a run."""

    table: Representations
    layer: str
    step: int


class Stored:
    """Representations in activations tables; a ``gram.Source``."""

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
        """See ``gram.Source``."""
        place = self.places[e]
        return f"Layer `{place.layer}` at step {place.step} of `{place.table.path}`"

    def read(self, e: int, start: int, stop: int) -> Array:
        """See ``gram.Source``."""
        place = self.places[e]
        if stop - start == self.features[e]:
            return place.table.read(place.layer, int(place.step), SPLIT)
        return _stream(place, start, stop, self.features[e])


def _stream(place: Place, start: int, stop: int, p: int) -> Array:
    """Features ``start`` to ``stop``: (n, stop − start), in the stored precision."""
    kept = []
    try:
        # A buffer size makes Arrow read page after page instead of the whole column of the row group.
        with pq.ParquetFile(place.table.path, buffer_size=2**20, page_checksum_verification=True) as file:
            row_group = place.table._row_group[int(place.step), SPLIT]
            for batch in file.iter_batches(max(1, BATCH_BYTES // (4 * p)), [row_group], [place.layer]):
                flat = batch.column(0).flatten().to_numpy(zero_copy_only=True)
                kept.append(flat.reshape(-1, p)[:, start:stop].copy())
    except (pa.ArrowException, OSError) as error:
        raise damaged(place.table.path, error) from None
    return np.concatenate(kept)
