"""The name of a study, and with it the assurance that its config can be read: ``python -m repdyn name``.

For the Makefile: Snakemake reads a config before its rules do, and meets what is no UTF-8 or no YAML with a traceback.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..config.study import Study


def main(study: Study) -> None:
    """Print the name under which results lie."""
    print(study.name)
