"""Write files whole or not at all, and word the errors for what cannot be written or read."""

from __future__ import annotations

import errno
import os
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from ..errors import DamagedError, MissingError, RepdynError, one_line

# Characters of a file's name in that of its temporary file, which so stays below 255 bytes in any script.
_NAME = 50
_KEPT = 3  # damaged files to keep of one name


@contextmanager
def atomic(path: str | Path) -> Iterator[Path]:
    """Yield a temporary path in the same directory; on success it is synced and renamed to ``path``.

    On any error the temporary file is removed and ``path`` stays as it was.

    Raises:
        RepdynError: if the disk is full, or the folder is not writable.
    """
    path = Path(path)
    try:
        _make_folder(path.parent)
        if path.is_dir():  # renaming would fail, too, but only after all the work
            raise RepdynError(f"`{path}` is a folder, but a file is to be written there; move the folder away.")
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:_NAME]}.")
    except OSError as error:
        raise unwritable(path, error) from None
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
        with suppress(OSError):  # a disk that went away must not hide the first error
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and _is_of(error, temporary):
            raise unwritable(path, error) from None
        raise


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        there = next(place for place in (folder, *folder.parents) if os.path.lexists(place))
        what = "a link that leads nowhere" if there.is_symlink() else "a file"
        raise RepdynError(f"`{there}` is {what}, but a folder is to be there; move it away.") from None


def _is_of(error: OSError, temporary: Path) -> bool:
    """Whether an error is that the system could not write the file, not one of other work done meanwhile."""
    known = error.errno is not None or is_disk_full(error)
    return known and (error.filename is None or Path(os.fsdecode(error.filename)) == temporary)


def is_same(path: Path, content: bytes) -> bool:
    """Whether a file exists and has exactly this content.

    Raises:
        RepdynError: if it cannot be read.
    """
    try:
        return path.read_bytes() == content
    except FileNotFoundError:
        return False
    except OSError as error:
        raise unreadable(path, error) from None


def unwritable(path: str | Path, error: OSError) -> RepdynError:
    """The error for a file that the system did not write."""
    untouched = f"`{path}` was not written, and what stood there before is untouched"
    if error.errno == errno.EDQUOT:
        return RepdynError(f"The disk quota is used up: {untouched}; free some space and run again.")
    if is_disk_full(error):
        return RepdynError(f"The disk is full: {untouched}; free some space and run again.")
    if error.errno == errno.EFBIG:
        return RepdynError(
            f"The file would be too large: {untouched}; the file system, or `ulimit -f`, must allow larger ones."
        )
    return RepdynError(f"`{path}` cannot be written: {error.strerror or one_line(error)}.")


def checksum(parts: Iterable[Any]) -> int:
    """CRC-32 of bytes given in parts (anything with a buffer), to detect damage."""
    found = 0
    for part in parts:
        found = zlib.crc32(part, found)
    return found


def is_disk_full(error: OSError) -> bool:
    """Whether an error means a full disk; some libraries pass on only the system's words."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT) or "No space left on device" in str(error)


def set_aside(path: Path) -> Path:
    """Rename a damaged file, so that it is neither used nor overwritten; beyond ``_KEPT`` it replaces the last one.

    Raises:
        RepdynError: if the folder is not writable.
    """
    names = [path.with_name(f"{path.name}.damaged-{number}") for number in range(1, _KEPT + 1)]
    aside = next((name for name in names if not name.exists()), names[-1])
    try:
        return path.replace(aside)
    except OSError as error:
        raise unwritable(aside, error) from None


def missing(path: str | Path) -> MissingError:
    """The error for a file that should exist."""
    return MissingError(f"`{path}` is not there; Snakemake makes it when asked for it with the study's --configfile.")


def damaged(path: str | Path, why: object) -> DamagedError:
    """The error for a file that is truncated or not what its name says it is."""
    return DamagedError(f"`{path}` is damaged ({one_line(why)}); delete it and run Snakemake again")


def unreadable(path: str | Path, error: OSError) -> RepdynError:
    """The error for a file that the system does not let us read; the file itself may be intact."""
    if isinstance(error, FileNotFoundError):
        return missing(path)
    if isinstance(error, IsADirectoryError):
        return damaged(path, "it is a folder")
    return RepdynError(
        f"`{path}` cannot be read: {error.strerror or one_line(error)}; the file itself may be intact, so make it "
        "readable and run again."
    )
