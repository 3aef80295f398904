"""The page's template: what it is filled with, where the page lies, and what changes it besides data.

Imports nothing heavy, because Snakemake reads it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..pages import look
from . import addresses

if TYPE_CHECKING:
    from ..catalogue.paths import Paths

ASSETS = Path(__file__).parent / "assets"
TEMPLATE, STYLE = ASSETS / "report.html.jinja", ASSETS / "report.css"
SHOWN = "png"  # the format of the figures of the study that the page shows itself
ALL_PAGES = "pdf"  # the format in which each has all its pages


def page_of(paths: Paths) -> str:
    """The path of the page."""
    return f"{paths.root}/report.html"


def assets_digest() -> str:
    """Digest the page's parts other than data: 16 hexadecimal digits."""
    return look.digest(TEMPLATE, STYLE)


def filled(**content: Any) -> str:
    """The page; all texts are escaped, and a name that the template asks for and is not given is an error."""
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True, undefined=StrictUndefined)
    environment.filters |= {"address": addresses.of, "link": addresses.link}
    style = look.style() + STYLE.read_text(encoding="utf-8")
    return environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(style=style, **content)
