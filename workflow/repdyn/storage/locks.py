"""A lock that lasts as long as the process that holds it: however the process ends, the system releases it.

It is a file that a process locks with ``flock``. Network file systems pass that on to their server (NFS, Lustre mounted
with ``flock``), keep it to the machine (BeeGFS by default, Lustre with ``localflock``) or refuse it. So the holder also
writes its process and machine into the file, and clears it on release.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .files import unwritable

_UNSUPPORTED = {errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL}


class Lock:
    """A lock that this process holds; a context manager, which releases it at the end."""

    def __init__(self, descriptor: int, path: Path) -> None:
        self._descriptor, self._path, self._is_signed = descriptor, path, False
        self.last_owner = os.pread(descriptor, 1000, 0).decode(errors="replace")

    @property
    def is_left_behind(self) -> bool:
        """Whether the last holder, on another machine, did not release it; without shared locks it may still run."""
        return bool(self.last_owner) and not self.last_owner.endswith(f" on {socket.gethostname()}")

    @property
    def time(self) -> float:
        """When it was signed or else last released, by the clock of the file system."""
        return os.fstat(self._descriptor).st_mtime

    def sign(self) -> None:
        """Write this process and machine into the file.

        Raises:
            RepdynError: if the disk is full.
        """
        try:
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, f"process {os.getpid()} on {socket.gethostname()}".encode(), 0)
            self._is_signed = True
        except OSError as error:
            raise unwritable(self._path, error) from None

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *_: object) -> None:
        if self._is_signed:
            with suppress(OSError):
                os.ftruncate(self._descriptor, 0)
        os.close(self._descriptor)


class UnsupportedError(Exception):
    """The file system has no locks."""


def take(path: Path) -> Lock | None:
    """Take a lock; None if another process holds it.

    Raises:
        UnsupportedError: if the file system has no locks.
        RepdynError: if the file cannot be made.
    """
    while True:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            raise unwritable(path, error) from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if _is_still(path, descriptor):
                return Lock(descriptor, path)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            if error.errno in _UNSUPPORTED:
                raise UnsupportedError from None
            raise unwritable(path, error) from None
        os.close(descriptor)  # the file was deleted between opening and locking: try again


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Wait until no other process is inside; where the file system has no locks, do not wait.

    So the work inside must be correct in several processes at once, if wasteful: each writes the same files, whole.

    Raises:
        OSError: if the file cannot be made.
    """
    descriptor = _wait(path)
    try:
        yield
    finally:
        os.close(descriptor)


def _wait(path: Path) -> int:
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_still(path, descriptor):
                return descriptor
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                return descriptor
            os.close(descriptor)
            raise
        except BaseException:  # a signal that asks the process to end
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_still(path: Path, descriptor: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def owner(path: Path) -> str:
    """The holder of a lock, in words."""
    try:
        return path.read_text(encoding="utf-8", errors="replace") or "another process"
    except OSError:
        return "another process"
