"""Files of tensors in the safetensors format, with a checksum over every byte.

The format detects truncation, but not a changed byte. So the header's metadata hold the CRC-32 of the whole header,
computed with zeros in its own place; the header is checked before it is parsed. Each writer adds checksums of its
tensors, since it knows in what pieces they are read.

Tensors are written one after the other from where they lie in memory, without a copy of all of them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from .files import checksum, damaged, unreadable
from .origin import Metadata, Origin, metadata_of

_LENGTH = 8  # bytes of the header's length
_LONGEST = 100_000_000  # bytes that the format allows a header
_CHECKSUM = "header_checksum"
# The checksum in the header, whose metadata are a string of JSON within JSON, which ends with it.
_PLACE = re.compile(rb'\\"%s\\": \\"([0-9a-f]{8})\\"}"' % _CHECKSUM.encode())
_BLANK = b"00000000"


@dataclass(frozen=True)
class Entry:
    """A tensor to write: the format's name of its type, its shape, and its number of bytes."""

    dtype: str
    shape: Sequence[int]
    size: int


def write_header(file: BinaryIO, entries: Mapping[str, Entry], metadata: Metadata) -> int:
    """Begin a file; the bytes of its tensors follow, in the order of ``entries``.

    Returns:
        The length of the finished file, in bytes.
    """
    about = json.dumps(dict(metadata) | {_CHECKSUM: _BLANK.decode()})
    header: dict[str, Any] = {"__metadata__": {"repdyn": about}}
    end = 0
    for name, entry in entries.items():
        offsets = [end, end := end + entry.size]
        header[name] = {"dtype": entry.dtype, "shape": list(entry.shape), "data_offsets": offsets}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    content = len(encoded).to_bytes(_LENGTH, "little") + encoded
    (place,) = [found.span(1) for found in _PLACE.finditer(content)]
    file.write(_with(content, place, b"%08x" % checksum([content])))
    return len(content) + end


def _with(content: bytes, place: Sequence[int], digits: bytes) -> bytes:
    return content[: place[0]] + digits + content[place[1] :]


@contextmanager
def reading(path: str | Path, framework: str, wanted: Origin | None = None) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Open a file and check its header.

    Args:
        path: the file.
        framework: ``pt`` or ``numpy``, the type of tensors read.
        wanted: the expected origin; None accepts any.

    Yields:
        The open safetensors file, and its metadata.

    Raises:
        RepdynError: if it is missing, damaged, not readable, or not the expected one.
    """
    from safetensors import SafetensorError, safe_open  # who only writes, such as a recorder, need not have it

    try:
        content = _header(path)
    except OSError as error:
        raise unreadable(path, error) from None
    places = [found.span(1) for found in _PLACE.finditer(content)]
    if len(places) != 1:
        raise damaged(path, "it carries no checksum where repdyn writes it")
    if b"%08x" % checksum([_with(content, places[0], _BLANK)]) != content[slice(*places[0])]:
        raise damaged(path, "its checksum is not that of its header")
    about = metadata_of(path, json.loads(content[_LENGTH:])["__metadata__"].get("repdyn"))
    if wanted is not None:
        wanted.check(path, about)
    try:
        opened = safe_open(path, framework=framework)
    except SafetensorError as error:
        raise damaged(path, error) from None
    except OSError as error:
        raise unreadable(path, error) from None
    with opened as file:
        yield file, about


def _header(path: str | Path) -> bytes:
    """The header, preceded by its length."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # nobody may ever write into a pipe
    with os.fdopen(descriptor, "rb") as file:
        size, start = os.fstat(descriptor).st_size, file.read(_LENGTH)
        length = int.from_bytes(start, "little")
        if length > min(size - _LENGTH, _LONGEST):
            raise damaged(path, f"it has {size} bytes, and a header of {length}")
        return start + file.read(length)
