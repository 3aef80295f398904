"""Pack tables into compressed binary pieces for the browser, with numbers rounded to a stated precision.

A piece is the zlib stream (in the browser: ``DecompressionStream("deflate")``) of

    length of the head, uint32 little-endian | head, JSON in UTF-8 | arrays, little-endian, each aligned to 8 bytes

where ``arrays`` in the head gives each array's type, shape and offset from the end of the head.

Similarities are stored as one triangle with the diagonal: those by the usual measures to four decimals, as uint16,
those by others to two, as uint8, which takes 40 % of the room. Labels are stored as differences from the checkpoint
before, which are mostly zero and compress well.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ..types import Array

# Decimals -> the type that holds them, for measures from -1 to 1; its largest number stands for undefined.
TYPES: dict[int, type[np.unsignedinteger[Any]]] = {4: np.uint16, 2: np.uint8}
ALIGNMENT = 8


def pack(about: Mapping[str, Any], arrays: Mapping[str, Array]) -> bytes:
    """Make one piece; ``about`` is the rest of the head, in JSON types."""
    places, body = {}, bytearray()
    for name, array in arrays.items():
        body += bytes(-len(body) % ALIGNMENT)
        places[name] = {"type": array.dtype.name, "shape": list(array.shape), "offset": len(body)}
        body += np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).tobytes()
    head = json.dumps(dict(about) | {"arrays": places}, separators=(",", ":")).encode()
    head += b" " * (-(4 + len(head)) % ALIGNMENT)
    return zlib.compress(struct.pack("<I", len(head)) + head + bytes(body), 9)


def unpack(piece: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """Undo :func:`pack`."""
    content = zlib.decompress(piece)
    (length,) = struct.unpack_from("<I", content)
    head = json.loads(content[4 : 4 + length])
    arrays = {
        name: np.frombuffer(
            content,
            dtype=np.dtype(place["type"]).newbyteorder("<"),
            count=int(np.prod(place["shape"])),
            offset=4 + length + place["offset"],
        ).reshape(place["shape"])
        for name, place in head.pop("arrays").items()
    }
    return head, arrays


def triangle(matrices: Array, low: float, high: float, decimals: int) -> Array:
    """Round symmetric matrices.

    Args:
        matrices: (L, E, E), NaN where undefined.
        low: the measure's least value, 0 or -1.
        high: its greatest value, 1.
        decimals: 4 or 2.

    Returns:
        (L, E (E + 1) / 2), row by row from the diagonal on, counted from ``low`` in units of the last decimal; the
        type's largest number where undefined. Values beyond the ends by rounding errors are clipped.
    """
    kind = TYPES[decimals]
    rows, columns = np.triu_indices(matrices.shape[1])
    values = matrices[:, rows, columns]
    rounded = np.rint((np.clip(np.nan_to_num(values), low, high) - low) * 10**decimals).astype(kind)
    packed: Array = np.where(np.isnan(values), np.iinfo(kind).max, rounded).astype(kind)
    return packed


def changes(labels: Array) -> Array:
    """Turn labels into differences from the checkpoint before, modulo the type's range.

    Args:
        labels: (L, E, R²), uint8 or uint16.

    Returns:
        The same shape and type; the first checkpoint is unchanged.
    """
    first = np.zeros_like(labels[:, :1])
    return np.diff(labels, axis=1, prepend=first)
