"""What made a file: the meaning of the code, the versions beneath it, the settings.

``code_digest`` hashes the normalised syntax of a stage's module and of every repdyn module it imports, directly or
not. Comments, docstrings and formatting are not part of it; neither are imports for type checkers alone. It reads
source text and imports nothing, so Snakemake can afford it for every rule.
"""

from __future__ import annotations

import ast
import hashlib
import platform
from collections.abc import Iterator
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).parent

# Import names of the packages whose versions are worth recording, and what they are called where they are published.
_DISTRIBUTIONS = {
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
def code_digest(module: str) -> str:
    """A digest of what ``repdyn.<module>`` and its repdyn imports mean: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for name in _reachable(module):
        digest.update(f"{name}\n{_normalised(name)}\n".encode())
    return digest.hexdigest()[:16]


def versions(module: str) -> dict[str, str]:
    """Versions of Python and of the packages that ``repdyn.<module>`` and its repdyn imports use."""
    used = {top for name in _reachable(module) for top in _third_party(name)}
    found = {_DISTRIBUTIONS[top]: metadata.version(_DISTRIBUTIONS[top]) for top in sorted(used & set(_DISTRIBUTIONS))}
    return {"python": platform.python_version()} | found


def uses(module: str, other: str) -> bool:
    """Whether ``repdyn.<module>`` imports ``repdyn.<other>``, directly or not."""
    return other in _reachable(module)


def meaning(text: str) -> ast.Module:
    """The syntax of a module without docstrings and what is for type checkers alone.

    Raises:
        SyntaxError: if it is not Python.
    """
    tree: ast.Module = _Meaning().visit(ast.parse(text))
    return tree


@cache
def _tree(module: str) -> ast.Module:
    path = PACKAGE.joinpath(*module.split("."))
    path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return meaning(path.read_text())


class _Meaning(ast.NodeTransformer):
    """Strips docstrings and what stands under ``if TYPE_CHECKING``."""

    def visit(self, node: ast.AST) -> Any:
        node = self.generic_visit(node)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if ast.get_docstring(node, clean=False) is not None:
                node.body = node.body[1:]
            node.body = node.body or [ast.Pass()]
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            return node.orelse or None
        return node


@cache
def _normalised(module: str) -> str:
    return ast.unparse(_tree(module))


@cache
def _reachable(module: str) -> tuple[str, ...]:
    """The module and every repdyn module that it imports, directly or not, sorted."""
    seen: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting.extend(_own_imports(name))
    return tuple(sorted(seen))


def _is_module(name: str) -> bool:
    path = PACKAGE.joinpath(*name.split("."))
    return bool(name) and (path.with_suffix(".py").is_file() or (path / "__init__.py").is_file())


def _own_imports(module: str) -> Iterator[str]:
    """The repdyn modules that a module imports relatively, wherever in it the import stands."""
    parts = module.split(".")
    is_package = (PACKAGE.joinpath(*parts) / "__init__.py").is_file()
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.ImportFrom) and node.level > 0:
            package = parts[: len(parts) - node.level + (1 if is_package else 0)]
            base = ".".join([*package, *(node.module.split(".") if node.module else [])])
            inside = [f"{base}.{alias.name}".lstrip(".") for alias in node.names]
            yield from (name for name in [base, *inside] if _is_module(name))


def _third_party(module: str) -> Iterator[str]:
    for node in ast.walk(_tree(module)):
        if isinstance(node, ast.Import):
            yield from (alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module.split(".")[0]
