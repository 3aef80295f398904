"""The meaning of code that a study names by import path, so that editing one's own model reruns its training.

Like ``provenance.py`` for the library's own modules: a digest of the normalised syntax of the module and of every
module that it imports, directly or not, read as text without importing anything. Installed packages (and Python's own)
are no part of it, as torch and timm are none of a stage's: their versions are recorded, and decide no rerun.
"""

from __future__ import annotations

import ast
import hashlib
import os
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path

from . import provenance


@cache
def digest(path: str) -> str:
    """A digest of the meaning of an import path's module and of what it imports of the user's own; 16 digits."""
    hashed = hashlib.sha256()
    for name, file in sorted(_reachable(path.partition(":")[0]).items()):
        hashed.update(f"{name}\n{_meaning(file)}\n".encode())
    return hashed.hexdigest()[:16]


def version(path: str) -> dict[str, str]:
    """The version of the installed package that an import path leads to; nothing where it is no such package."""
    top = path.partition(":")[0].partition(".")[0]
    try:
        return {top: metadata.version(top)}
    except (metadata.PackageNotFoundError, ValueError):
        return {}


def _meaning(file: Path) -> str:
    text = file.read_text(errors="replace")
    try:
        return ast.unparse(provenance.meaning(text))
    except SyntaxError:
        return text


def _reachable(module: str) -> dict[str, Path]:
    """The module and every module that it imports, directly or not, that is not installed: name -> file."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        file = None if name in found else _find(name)
        if file is not None:
            found[name] = file
            waiting.extend(_imports(name, file))
    return found


def _find(name: str) -> Path | None:
    """The source file of a module, None where it is installed, Python's own, or not there."""
    top, *rest = name.split(".")
    spec = PathFinder.find_spec(top, [str(Path.cwd()), *_python_path(), *sys.path])
    if spec is None or (spec.origin is None and not spec.submodule_search_locations):
        return None
    if spec.submodule_search_locations:
        file = Path(next(iter(spec.submodule_search_locations)), *rest)
        file = file / "__init__.py" if file.is_dir() else file.with_suffix(".py")
    elif rest:
        return None
    else:
        file = Path(str(spec.origin))
    is_installed = any(file.is_relative_to(folder) for folder in _installed())
    return file if file.suffix == ".py" and file.is_file() and not is_installed else None


def _python_path() -> list[str]:
    """Where the jobs of a study look first: see ``snapshot.hand_down``."""
    return [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]


@cache
def _installed() -> tuple[Path, ...]:
    kinds = ("purelib", "platlib", "stdlib", "platstdlib")
    return (*(Path(sysconfig.get_path(kind)) for kind in kinds), provenance.PACKAGE)


def _imports(module: str, file: Path) -> Iterator[str]:
    """Names of the modules that a file imports, and of the packages that hold it, which Python runs too."""
    yield from (module[:at] for at, letter in enumerate(module) if letter == ".")
    try:
        tree = provenance.meaning(file.read_text(errors="replace"))
    except SyntaxError:
        return
    package = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}".lstrip(".") for alias in node.names)
