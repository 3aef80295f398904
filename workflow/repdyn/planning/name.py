"""Print a study's name, after checking that its config can be read: ``python -m repdyn name``.

The Makefile calls it first, because Snakemake reads a config before its rules do, and answers text that is not UTF-8 or
not YAML with a traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.study import Study


def main(study: Study) -> None:
    """Print the name of the study, and of its folder of results."""
    print(study.name)
