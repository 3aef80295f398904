"""The one exception that is meant for the user, its kinds that code tells apart, and the words of others in it."""

from __future__ import annotations

import os


class RepdynError(Exception):
    """Something the user can mend, said in one sentence.

    The message names the culprit (a config key, a file, a layer, a step) and what would be right.
    ``python -m repdyn`` prints it without a traceback and exits with 1.
    """


class MissingError(RepdynError):
    """A file that should be there is not."""


class DamagedError(RepdynError):
    """A file is not what was written: it is cut short, or has changed."""


def one_line(error: object) -> str:
    """What another library says is wrong, to stand within a sentence: on one line and without a full stop.

    An exception that says nothing, as a bare assertion does, is called by its name.
    """
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__


def named(path: str | os.PathLike[str]) -> str:
    """A path as a sentence can hold it, whatever the locale: what is no text, or would break the line, is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in text)


def no_access(path: str | os.PathLike[str], error: OSError) -> RepdynError:
    """The error for a file of the user's own that the system does not let be read, or that has gone."""
    return RepdynError(f"`{named(path)}` cannot be read: {error.strerror or one_line(error)}.")
