"""How Sphinx builds the site: `make docs`.

Pages are the Markdown files beside this one. The tables of the reference are made during the build (``reference.py``):
a page says where with a comment such as ``<!-- made: settings -->``. Every warning is an error, so links, anchors and
names of the library that lead nowhere fail the build, and so does a page that loads anything from the network.
"""

import re
import sys
import tomllib
from pathlib import Path

from pygments.lexers.python import PythonLexer
from sphinx.application import Sphinx
from sphinx.util import logging

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "workflow")]  # the library that is described is the one beside the pages

import reference  # noqa: E402

project = "repdyn"
author = "The repdyn authors"
project_copyright = author
release = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx_copybutton",
    "sphinx_design",
]
exclude_patterns = ["_build"]
# `deflist` for lists of terms; blocks of directives are fenced by colons, since blocks of code are run by the tests.
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 4

# Annotations name types of other libraries, whose documentation is not at hand without a network.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!repdyn\.).*")]
nitpick_ignore = [("py:class", "repdyn.analysis.common_checkpoints.Key")]  # a type variable
autoclass_content = "both"
autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
# Their callbacks subclass these; both take seconds to import.
autodoc_mock_imports = ["lightning", "pytorch_lightning", "transformers"]

html_theme = "pydata_sphinx_theme"
html_title = "repdyn"
html_sidebars = {"quickstart": []}  # it has no pages below it
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_use_index = False  # the search finds names, too
html_domain_indices = False
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 6,
    "navbar_persistent": ["search-button"],
    "navbar_end": ["theme-switcher"],
    "secondary_sidebar_items": {"**": ["page-toc"], "results": [], "reference-catalogue": []},  # whose tables are wide
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": True,
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}

# What a browser fetches by itself when it opens a page; a link that a reader may follow is none.
_LOADED = re.compile(r"""<(?:script|img|iframe|source|link)\b[^>]*?\b(?:src|href)=["'](?:https?:)?//[^"']*""")
_LOADED_BY_STYLE = re.compile(r"""(?:url\(|@import)\s*["']?(?:https?:)?//[^"')]*""")


def _made(_: Sphinx, __: str, source: list[str]) -> None:
    source[0] = reference.filled(source[0])


def _refuse_remote_parts(app: Sphinx, error: Exception | None) -> None:
    """The site is read from a disk, too, with no network."""
    if error is not None:
        return
    for pattern, kind in ((_LOADED, "*.html"), (_LOADED_BY_STYLE, "*.css")):
        for page in sorted(Path(app.outdir).rglob(kind)):
            for found in pattern.findall(page.read_text(encoding="utf-8")):
                logging.getLogger(__name__).warning("%s loads from the network: %s", page, found)


def setup(app: Sphinx) -> dict[str, bool]:
    """What this site adds to Sphinx."""
    app.add_lexer("snakemake", PythonLexer)  # of which Snakemake's language is an extension
    app.connect("source-read", _made)
    app.connect("build-finished", _refuse_remote_parts)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
