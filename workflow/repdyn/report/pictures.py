"""Figures in the page: whole where they are small enough, else reduced, as data URIs.

A page of any study stays below :data:`PAGE_MIB`: of the figures that it shows whole each takes at most
:data:`WHOLE` bytes, all others are thumbnails of some ten thousand.

Memory: a figure's pixels, of which one beyond :data:`MOST_PIXELS` has no picture here, only its link.
"""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

PAGE_MIB = 10
WHOLE = 2 * 2**20
MOST_PIXELS = 60_000_000
REDUCED, THUMBNAIL = 1800, 480  # pixels across
WEBP = {"quality": 82, "method": 4}


@dataclass(frozen=True)
class Picture:
    """A picture in the page.

    Attributes:
        source: a data URI.
        width: in pixels, of the picture here.
        height: in pixels, of the picture here.
        whole: whether it is the figure itself, not one with fewer pixels.
        page: which page of several it is, in words; nothing where it is the only one.
    """

    source: str
    width: int
    height: int
    whole: bool
    page: str


def whole(path: Path) -> Picture | None:
    """A figure as it is, or reduced to :data:`REDUCED` pixels across if it is large; None if it is far too large."""
    with Image.open(path) as image:
        width, height, page = *image.size, _page(image)
    if path.stat().st_size > WHOLE:
        return reduced(path, REDUCED)
    return Picture(_uri("png", path.read_bytes()), width, height, True, page)


def thumbnail(path: Path) -> Picture | None:
    """A small copy of a figure; None if it is far too large to be read."""
    return reduced(path, THUMBNAIL)


def reduced(path: Path, across: int) -> Picture | None:
    """A copy of a PNG that is so many pixels wide, or as wide as it is; None beyond :data:`MOST_PIXELS`."""
    with Image.open(path) as image:
        width, height, page = *image.size, _page(image)
        if width * height > MOST_PIXELS:
            return None
        small = image.convert("RGB")
    small.thumbnail((across, 3 * across))
    content = io.BytesIO()
    small.save(content, "WEBP", **WEBP)
    return Picture(_uri("webp", content.getvalue()), *small.size, False, page)


def _page(image: Image.Image) -> str:
    """Which page of several a figure's file says that it is."""
    return str(image.info.get("Description", ""))


def _uri(kind: str, content: bytes) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode()}"
