"""Reading the examples that are compared as the network gets them, for deconfounded CKA."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import RepdynError
from ..storage import tables
from ..storage.origin import Origin
from ..types import Array
from .selection import SPLIT
from .table import Representations


def read(path: str | Path, wanted: Origin | None, table: Representations) -> Array:
    """The inputs of the examples of an activations table: (n, numbers), float32, read-only.

    Args:
        path: a table ``records.inputs.INPUTS``.
        wanted: its expected origin; None accepts any.
        table: activations of the same run.

    Raises:
        RepdynError: if the file cannot be read, has another origin, or holds other examples than the activations.
    """
    found = tables.read(path, wanted)
    if not np.array_equal(found["example"].to_numpy(), table.examples(SPLIT)["example"]):
        raise RepdynError(f"`{path}` and `{table.path}` hold different {SPLIT} examples; make both again.")
    flat: Array = found["input"].combine_chunks().flatten().to_numpy()
    return flat.reshape(found.num_rows, -1)
