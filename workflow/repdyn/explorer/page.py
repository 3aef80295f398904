"""Assemble the page: template, style, scripts, library and data in one HTML file.

The library is plotly.js (MIT licence), shipped by the ``plotly`` package. It draws the curves and is compressed like
the data. The scripts of ``assets`` are joined into one module, in the order of ``SCRIPTS``.
"""

from __future__ import annotations

import base64
import html
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from ..pages import look

ASSETS = Path(__file__).parent / "assets"
_PLACE = re.compile(r"<!--(\w+)-->")  # of a part in the template
SCRIPTS = (
    "data.js", "runs.js", "scales.js", "regions.js", "panels.js", "matrix.js", "compare.js", "probes.js", "findings.js",
    "curves.js", "save.js", "page.js",
)  # fmt: skip


def assets_digest() -> str:
    """Digest the page's parts other than data: 16 hexadecimal digits."""
    return look.digest(*(ASSETS / name for name in ("page.html", "page.css", *SCRIPTS)))


@cache
def library() -> bytes:
    """plotly.js, compressed."""
    from plotly.offline import get_plotlyjs

    return zlib.compress(get_plotlyjs().encode(), 9)


def text_size(piece: bytes) -> int:
    """The most bytes that a piece takes in the page."""
    return 4 * -(-len(piece) // 3) + 100


def assemble(study: Mapping[str, Any], pieces: Sequence[bytes]) -> str:
    """The HTML.

    Args:
        study: what the scripts read first: names, colours, planes, and the numbers of pieces.
        pieces: from :func:`repdyn.explorer.pack.pack`, referred to by number.
    """
    data = "\n".join(
        f'<script type="application/octet-stream" id="piece-{i}">{base64.b64encode(piece).decode()}</script>'
        for i, piece in enumerate(pieces)
    )
    # `</` would end the script element that the JSON stands in, and `<!--` begin a comment in it.
    about = json.dumps(study, separators=(",", ":")).replace("<", "\\u003c")
    parts = {
        "title": html.escape(f"{study['name']}: representations through training"),
        "style": look.style() + (ASSETS / "page.css").read_text(encoding="utf-8"),
        "study": about,
        "library": base64.b64encode(library()).decode(),
        "pieces": data,
        "script": "\n".join((ASSETS / name).read_text(encoding="utf-8") for name in SCRIPTS),
    }
    page = (ASSETS / "page.html").read_text(encoding="utf-8")
    places = _PLACE.split(page)  # text and names in turns
    assert sorted(places[1::2]) == sorted(parts), "page.html has a place for each part, and for no other"
    return "".join(text if i % 2 == 0 else parts[text] for i, text in enumerate(places))
