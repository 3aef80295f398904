"""A file's provenance: the meaning of the code that made it, and the versions of the packages beneath.

``code_digest`` digests the meaning of the definitions that a stage uses: see ``meaning``. It reads source text and
imports nothing, so Snakemake can afford it for every rule.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable
from contextlib import suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..meaning.library import ALL, Library
from ..meaning.memory import Memory

NAME = "repdyn"
PACKAGE = Path(__file__).parents[1]
# Modules that only report to people: what they do is not part of a stage's meaning.
SPEAKING = ("runtime.progress",)
# The functions through which stages and figures are called.
ENTRIES = ("main", "draw", "save")

# Import name -> published name, of all packages that compute numbers, pixels included. Others that stages import
# show progress or draw (the tests list them).
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "numpy": "numpy",
    "pyarrow": "pyarrow",
    "pandas": "pandas",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "safetensors": "safetensors",
    "torch": "torch",
    "torchvision": "torchvision",
    "timm": "timm",
    # Not installed unless somebody wants what these left to be read.
    "tensorboard": "tensorboard",
    "transformers": "transformers",
}


@cache
def code_digest(*parts: str, package: Path = PACKAGE) -> str:
    """Digest the meaning of parts of the library and of everything that they use: 16 hexadecimal digits.

    Args:
        parts: definitions (``storage.tables.write``) or modules (``stages.train``, ``figures.grids``). A module stands
            for its functions in ``ENTRIES``, or for all of it where it has none.
        package: the library's folder.

    Raises:
        LookupError: if a part, or a definition that it uses, does not exist.
    """
    digest: str = _facts(parts, package)["digest"]
    return digest


def versions(*parts: str) -> dict[str, str]:
    """Versions of Python and of the packages that parts of the library, named as above, compute with."""
    used = set(_facts(parts, PACKAGE)["packages"]) & set(_DISTRIBUTIONS)
    found = {"python": platform.python_version()}
    for top in sorted(used):
        with suppress(metadata.PackageNotFoundError):
            found[_DISTRIBUTIONS[top]] = metadata.version(_DISTRIBUTIONS[top])
    return found


def uses(part: str, other: str) -> bool:
    """Whether a part of the library uses another, a module or a definition.

    Raises:
        LookupError: if either does not exist.
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
    """The digest of parts of a library, and top-level names of the third-party packages that they use."""

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
