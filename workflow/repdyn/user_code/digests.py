"""Digest the code that a study names by import path, so that editing one's own model reruns its training.

The digest covers the meaning (``meaning``) of the module and of every module of the user's that it imports, directly or
not. Nothing is imported to read it. It covers whole modules, since user code may find its parts in ways that syntax
does not show. It excludes installed packages and Python's own modules, as a stage's digest excludes torch and timm:
their versions are recorded but decide no rerun (``locate.py`` tells them apart).
"""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import metadata

from ..errors import RepdynError
from ..meaning import scopes, wording
from ..meaning.modules import unfolded
from ..meaning.parsing import deep_recursion, parse
from ..meaning.scopes import Names
from ..meaning.syntax import Writer
from ..meaning.tokens import plain
from . import locate
from .locate import Found


@cache
def digest(path: str, folders: tuple[str, ...] = ()) -> str:
    """Digest the meaning of an import path's module and of the user's modules that it imports: 16 hexadecimal digits.

    Args:
        path: ``module:name``.
        folders: the study's own folders of modules, besides the working directory.

    Raises:
        RepdynError: as :func:`refuse_what_stands_behind`.
    """
    refuse_what_stands_behind(path, folders)
    hashed = hashlib.sha256()
    for name, found in sorted(_reachable(path, folders).items()):
        if found.whose == "user's":
            hashed.update(f"{name}\n{_meaning(found)}\n".encode())
    return hashed.hexdigest()[:16]


def versions(path: str, folders: tuple[str, ...] = ()) -> dict[str, str]:
    """The versions of the installed packages that an import path leads to or that the user's code there imports."""
    tops = {name.partition(".")[0] for name, found in _reachable(path, folders).items() if found.whose == "installed"}
    found: dict[str, str] = {}
    named = _distributions() if tops else {}
    for distribution in sorted(each for top in tops for each in named.get(top, [])):
        with suppress(metadata.PackageNotFoundError):  # an incomplete installation
            found[distribution] = metadata.version(distribution)
    return found


@cache
def _distributions() -> Mapping[str, list[str]]:
    """Import name -> the distributions that it comes from. To list them takes half a second."""
    return metadata.packages_distributions()


def refuse_what_stands_behind(path: str, folders: tuple[str, ...] = ()) -> None:
    """Raise a RepdynError if a module of the user's has a name by which Python imports another module.

    The module of the import path may not be called like one of Python's own, either; those that it imports may, since
    such an import clearly means Python's.
    """
    own, named = locate.own_folders(folders), path.partition(":")[0].partition(".")[0]
    reached = _reachable(path, folders)
    for top in sorted({name.partition(".")[0] for name in reached}):
        found = reached.get(top)
        if found is None or found.whose == "user's" or (found.whose == "Python's" and top != named):
            continue
        if (file := locate.stands_behind(top, own)) is not None:
            what = "a module of Python's own" if found.whose == "Python's" else f"the installed `{found.file}`"
            raise RepdynError(
                f"`{path}`: `{file}` is called like {what}, which `import {top}` gives instead; rename it."
            )


def _reachable(path: str, folders: tuple[str, ...]) -> dict[str, Found]:
    """Full name -> module, of an import path and all its imports; of packages not the user's only the top module."""
    own = locate.own_folders(folders)
    found: dict[str, Found] = {}
    waiting, asked = [path.partition(":")[0]], {""}
    while waiting:
        name = waiting.pop()
        top = name.partition(".")[0]
        if name in asked or top == "repdyn":
            continue
        if top not in asked and top != name:  # the top module first: it tells whose package it is
            waiting.extend([name, top])
            continue
        asked.add(name)
        if top in found and not found[top].is_followed:
            continue
        there = locate.find(name, own)
        if there is not None:
            found[name] = there
            waiting.extend(_imports(there))
            # Python also runs the packages that contain a module.
            waiting.extend(name[:at] for at, letter in enumerate(name) if letter == ".")
    return found


def _imports(found: Found) -> tuple[str, ...]:
    if found.content is None or not found.is_source:
        return ()
    return _imported(found.content, found.package)


@cache
def _imported(source: bytes, package: str) -> tuple[str, ...]:
    """Full names of a module's imports, including names imported from a package, which may be modules."""
    try:
        waiting: list[ast.AST] = [*parse(source).body]
    except SyntaxError:
        return ()
    names: list[str] = []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            names.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = scopes.origin(node, package)
            names.extend([base, *(f"{base}.{alias.name}" for alias in node.names)])
        elif isinstance(node, ast.If) and wording.is_for_type_checkers(node):
            waiting.extend(node.orelse)
        else:
            waiting.extend(scopes.children(node))
    return tuple(dict.fromkeys(names))


def _meaning(found: Found) -> str:
    """The meaning of a module of the user's; a digest of its content if it is not Python source."""
    content = found.content or b""
    if found.is_source:
        try:
            return _normalised(content, found.name, found.package)
        except SyntaxError:
            content = b"\n".join(content.splitlines())
    return hashlib.sha256(content).hexdigest()


@cache
def _normalised(source: bytes, name: str, package: str) -> str:
    body, typing = unfolded(parse(source).body, package)
    body = [statement for statement in body if not wording.is_for_the_command_line(statement)]
    names = Names(name, package, None, scopes.of_statements(body, package), typing)
    writer = Writer(names)
    for statement in body:
        bases = [writer.path(base) or "" for base in statement.bases] if isinstance(statement, ast.ClassDef) else []
        if any(wording.is_exception(base) or base in names.exceptions for base in bases):
            names.exceptions.add(f"{name}.{statement.name}")  # type: ignore[attr-defined]
    for bound, value in names.scope.made_by.items():
        if isinstance(value, ast.Call) and writer.path(value.func) == "logging.getLogger":
            names.loggers.add(f"{name}.{bound}")
    with deep_recursion():
        return "\n".join(plain(writer.statements(body)[0]))
