"""The table of decision regions: the class that a probe, or the network, gives to every grid point of a plane.

A row group holds all layers at one checkpoint on one block of planes of one set: about four million labels, so that
writing and comparing need no more at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from ..records.regions import KEYS, labels_column
from ..storage import tables
from ..storage.origin import Origin
from ..types import Array

LABELS_PER_BLOCK = 1 << 22

# Neighbouring points mostly share a label, so pages compress about tenfold; a dictionary of labels does not help.
WRITING: dict[str, Any] = {
    "use_dictionary": ["layer", "planes"],
    "write_statistics": ["layer", "depth", "step", "epoch", "planes", "plane"],
}


def kind(classes: int) -> np.dtype[Any]:
    """The stored type of labels of this many classes."""
    return np.dtype(np.uint8 if classes < 256 else np.uint16)


def layout(classes: int, resolution: int) -> pa.Schema:
    """The table's schema; ``labels`` of a plane are in row-major order, the lowest row first."""
    return pa.schema([*KEYS, labels_column(pa.from_numpy_dtype(kind(classes)), resolution**2)])


def blocks(planes: int, layers: int, resolution: int) -> list[slice]:
    """Split planes into blocks of at least one plane; ``layers`` includes the output."""
    size = max(1, LABELS_PER_BLOCK // (layers * resolution**2))
    return [slice(start, min(planes, start + size)) for start in range(0, planes, size)]


@dataclass(frozen=True)
class Block:
    """All layers at one checkpoint on some planes of one set.

    Attributes:
        step, epoch: the checkpoint.
        name: of the set.
        plane: (P,) int64, numbers of the planes.
        labels: (L, P, R²), layers in order of depth, the network's output last.
    """

    step: int
    epoch: float
    name: str
    plane: Array
    labels: Array

    def columns(self, layers: Sequence[str], layout: pa.Schema) -> dict[str, Any]:
        """The block as a row group."""
        of_list = layout.field("labels").type
        L, P = self.labels.shape[:2]
        flat = pa.array(self.labels.reshape(-1), type=of_list.value_type)
        return {
            "layer": np.repeat(np.array(layers, dtype=object), P),
            "depth": np.repeat(np.arange(L), P),
            "step": np.full(L * P, self.step),
            "epoch": np.full(L * P, self.epoch),
            "planes": [self.name] * (L * P),
            "plane": np.tile(self.plane, L),
            "labels": pa.FixedSizeListArray.from_arrays(flat, type=of_list),
        }


class RegionLabels:
    """An open table of labels.

    Attributes:
        layers: their names, in order of depth, the network's output last.
        epochs: checkpoint (optimizer step) -> epoch, ascending.
        planes: set -> the numbers of its planes, int64.
        blocks: set -> number of blocks.
    """

    def __init__(self, path: str | Path, wanted: Origin | None = None) -> None:
        """Open a table and find its blocks.

        Args:
            path: the file.
            wanted: the expected origin; None accepts any.

        Raises:
            RepdynError: if the file is missing, damaged or not readable, or has another origin.
        """
        self._path = path
        self._file = tables.open_file(path, wanted)
        self._row_groups: dict[tuple[int, str], list[int]] = {}
        self.epochs: dict[int, float] = {}
        for index in range(self._file.num_row_groups):
            keys = self._read(index, ["step", "epoch", "planes"])
            step, epoch, name = (keys[key][0].as_py() for key in ("step", "epoch", "planes"))
            self.epochs[step] = epoch
            self._row_groups.setdefault((step, name), []).append(index)
        self.layers: list[str] = self._read(0, ["layer"])["layer"].unique().to_pylist()
        first = next(iter(self.epochs))
        self.blocks = {name: len(groups) for (step, name), groups in self._row_groups.items() if step == first}
        self.planes: dict[str, Array] = {
            name: np.concatenate([self.read(first, name, block).plane for block in range(blocks)])
            for name, blocks in self.blocks.items()
        }

    def _read(self, row_group: int, columns: list[str]) -> pa.Table:
        with tables.damage(self._path):
            return self._file.read_row_group(row_group, columns=columns)

    def read(self, step: int, name: str, block: int) -> Block:
        """A block of a set's planes at a checkpoint.

        Raises:
            RepdynError: if the file is damaged.
        """
        table = self._read(self._row_groups[step, name][block], ["plane", "labels"])
        L, P = len(self.layers), len(table) // len(self.layers)
        flat: Array = table["labels"].combine_chunks().flatten().to_numpy()
        return Block(step, self.epochs[step], name, table["plane"].to_numpy()[:P], flat.reshape(L, P, -1))
