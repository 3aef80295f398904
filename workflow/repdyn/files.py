"""Files that are whole or not there: atomic writing, and the sentences for files that are missing or damaged."""

from __future__ import annotations

import errno
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import RepdynError, one_line


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same directory; on success it is synced and renamed to ``path``.

    On any error the temporary file is removed and ``path`` is as it was.

    Raises:
        RepdynError: if the disk is full, or the place may not be written to.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise RepdynError(f"`{path}` cannot be written: {error.strerror}.") from None
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        descriptor = os.open(temporary, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and is_disk_full(error):
            raise RepdynError(
                f"The disk is full: `{path}` was not written, and what stood there before is untouched; free some "
                "space and run again."
            ) from None
        raise


def checksum(parts: Iterable[Any]) -> int:
    """CRC-32 of bytes, one part (anything with a buffer) after the other: by it a file tells that it is undamaged."""
    found = 0
    for part in parts:
        found = zlib.crc32(part, found)
    return found


def is_disk_full(error: OSError) -> bool:
    """Whether an error, from Python or from inside a library that only passes the words on, means a full disk."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def missing(path: str | Path) -> RepdynError:
    """The error for a file that should be there."""
    return RepdynError(f"`{path}` is not there; Snakemake makes it when asked for it with the study's --configfile.")


def damaged(path: str | Path, why: object) -> RepdynError:
    """The error for a file that is truncated or not what its name says."""
    return RepdynError(f"`{path}` is damaged ({one_line(why)}); delete it and run Snakemake again")
