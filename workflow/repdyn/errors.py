"""The one exception meant for the user, with the kinds that code tells apart, and helpers for its message."""

from __future__ import annotations

import os


class RepdynError(Exception):
    """Something the user can fix, said in one sentence.

    The message names the culprit (a config key, a file, a layer, a step) and what would be right.
    ``python -m repdyn`` prints it without a traceback and exits with 1.
    """


class MissingError(RepdynError):
    """A file that should be there is not."""


class DamagedError(RepdynError):
    """A file is not what was written: it is truncated or has changed."""


def one_line(error: object) -> str:
    """Another library's error as part of a sentence: on one line, without a full stop.

    An exception without text, such as a bare assertion, gives its class's name.
    """
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def named(path: str | os.PathLike[str]) -> str:
    """A path for use in a sentence, in any locale: bytes that are not text, and control characters, are escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def no_access(path: str | os.PathLike[str], error: OSError) -> RepdynError:
    """The error for a file of the user's that is gone or that the system does not allow to be read."""
    return RepdynError(f"`{named(path)}` cannot be read: {error.strerror or one_line(error)}.")
