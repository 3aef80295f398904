"""How a command ends: done, with a sentence, interrupted, or with a bug's traceback; and the exit status of each.

0 is done, 1 something for the user to mend, 2 a bug; 130 and 143 are Ctrl-C and a request to terminate, 141 that nobody
reads what is printed, as shells have it.
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
    """A signal that asks the process to end, so that what it has half done is tidied up."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def status_of(work: Callable[[], None]) -> int:
    """Do the work; the exit status, what there is to say having been said."""
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
    """Make sure that standard streams are open, and that printing to them cannot fail for want of a character.

    Where one is closed, the next file to be opened would take its place, and a library's warnings would go there.
    """
    descriptor = os.open(os.devnull, os.O_RDWR)
    while descriptor <= 2:
        os.set_inheritable(descriptor, True)
        descriptor = os.open(os.devnull, os.O_RDWR)
    os.close(descriptor)
    for stream, instead in ((sys.stdout, "replace"), (sys.stderr, "backslashreplace")):
        # Under pytest they may be something else.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=instead)


@contextmanager
def _ending_by_signals() -> Iterator[None]:
    """Let Ctrl-C and a request to terminate raise :class:`Ended` inside, where nobody has them ignored."""

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
    """Let what a stream still holds go nowhere if it cannot be written, or Python would complain of it at its end."""
    if stream is not None:
        try:
            stream.flush()
        except OSError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _about_path(error: Exception) -> str | None:
    """What to say of a path with a character that this locale has no bytes for."""
    if not isinstance(error, UnicodeEncodeError) or error.encoding == "utf-8":
        return None
    return (
        f"`{ascii(error.object)[1:-1]}` cannot be written in the encoding of paths here, {error.encoding}; set "
        "PYTHONUTF8=1 or a locale such as LC_ALL=C.UTF-8."
    )


def _about_memory(error: Exception) -> str | None:
    """What to say where the machine has no memory left; torch says so in a plain ``RuntimeError``."""
    words = str(error)
    if not isinstance(error, MemoryError) and "DefaultCPUAllocator" not in words:
        return None
    wanted = re.search(r"(?:Unable to allocate|you tried to allocate) ([\d.]+ \w+)", words)
    return (
        f"There is no memory{f' for {wanted[1]} more' if wanted else ''}; run fewer jobs at once, or lower "
        "`training.batch_size` or `execution.memory_gib`."
    )


def _about_gpu(error: Exception) -> str | None:
    """What to say of an error that torch raises about a GPU; None of another error.

    Known by torch's words, because some are a plain ``RuntimeError``, and torch may not be imported.
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
            f"`{operation}`, of which the model makes use, does not give the same numbers twice on a GPU; take "
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
