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
    """The inputs of the examples of an activations table: (n, numbers), float32; tokens as in :func:`one_hot`.

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
    rows = flat.reshape(found.num_rows, -1)
    return rows if rows.dtype.kind == "f" else one_hot(rows)


def one_hot(tokens: Array) -> Array:
    """Tokens as vectors, (n, p) float32, with a 1 for each token at its place: inner products count equal tokens.

    Args:
        tokens: (n, length) integers; p is the number of pairs of place and token that occur.
    """
    n, length = tokens.shape
    pairs = tokens.astype(np.int64) * length + np.arange(length)
    occurring, place = np.unique(pairs, return_inverse=True)
    vectors = np.zeros((n, len(occurring)), dtype=np.float32)
    vectors[np.arange(n)[:, None], place.reshape(n, length)] = 1
    return vectors
