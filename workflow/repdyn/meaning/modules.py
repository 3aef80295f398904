"""The definitions of a module: what binds each of its names, and what else it does on import."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from . import methods, scopes, wording
from .parsing import deep_recursion, parse
from .scopes import Names
from .syntax import Writer
from .tokens import Token, joined

EFFECTS = "!"
# What binds a name: a statement of a module, or the value of a plain assignment.
Binding = ast.stmt | ast.expr


@dataclass(frozen=True)
class Definition:
    """What binds a name.

    Attributes:
        tokens: what it means.
        packages: top-level names of third parties in it.
        bases: of a class, the full names of what it inherits from.
        is_logger: whether it is a logger of Python's.
    """

    tokens: tuple[Token, ...] = ()
    packages: frozenset[str] = frozenset()
    bases: tuple[str, ...] = ()
    is_logger: bool = False

    def __add__(self, other: Definition) -> Definition:
        """A definition that binds the name first, then again."""
        tokens, packages = self.tokens + other.tokens, self.packages | other.packages
        return Definition(tokens, packages, self.bases + other.bases, self.is_logger or other.is_logger)


class Module:
    """A module: the definitions of its names, written on demand, and its import effects, as ``EFFECTS``.

    A method that is taken of a class is a definition of its own, ``Class.method``: see ``methods``.

    Attributes:
        imports: name -> what is imported, in full.
        packages: top-level names of third parties among these.
    """

    def __init__(self, body: Sequence[ast.stmt], names: Names) -> None:
        self.imports = names.scope.imports
        self.packages = {path.partition(".")[0] for path in self.imports.values() if not names.is_own(path)}
        self._names = names
        self._bindings: dict[str, list[Binding]] = {}
        self._methods: dict[str, ast.ClassDef | None] = {}
        self._definitions: dict[str, Definition] = {}
        for statement in body:
            for name, binding in _bindings(statement, names.package):
                self._bindings.setdefault(name, []).append(binding)

    def __contains__(self, name: str) -> bool:
        return name in self._bindings

    def method(self, name: str, attribute: str) -> str | None:
        """The name of the definition that a method is by itself; None if what it uses is not to be seen."""
        full = f"{name}.{attribute}"
        if full not in self._methods:
            node = self._bindings[name][0] if len(self._bindings[name]) == 1 else None
            self._methods[full] = (
                methods.alone(node, attribute) if isinstance(node, ast.ClassDef) and self._is_bare(node) else None
            )
        return None if self._methods[full] is None else full

    def _is_bare(self, node: ast.ClassDef) -> bool:
        """Whether a class has no decorator but ``dataclass``."""
        writer = Writer(self._names)
        called = (each.func if isinstance(each, ast.Call) else each for each in node.decorator_list)
        return all(writer.path(each) == "dataclasses.dataclass" for each in called)

    def __iter__(self) -> Iterator[str]:
        return iter(self._bindings)

    def __getitem__(self, name: str) -> Definition:
        if name not in self._definitions:
            with deep_recursion():
                method = self._methods.get(name)
                bindings = self._bindings[name] if method is None else [method]
                parts = [_definition(binding, name, self._names) for binding in bindings]
            self._definitions[name] = sum(parts[1:], start=parts[0])
        return self._definitions[name]


@cache
def read(source: bytes, name: str, package: str, library: str) -> Module:
    """Read the definitions of a module.

    Args:
        source: its file's bytes.
        name: its full name.
        package: where its relative imports start from.
        library: the package that it belongs to.

    Raises:
        ValueError: if it imports all names of another module, which cannot be told from its own.
    """
    body, typing = unfolded(parse(source).body, package)
    scope = scopes.of_statements(body, package)
    if "*" in scope.imports:
        raise ValueError(f"`{name}` imports * from another module; its code digest needs the names.")
    return Module(body, Names(name, package, library, scope, typing))


def unfolded(body: Sequence[ast.stmt], package: str) -> tuple[list[ast.stmt], dict[str, str]]:
    """The statements of a module that run, and name -> import of those only for type checkers."""
    running, typing = list[ast.stmt](), dict[str, str]()
    for statement in body:
        if isinstance(statement, ast.If) and wording.is_for_type_checkers(statement):
            typing |= scopes.of_statements(statement.body, package).imports
            running.extend(unfolded(statement.orelse, package)[0])
        else:
            running.append(statement)
    return running, typing


def _bindings(statement: ast.stmt, package: str) -> Iterator[tuple[str, Binding]]:
    """The names that a statement binds, except by importing, and ``EFFECTS`` where it does more than that."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name, statement
    elif (values := _assigned(statement)) is not None:
        yield from values
    elif not (isinstance(statement, ast.Import | ast.ImportFrom) or wording.is_for_the_command_line(statement)):
        for name in sorted(scopes.of_statements([statement], package).names):
            yield name, statement
        if not _only_binds(statement):
            yield EFFECTS, statement


def _definition(binding: Binding, name: str, names: Names) -> Definition:
    writer = Writer(names)
    bases: tuple[str, ...] = ()
    is_logger = False
    if isinstance(binding, ast.FunctionDef | ast.AsyncFunctionDef):
        tokens = writer.written(writer.function, binding, "")
    elif isinstance(binding, ast.ClassDef):
        tokens = writer.written(writer.class_, binding, "")
        bases = tuple(path for base in binding.bases if (path := writer.path(base)) is not None)
    else:
        tokens = writer.written(writer.node, binding)
        if isinstance(binding, ast.expr):
            is_logger = isinstance(binding, ast.Call) and writer.path(binding.func) == "logging.getLogger"
        elif name != EFFECTS:
            tokens += (f"binds {name}",)
    return Definition(joined(tokens), frozenset(writer.packages), bases, is_logger)


def _assigned(statement: ast.stmt) -> list[tuple[str, ast.expr]] | None:
    """Names and values of a plain assignment; None for any other statement."""
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return [] if statement.value is None else [(statement.target.id, statement.value)]
    if not isinstance(statement, ast.Assign):
        return None
    pairs = [pair for target in statement.targets for pair in _paired(target, statement.value)]
    return [(t.id, v) for t, v in pairs if isinstance(t, ast.Name)] if all(_is_name(t) for t, _ in pairs) else None


def _only_binds(statement: ast.stmt) -> bool:
    if not isinstance(statement, ast.Assign | ast.AugAssign):
        return False
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    places = (ast.Attribute, ast.Subscript)
    return not any(isinstance(node, places) for target in targets for node in ast.walk(target))


def _is_name(node: ast.expr) -> bool:
    return isinstance(node, ast.Name)


def _paired(target: ast.expr, value: ast.expr) -> Iterator[tuple[ast.expr, ast.expr]]:
    if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple) and len(target.elts) == len(value.elts):
        yield from zip(target.elts, value.elts, strict=True)
    else:
        yield target, value
