"""The style that both pages begin with: colours of a light and a dark page, focus, and what a printer leaves out."""

from __future__ import annotations

import hashlib
from pathlib import Path

FILE = Path(__file__).parent / "assets" / "look.css"


def style() -> str:
    """The style sheet; a page's own follows it."""
    return FILE.read_text(encoding="utf-8")


def digest(*files: Path) -> str:
    """Digest a page's parts other than data, this style and its own files: 16 hexadecimal digits."""
    found = hashlib.sha256()
    for file in (FILE, *files):
        found.update(file.name.encode() + b"\n" + file.read_bytes())
    return found.hexdigest()[:16]
