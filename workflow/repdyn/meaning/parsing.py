"""Parse a file's bytes, with the same result in every locale, at any depth of nesting."""

from __future__ import annotations

import ast
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager


def parse(source: bytes) -> ast.Module:
    """Parse a file's bytes in the encoding that it declares.

    Raises:
        SyntaxError: if it is not Python, or nested more deeply than Python's own parser goes.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python repeats its warnings when it runs the code
            return ast.parse(source)
    except (ValueError, RecursionError, MemoryError) as error:
        raise SyntaxError(str(error)) from None


@contextmanager
def deep_recursion() -> Iterator[None]:
    """Let functions recurse as deeply as syntax can be nested, whatever the depth of the stack so far.

    From Python 3.11 on, calls between Python functions take no space on the C stack.
    """
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 1_000_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)
