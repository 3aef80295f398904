"""How a command ends, with which message and exit status.

0 means done, 1 something for the user to fix, 2 a bug (with a traceback). As in shells, 130 means Ctrl-C, 143 a request
to terminate, and 141 that nobody reads the output.
"""

from __future__ import annotations

import os
import re
import select
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import TextIO

from ..errors import RepdynError
from ..storage.files import is_disk_full
from .progress import LOG

_NAMES = {signal.SIGINT: "interrupted", signal.SIGTERM: "asked to terminate"}


class Ended(BaseException):
    """Raised by a signal that asks the process to end, so that unfinished work is cleaned up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_of(work: Callable[[], None]) -> int:
    """Do the work, report any error, and return the exit status."""
    try:
        with _ending_by_signals():
            work()
            if sys.stdout is not None:
                sys.stdout.flush()
    except RepdynError as error:
        return _fail(str(error))
    except Ended as end:
        return _fail(f"{_NAMES[signal.Signals(end.number)]}; what was finished stays.", 128 + end.number)
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _is_closed_at_its_other_end(sys.stdout):
            _drop(sys.stdout)
            return 128 + signal.SIGPIPE
        if is_disk_full(error):
            _drop(sys.stdout)
            return _fail("The disk is full; free some space and run again. What was finished is untouched.")
        LOG.exception("unexpected:")
        return 2
    except Exception as error:
        for about in (_about_path, _about_memory, _about_gpu):
            if (complaint := about(error)) is not None:
                return _fail(complaint)
        LOG.exception("unexpected, a bug in repdyn:")
        return 2
    return 0


def secure_streams() -> None:
    """Make sure that standard streams are open, and that they can print every character.

    If one were closed, the next file opened would take its place, and a library's warnings would go there.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    for stream, instead in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        # Under pytest they may be of another type.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=instead)


@contextmanager
def _ending_by_signals() -> Iterator[None]:
    """Let Ctrl-C and a request to terminate raise :class:`Ended` inside, unless they are ignored."""

    def end(number: int, _frame: FrameType | None) -> None:
        raise Ended(number)

    changed = {}
    if threading.current_thread() is threading.main_thread():
        for number in _NAMES:
            if signal.getsignal(number) not in (signal.SIG_IGN, None):
                changed[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, before in changed.items():
            signal.signal(number, before)


def _is_closed_at_its_other_end(stream: TextIO | None) -> bool:
    if stream is None:
        return False
    pipe = select.poll()
    pipe.register(stream.fileno(), 0)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in pipe.poll(0))


def _drop(stream: TextIO | None) -> None:
    """Discard what a stream still buffers if it cannot be written; Python would complain at exit."""
    if stream is not None:
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _about_path(error: Exception) -> str | None:
    """The message for a path with a character that this locale cannot encode; None for another error."""
    if not isinstance(error, UnicodeEncodeError) or error.encoding == "utf-8":
        return None
    return (
        f"`{ascii(error.object)[1:-1]}` cannot be written in the encoding of paths here, {error.encoding}; set "
        "PYTHONUTF8=1 or a locale such as LC_ALL=C.UTF-8."
    )


def _about_memory(error: Exception) -> str | None:
    """The message for lack of memory, which torch reports as a plain ``RuntimeError``; None for another error."""
    words = str(error)
    if not isinstance(error, MemoryError) and "DefaultCPUAllocator" not in words:
        return None
    wanted = re.search(r"(?:Unable to allocate|you tried to allocate) ([\d.]+ \w+)", words)
    return (
        f"There is no memory{f' for {wanted[1]} more' if wanted else ''}; run fewer jobs at once, or lower "
        "`training.batch_size` or `execution.memory_gib`."
    )


def _about_gpu(error: Exception) -> str | None:
    """The message for an error of torch's about a GPU; None for another error.

    Recognised by torch's words, because some are a plain ``RuntimeError``, and torch may not be imported.
    """
    words = str(error)
    if "out of memory" in words or "STATUS_ALLOC_FAILED" in words:
        wanted = re.search(r"Tried to allocate ([\d.]+ \w+)", words)
        return (
            f"The GPU has no memory{f' for {wanted[1]} more' if wanted else ''}; let fewer jobs share it, or lower "
            "`training.batch_size` or `execution.memory_gib`."
        )
    if "does not have a deterministic implementation" in words:
        operation, _, _ = words.partition(" ")
        return (
            f"The model uses `{operation}`, which does not give the same numbers twice on a GPU; take "
            "another model, or set `execution.device` to cpu."
        )
    return None


def _fail(message: str, status: int = 1) -> int:
    if LOG.handlers:
        LOG.error(message)
    elif sys.stderr is not None:
        with suppress(OSError):
            print(message, file=sys.stderr)
    return status
