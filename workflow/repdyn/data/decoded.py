"""The images of a folder, decoded once into a file beside it, which jobs map into memory.

A part's file is named by the part's digest (``contents.py``), the size that images are scaled to, and the version of
the decoding (``pixels.py``). So a new picture under an old name is decoded anew, and a job that knows the digest need
not look at the folder. The file consists of rows of class and pixels, and their CRC-32, which is compared whenever the
file is opened; a damaged one is decoded again. While images are decoded, each one's bytes are compared with its digest:
the job reads what the study says, or ends.

A process that maps a file holds a shared lock on it. Writing a new file removes those of earlier contents, except
locked ones.

Time: a millisecond or less for each small image, once; then about a second for each 1.5 GB, to compare checksums.
Memory: one image; pages of the map that were read count as memory of the process, but the system can drop them.
"""

from __future__ import annotations

import fcntl
import hashlib
import mmap
import os
import warnings
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import RepdynError, named, no_access
from ..runtime.progress import LOG, track
from ..storage import locks
from ..storage.files import atomic, checksum, unreadable
from . import contents, pixels
from .image_folders import PARTS, Layout
from .images import Stored

CRC = 4  # bytes of the checksum


def read(layout: Layout, root: Path, wanted: str | None = None) -> tuple[Stored, Stored]:
    """Read the training and the test part of an image folder.

    Args:
        layout: the layout of the folder.
        root: where data sets lie.
        wanted: the digest of the expected contents; None accepts any.

    Raises:
        RepdynError: if the folder is not laid out as it should be, or has other contents.
    """
    wanted = wanted or str(contents.look(layout, root))
    train, test = (_part(layout, root, part, digest) for part, digest in zip(PARTS, wanted.split("-"), strict=True))
    return train, test


def _part(layout: Layout, root: Path, part: str, digest: str) -> Stored:
    """Open one part; decode it first if that has not been done yet."""
    store = layout.store(root)
    path = store / f"{part}-{digest}-{pixels.VERSION}.images"
    stored = _opened(path, layout)
    if stored is not None:
        return stored
    try:
        store.mkdir(parents=True, exist_ok=True)
        with locks.alone(store / f".{part}.lock"):
            stored = _opened(path, layout)  # another process may have decoded it meanwhile
            if stored is None:
                found = contents.look(layout, root)
                if found.parts[part] != digest:
                    raise RepdynError(
                        f"The images in `{named(layout.folder(root))}` are not those that the study was started with: "
                        "they were changed meanwhile; run Snakemake again."
                    )
                if path.exists():
                    LOG.warning("`%s` is damaged; the images are decoded again", named(path))
                _decode(found, part, layout, path)
                stored = _opened(path, layout)
            # Also remove what a killed process left half written: only the holder of the lock writes. Without locks,
            # remove nothing that another process may have open.
            for old in (*store.glob(f"{part}-*"), *store.glob(f".{part}-*")):
                if old != path:
                    _remove(old)
    except OSError as error:
        raise RepdynError(f"`{named(store)}`, for the decoded images, cannot be written: {error.strerror}.") from None
    if stored is None:
        raise RepdynError(f"`{named(path)}` was written, but reads as something else; is the disk all right?")
    return stored


def _row(layout: Layout) -> np.dtype[Any]:
    return np.dtype([("label", "<i8"), ("image", np.uint8, (layout.channels, layout.size, layout.size))])


def _opened(path: Path, layout: Layout) -> Stored | None:
    """Map a part; None if it has not been decoded yet, or is damaged.

    Raises:
        RepdynError: if it cannot be read.
    """
    try:
        with path.open("rb") as file:
            with suppress(OSError):  # not every file system has locks
                fcntl.flock(file, fcntl.LOCK_SH)  # held as long as the map, which keeps the file open
            content: mmap.mmap | bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except FileNotFoundError:
        return None
    except ValueError:  # an empty file cannot be mapped
        content = b""
    except OSError as error:
        raise unreadable(path, error) from None
    row, whole = _row(layout), memoryview(content)
    rows, rest = divmod(len(whole) - CRC, row.itemsize)
    if rows < 1 or rest or checksum([whole[:-CRC]]) != int.from_bytes(whole[-CRC:], "little"):
        return None
    table = np.frombuffer(content, row, count=rows)
    return Stored(table["image"], np.array(table["label"], dtype=np.int64))


def _decode(found: contents.Contents, part: str, layout: Layout, path: Path) -> None:
    """Write labels and images, row by row, and their checksum."""
    files, several, row = found.found.parts[part], 0, np.zeros((), _row(layout))
    # Pillow warns of large images and of odd metadata, which nobody fixes in thousands of files.
    with atomic(path) as temporary, temporary.open("wb") as output, warnings.catch_warnings(action="ignore"):
        crc = 0
        pairs = zip(files, found.digests[part], strict=True)
        for (file, label), digest in track(pairs, len(files), "image"):
            row["label"] = label
            row["image"], has_more = _pixels(file, digest, layout)
            several += has_more
            crc = zlib.crc32(row.tobytes(), crc)
            output.write(row.tobytes())
        output.write(crc.to_bytes(CRC, "little"))
    LOG.info("decoded %d images into %s", len(files), path)
    if several:
        LOG.info("%d of the files have several frames or pages; the first is taken", several)


def _pixels(file: str, digest: str, layout: Layout) -> tuple[np.ndarray[Any, np.dtype[Any]], bool]:
    """Decode a file: its pixels, and whether it has further frames."""
    try:
        content = Path(file).read_bytes()
    except OSError as error:
        raise no_access(file, error) from None
    if hashlib.sha256(content).hexdigest() != digest:
        raise RepdynError(f"`{named(file)}` was changed while it was read; run again.")
    try:
        return pixels.of(content, layout.channels, layout.size)
    except pixels.Unreadable as error:
        raise RepdynError(f"`{named(file)}` is not an image that can be read ({error}).") from None


def _remove(old: Path) -> None:
    """Remove a file unless a process maps it: on a network file system another machine could no longer read it."""
    with suppress(OSError):
        handle = os.open(old, os.O_RDWR)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            old.unlink()
        finally:
            os.close(handle)
