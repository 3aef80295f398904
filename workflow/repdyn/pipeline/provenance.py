"""What made a file: the meaning of the code, the versions beneath it.

``code_digest`` is a digest of what the definitions mean that a stage makes use of: see ``meaning``. It reads source
text and imports nothing, so Snakemake can afford it for every rule.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..meaning.library import ALL, Library
from ..meaning.memory import Memory

NAME = "repdyn"
PACKAGE = Path(__file__).parents[1]
# Modules that speak to people and decide nothing: how they do it is no part of a stage.
SPEAKING = ("runtime.progress",)
# What is called of a stage's module, and of a figure's.
ENTRIES = ("main", "draw", "save")

# Import names of all packages that numbers come out of, pixels included, and what they are called where they are
# published. Others that stages import show progress or draw (the tests know which).
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "numpy": "numpy",
    "pyarrow": "pyarrow",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "ruptures": "ruptures",
    "safetensors": "safetensors",
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
}


@cache
def code_digest(*parts: str, package: Path = PACKAGE) -> str:
    """A digest of what parts of the library mean, with all that they make use of: 16 hexadecimal digits.

    Args:
        parts: modules (``stages.train``, ``figures.grids``), for what is called of them from outside the library's own
            modules, or for all of them where nothing is; or definitions in them (``storage.tables.write``).
        package: where the library lies.

    Raises:
        LookupError: if one of these, or of those that they make use of, is not there.
    """
    digest: str = _facts(parts, package)["digest"]
    return digest


def versions(*parts: str) -> dict[str, str]:
    """Versions of Python and of the packages that parts of the library, named as above, compute with."""
    used = set(_facts(parts, PACKAGE)["packages"]) & set(_DISTRIBUTIONS)
    return {"python": platform.python_version()} | {
        _DISTRIBUTIONS[top]: metadata.version(_DISTRIBUTIONS[top]) for top in sorted(used)
    }


def uses(part: str, other: str) -> bool:
    """Whether a part of the library makes use of another, a module or a definition.

    Raises:
        LookupError: if there is no such part, or no such other.
    """
    library = _library(PACKAGE)
    module, name = library.node(f"{NAME}.{other}")
    reached = library.reached(*_entries(library, [part]))
    return any(node == (module, name) or (name == ALL and node[0] == module) for node in reached)


@cache
def _library(package: Path) -> Library:
    return Library(package, NAME, [f"{NAME}.{module}" for module in SPEAKING])


@cache
def _memory(package: Path) -> Memory:
    return Memory(package)


def _facts(parts: tuple[str, ...], package: Path) -> dict[str, Any]:
    """The digest of parts of a library, and top-level names of the packages of third parties in them."""

    def find() -> dict[str, Any]:
        library = _library(package)
        entries = _entries(library, parts)
        return {"digest": library.digest(*entries)[:16], "packages": sorted(library.packages(*entries))}

    facts: dict[str, Any] = _memory(package).of(" ".join(parts), find)
    return facts


def _entries(library: Library, parts: Iterable[str]) -> list[str]:
    """The full names of the definitions that parts stand for."""
    found: list[str] = []
    for part in parts:
        module, name = library.node(f"{NAME}.{part}")
        called = [entry for entry in ENTRIES if name == ALL and entry in library.module(module)]
        found.extend(f"{NAME}.{part}.{entry}" for entry in called)
        if not called:
            found.append(f"{NAME}.{part}")
    return found
