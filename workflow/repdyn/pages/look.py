"""The style that both pages begin with: colours of a light and a dark page, focus, and what a printer leaves out."""

from __future__ import annotations

from pathlib import Path

FILE = Path(__file__).parent / "assets" / "look.css"


def style() -> str:
    """The style sheet; a page's own follows it."""
    return FILE.read_text(encoding="utf-8")
