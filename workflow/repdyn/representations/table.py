"""Reading a table of activations or of probe views: one layer at one checkpoint at a time, (examples, features).

The file has one row group for each (step, split) and one column for each layer, so a read touches nothing else.
Examples have the same order in every row group of a split. Opening checks this, because comparing checkpoints on
different examples would be silently wrong.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa

from ..errors import RepdynError
from ..records.activations import ACTIVATIONS, held_as_coordinates
from ..storage import tables
from ..storage.files import damaged
from ..storage.origin import Origin
from ..types import Array

STREAMED = 2**22  # bytes of float32 in a batch when some features of a layer are read


class Representations:
    """An open activations table.

    Attributes:
        layers: names of the observed layers, in order of depth.
        coordinates: those of them that are held as principal coordinates of the examples (``coordinates.py``).
        steps: checkpoints as optimizer steps, ascending, int64.
        epochs: the same as epochs, float64.
    """

    def __init__(self, path: str | Path, wanted: Origin | None = None) -> None:
        """Open a table and read everything but the activations.

        Args:
            path: the file.
            wanted: the expected origin; None accepts any.

        Raises:
            RepdynError: if the file is missing, damaged or not readable, has another origin, or does not hold the same
                examples at every checkpoint.
        """
        self.path = Path(path)
        self._file = tables.open_file(path, wanted)
        self.layers: list[str] = [name for name in self._file.schema_arrow.names if name not in ACTIVATIONS.names]
        self.coordinates = frozenset(held_as_coordinates(self._file.schema_arrow))
        self._row_group: dict[tuple[int, str], int] = {}
        self._examples: dict[str, pa.Table] = {}
        epochs: dict[int, float] = {}
        for index in range(self._file.num_row_groups):
            keys = self._read(index, ACTIVATIONS.names)
            step, split = keys["step"][0].as_py(), keys["split"][0].as_py()
            examples = keys.select(["example", "label", "given_label"])
            if not self._examples.setdefault(split, examples).equals(examples):
                raise damaged(path, f"the {split} examples at step {step} are not those at the first checkpoint")
            self._row_group[step, split] = index
            epochs[step] = keys["epoch"][0].as_py()
        self.steps = np.array(sorted(epochs), dtype=np.int64)
        self.epochs = np.array([epochs[step] for step in sorted(epochs)], dtype=np.float64)

    @property
    def checkpoints(self) -> dict[int, float]:
        """Checkpoint, as an optimizer step, -> its epoch, ascending."""
        return dict(zip(self.steps.tolist(), self.epochs.tolist(), strict=True))

    def _read(self, row_group: int, columns: list[str]) -> pa.Table:
        with tables.damage(self.path):
            return self._file.read_row_group(row_group, columns=columns)

    def examples(self, split: str) -> dict[str, Array]:
        """``example``, ``label`` and ``given_label`` of a split, each int64 of shape (examples,)."""
        return {name: self._examples[split][name].to_numpy() for name in ("example", "label", "given_label")}

    def read(self, layer: str, step: int, split: str) -> Array:
        """Activations of one layer at one checkpoint, or coordinates: (examples, features), float, read-only.

        Raises:
            RepdynError: if the file is damaged, or does not have the layer in this split.
        """
        column = self._read(self._row_group[step, split], [layer])[layer].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        if column.null_count:
            raise RepdynError(
                f"`{self.path}` has no activations of the {split} examples in layer `{layer}`, which is wide: the "
                "table `probe_view` has them as probes see them, and `activations.whole` stores them unit by unit."
            )
        flat: Array = column.flatten().to_numpy(zero_copy_only=True)
        return flat.reshape(len(column), -1)

    def read_some(self, layer: str, step: int, split: str, start: int, stop: int) -> Array:
        """Features ``start`` to ``stop`` of a layer at a checkpoint: (examples, stop − start), in the stored precision.

        The file is read in batches of rows. Memory: these features, not the whole layer.

        Raises:
            RepdynError: if the file is damaged.
        """
        p, kept = self.features(layer), []
        rows = max(1, STREAMED // (4 * p))
        # With a buffer size, Arrow reads page by page instead of the whole column of the row group.
        file = tables.open_file(self.path, buffer_size=2**20, metadata=self._file.metadata)
        with tables.damage(self.path):
            for batch in file.iter_batches(rows, [self._row_group[step, split]], [layer]):
                flat = batch.column(0).flatten().to_numpy(zero_copy_only=True)
                kept.append(flat.reshape(-1, p)[:, start:stop].copy())
        return np.concatenate(kept)

    def features(self, layer: str) -> int:
        """Number of features of a layer, or of coordinates."""
        size: int = self._file.schema_arrow.field(layer).type.list_size
        return size
