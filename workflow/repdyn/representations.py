"""Reading an activations table: one layer at one checkpoint at a time, as an array of shape (examples, features).

The file has one row group for each (step, split) and one column for each layer, so a read touches nothing else.
Examples stand in the same order in every row group of a split; opening checks that, because comparing checkpoints
on different examples would be silently wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from . import tables
from .files import damaged

KEYS = ("step", "epoch", "split", "example", "label", "given_label")
Array = np.ndarray[Any, np.dtype[Any]]


class Representations:
    """An open activations table.

    Attributes:
        layers: names of the observed layers, in order of depth.
        steps: checkpoints as optimizer steps, ascending, int64.
        epochs: the same as epochs, float64.
    """

    def __init__(self, path: str | Path, hyperparameters: Mapping[str, Any] | None = None) -> None:
        """Open a table and read everything but the activations.

        Raises:
            RepdynError: if the file is missing or damaged, was made with other hyperparameters, or does not hold
                the same examples at every checkpoint.
        """
        self.path = Path(path)
        self._file = tables.open_file(path, hyperparameters)
        self.layers: list[str] = [name for name in self._file.schema_arrow.names if name not in KEYS]
        self._row_group: dict[tuple[int, str], int] = {}
        self._examples: dict[str, pa.Table] = {}
        epochs: dict[int, float] = {}
        for index in range(self._file.num_row_groups):
            keys = self._read(index, list(KEYS))
            step, split = keys["step"][0].as_py(), keys["split"][0].as_py()
            examples = keys.select(["example", "label", "given_label"])
            if not self._examples.setdefault(split, examples).equals(examples):
                raise damaged(path, f"the {split} examples at step {step} are not those at the first checkpoint")
            self._row_group[step, split] = index
            epochs[step] = keys["epoch"][0].as_py()
        self.steps = np.array(sorted(epochs), dtype=np.int64)
        self.epochs = np.array([epochs[step] for step in sorted(epochs)], dtype=np.float64)

    def _read(self, row_group: int, columns: list[str]) -> pa.Table:
        try:
            return self._file.read_row_group(row_group, columns=columns)
        except (pa.ArrowException, OSError) as error:
            raise damaged(self.path, error) from None

    def examples(self, split: str) -> dict[str, Array]:
        """``example``, ``label`` and ``given_label`` of a split, each int64 of shape (examples,)."""
        return {name: self._examples[split][name].to_numpy() for name in ("example", "label", "given_label")}

    def read(self, layer: str, step: int, split: str) -> Array:
        """Activations of one layer at one checkpoint: (examples, features), float16 or float32, read-only.

        Raises:
            RepdynError: if the file is damaged.
        """
        column = self._read(self._row_group[step, split], [layer])[layer].combine_chunks()
        if isinstance(column, pa.ChunkedArray):
            column = column.chunk(0)
        flat: Array = column.flatten().to_numpy(zero_copy_only=True)
        return flat.reshape(len(column), -1)

    def features(self, layer: str) -> int:
        """How many features a layer has."""
        size: int = self._file.schema_arrow.field(layer).type.list_size
        return size
