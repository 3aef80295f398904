"""Resolve the names in a piece of Python by its scoping rules, from syntax alone.

A name bound by an import resolves to the full dotted name of what is imported. So aliases, ``from a import b`` instead
of ``import a``, and relative instead of absolute imports make no difference.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Function = ast.FunctionDef | ast.AsyncFunctionDef
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)
_SCOPES = frozenset({*_FUNCTIONS, ast.ClassDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp})
_BINDING = frozenset(
    {
        *(*_FUNCTIONS, ast.ClassDef, ast.Import, ast.ImportFrom, ast.Global, ast.Nonlocal, ast.Assign, ast.withitem),
        *(ast.ExceptHandler, ast.MatchAs, ast.MatchStar, ast.MatchMapping),
    }
)
_PLAIN = frozenset({ast.Constant, ast.Load, ast.Store, ast.Del, ast.Pass})


@dataclass
class Scope:
    """The names that a function, a class, a lambda or a comprehension binds.

    Attributes:
        is_class: whether it is a class, whose names are not visible in the functions within.
        names: names bound otherwise than by imports alone.
        imports: name -> import, for names that only imports bind, all to the same.
        elsewhere: names declared ``global`` or ``nonlocal``.
        made_by: name -> the expression assigned to it, or entered by ``with``, where it is bound once.
        root: the root of its syntax.
    """

    is_class: bool = False
    names: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    elsewhere: set[str] = field(default_factory=set)
    made_by: dict[str, ast.expr] = field(default_factory=dict)
    root: ast.AST | None = None
    _loads: Counter[str] | None = None

    @property
    def loads(self) -> Counter[str]:
        """How often each name is read, including in functions within."""
        if self._loads is None:
            self._loads = Counter() if self.root is None else loads(self.root)
        return self._loads


def children(node: ast.AST) -> Iterator[ast.AST]:
    """The nodes directly within a node; ``ast.iter_child_nodes`` takes twice as long."""
    for value in vars(node).values():
        if isinstance(value, ast.AST):
            yield value
        elif type(value) is list:
            for part in value:
                if isinstance(part, ast.AST):
                    yield part


def walk(node: ast.AST) -> Iterator[ast.AST]:
    """A node and all nodes within it, in no order."""
    waiting = [node]
    while waiting:
        inner = waiting.pop()
        yield inner
        if type(inner) not in _PLAIN:
            waiting.extend(children(inner))


def loads(*nodes: ast.AST) -> Counter[str]:
    """How often each name is read in some nodes."""
    found = (node for root in nodes for node in walk(root))
    return Counter(node.id for node in found if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))


def imported(node: ast.Import | ast.ImportFrom, package: str) -> dict[str, str]:
    """Name -> full dotted name, for the names that an import binds.

    Args:
        node: the import.
        package: the package that relative imports start from.
    """
    if isinstance(node, ast.Import):
        # `import a.b` binds `a`.
        return {
            a.asname or a.name.partition(".")[0]: a.name if a.asname else a.name.partition(".")[0] for a in node.names
        }
    if node.module == "__future__":
        return {}
    base = origin(node, package)
    return {alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names}


def origin(node: ast.ImportFrom, package: str) -> str:
    """The full dotted name of the module that ``from … import`` imports from."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")
    return ".".join([*parts[: len(parts) - node.level + 1], *([node.module] if node.module else [])])


def arguments_of(arguments: ast.arguments) -> Iterator[ast.arg]:
    """All arguments, in the order of the signature."""
    yield from arguments.posonlyargs
    yield from arguments.args
    if arguments.vararg:
        yield arguments.vararg
    yield from arguments.kwonlyargs
    if arguments.kwarg:
        yield arguments.kwarg


def of_function(node: Function | ast.Lambda, package: str) -> Scope:
    """The scope of a function's body."""
    body: list[ast.AST] = [node.body] if isinstance(node, ast.Lambda) else [*node.body]
    return _scope(body, package, node, {argument.arg for argument in arguments_of(node.args)})


def of_class(node: ast.ClassDef, package: str) -> Scope:
    """The scope of a class's body."""
    scope = _scope(node.body, package, node, set())
    scope.is_class = True
    return scope


def of_comprehension(node: Comprehension) -> Scope:
    """The scope of a comprehension: what its loops bind."""
    stored = (name for generator in node.generators for name in walk(generator.target))
    return Scope(names={name.id for name in stored if isinstance(name, ast.Name)})


def of_statements(body: Iterable[ast.stmt], package: str) -> Scope:
    """What statements bind where they stand."""
    return _scope(body, package, None, set())


def _scope(body: Iterable[ast.AST], package: str, root: ast.AST | None, arguments: set[str]) -> Scope:
    scope = Scope(root=root)
    bound: Counter[str] = Counter(arguments)
    targets: dict[str, set[str]] = {}
    stack = [*body]
    while stack:
        node = stack.pop()
        kind = type(node)
        if kind in _PLAIN:
            continue
        if kind is ast.Name:
            if not isinstance(node.ctx, ast.Load):  # type: ignore[attr-defined]
                bound[node.id] += 1  # type: ignore[attr-defined]
            continue
        if kind in _BINDING:
            bound.update(_bound_by(node))
            if isinstance(node, ast.Global | ast.Nonlocal):
                scope.elsewhere.update(node.names)
            elif isinstance(node, ast.Import | ast.ImportFrom):
                for name, target in imported(node, package).items():
                    targets.setdefault(name, set()).add(target)
            elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
                scope.made_by[node.targets[0].id] = node.value
            elif isinstance(node, ast.withitem) and isinstance(node.optional_vars, ast.Name):
                scope.made_by[node.optional_vars.id] = node.context_expr
        stack.extend(_same_scope(node) if kind in _SCOPES else children(node))
    scope.imports = {name: next(iter(to)) for name, to in targets.items() if len(to) == 1 and name not in bound}
    scope.names = ({*bound, *targets}) - scope.imports.keys() - scope.elsewhere
    scope.made_by = {name: value for name, value in scope.made_by.items() if bound[name] == 1}
    return scope


def _bound_by(node: ast.AST) -> list[str]:
    """The names that a node binds, except by import or assignment."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar):
        return [node.name] if node.name else []
    if isinstance(node, ast.MatchMapping):
        return [node.rest] if node.rest else []
    return []


def _same_scope(node: ast.AST) -> Iterable[ast.AST]:
    """The children of a node with a scope of its own that bind names where the node stands."""
    if isinstance(node, _FUNCTIONS):
        defaults = (default for default in node.args.kw_defaults if default is not None)
        return (*node.decorator_list, *node.args.defaults, *defaults)
    if isinstance(node, ast.ClassDef):
        return (*node.decorator_list, *node.bases, *node.keywords)
    if isinstance(node, ast.Lambda):
        return ()
    # Of a comprehension: `:=` binds outside of it, its loops inside.
    return [inner.target for inner in walk(node) if isinstance(inner, ast.NamedExpr)]


@dataclass
class Names:
    """Resolves the names of a module.

    Attributes:
        module: its full dotted name.
        package: where its relative imports start from.
        library: the package whose definitions become references; None for none.
        scope: the names bound by the module's statements.
        typing: its imports only for type checkers.
        exceptions: names of the module's own exceptions, if they are not references.
        loggers: the same for its loggers.
    """

    module: str
    package: str
    library: str | None
    scope: Scope
    typing: dict[str, str] = field(default_factory=dict)
    exceptions: set[str] = field(default_factory=set)
    loggers: set[str] = field(default_factory=set)

    def is_own(self, path: str) -> bool:
        """Whether a full dotted name is one of the library's."""
        return self.library is not None and f"{path}.".startswith(f"{self.library}.")

    def full(self, name: str) -> str:
        """Resolve a name that no function or class binds; a builtin gives the name itself."""
        if name in self.scope.imports:
            return self.scope.imports[name]
        if name in self.scope.names:
            return f"{self.module}.{name}"
        return self.typing.get(name, name)
