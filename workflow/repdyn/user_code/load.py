"""Load the user's classes and functions, named by import path: ``my_package.models:MyNet``.

Modules are searched among installed packages, then in the folder of the study's config and in the working directory
(``locate.py``). Their meaning decides reruns (``digests.py``).
"""

from __future__ import annotations

import difflib
import importlib
import traceback
from collections.abc import Callable
from typing import Any

from ..errors import RepdynError, one_line
from . import digests, locate


def is_import_path(name: str) -> bool:
    """Whether a name is ``module:attribute`` rather than a library's name for a model or optimizer."""
    return ":" in name


def load(path: str) -> Callable[..., Any]:
    """Import the class or function that an import path names.

    Raises:
        RepdynError: if there is no such module, it cannot be imported, or has nothing callable by that name.
    """
    name, _, attribute = path.partition(":")
    if not name or not attribute:
        raise RepdynError(f"`{path}` is no import path; write `package.module:Name`.")
    digests.refuse_what_stands_behind(path, locate.taken())
    try:
        module = importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and f"{name}.".startswith(f"{error.name}."):
            raise RepdynError(
                f"`{path}`: there is no module `{error.name}` among the installed packages, beside the study's config "
                "or in the working directory."
            ) from None
        raise RepdynError(f"`{path}`: `{name}` cannot be imported: {blame(error)}.") from None
    except Exception as error:  # whatever the user's code raises
        raise RepdynError(f"`{path}`: `{name}` cannot be imported: {blame(error)}.") from None
    found = getattr(module, attribute, None)
    if found is None:
        known = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        close = difflib.get_close_matches(attribute, known, n=3, cutoff=0.4) or known[:5]
        there = f"it has, for example, {', '.join(close)}" if close else "it has nothing that can be called"
        raise RepdynError(f"`{path}`: `{name}` has no `{attribute}`; {there}.")
    if not callable(found):
        raise RepdynError(f"`{path}` is {type(found).__name__}, but must be a class or a function.")
    called: Callable[..., Any] = found
    return called


def in_words(error: Exception, name: str) -> str:
    """Describe an error of what a name stands for on one line, with file and line number if it is the user's code."""
    return blame(error) if is_import_path(name) else one_line(error)


def blame(error: Exception) -> str:
    """Describe an error of the user's code on one line, with file and line number."""
    words = one_line(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}, line {frames[-1].lineno})" if frames else ""
    if isinstance(error, SyntaxError):
        words, where = error.msg, f" ({error.filename}, line {error.lineno})"
    return f"{type(error).__name__}: {words}{where}"
