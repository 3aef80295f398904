"""Addresses of the page's parts, which can be sent to somebody: they follow from names, not from places in the page."""

from __future__ import annotations

import re
from urllib.parse import quote


def of(kind: str, *names: str) -> str:
    """The id of a part, such as ``claim-change-stops-at-perfect-fit`` or ``figure-cka-grid``.

    Args:
        kind: what it is.
        names: of it; what is no letter, digit, ``.``, ``=`` or ``_`` becomes ``-``.
    """
    return "-".join([kind, *(re.sub(r"[^\w.=]+", "-", name).strip("-") for name in names)])


def link(path: str) -> str:
    """A path below the page's folder, as a link."""
    return quote(path, safe="/=")
