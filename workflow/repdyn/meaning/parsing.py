"""From a file's bytes to its syntax, the same in every locale, and at any depth."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def parse(source: bytes) -> ast.Module:
    """The syntax of a file's bytes, in the encoding that it declares.

    Raises:
        SyntaxError: if it is not Python, or nested more deeply than Python's own parser goes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what Python has to say of it, it says when it runs it
            return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from None


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let functions recurse as deeply as any syntax is nested, however deep the stack is that they are called on.

    From Python 3.11 on a function that calls a function of Python takes nothing from the stack of C.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 1_000_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
