"""A class without the methods that one of its methods does not use.

Who takes a function of a class, as ``Paths.history``, depends on that function, on the class's fields, and on the
methods that it calls on its first argument. A method beside them changes nothing for it. This holds for classes whose
syntax shows all of that: without bases, whose methods could call any other, and with no statement in their body but
fields and methods.
"""

from __future__ import annotations

import ast
import copy

from . import scopes


def alone(node: ast.ClassDef, method: str) -> ast.ClassDef | None:
    """The class with its fields, a method, and the methods that these use.

    Methods with a decorator, and those that Python calls by itself (``__eq__``), stay, whatever uses them.

    Args:
        node: the class. It is for the caller to know that its decorators read its fields alone, as ``dataclass`` does.
        method: its name.

    Returns:
        The class; None if it has no such method, if this one has a decorator or is called by Python, or if the syntax
        does not show what it uses.
    """
    if node.bases or node.keywords or not all(map(_is_plain, node.body)):
        return None
    functions = [part for part in node.body if isinstance(part, scopes.Function)]
    removable = {function.name: function for function in functions if _is_removable(function)}
    read_by_fields = scopes.loads(*(part for part in node.body if part not in functions))
    is_rebound = len({function.name for function in functions}) < len(functions)
    if method not in removable or is_rebound or removable.keys() & read_by_fields:
        return None
    kept, waiting = set[str](), [removable[method], *(f for f in functions if f.name not in removable)]
    while waiting:
        function = waiting.pop()
        kept.add(function.name)
        used = _used(function)
        if used is None:
            return None
        waiting.extend(removable[name] for name in used & removable.keys() - kept)
    narrowed = copy.copy(node)
    narrowed.body = [part for part in node.body if not isinstance(part, scopes.Function) or part.name in kept]
    return narrowed


def _is_plain(statement: ast.stmt) -> bool:
    """Whether a statement of a class's body is a method, a field with its type, or a docstring."""
    is_text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
    return is_text or isinstance(statement, scopes.Function | ast.AnnAssign)


def _is_removable(function: scopes.Function) -> bool:
    return not function.decorator_list and not (function.name.startswith("__") and function.name.endswith("__"))


def _used(function: scopes.Function) -> set[str] | None:
    """The attributes that a method takes of its first argument; None where it does anything else with it."""
    first = next(scopes.arguments_of(function.args), None)

    def is_first(node: ast.AST) -> bool:
        return first is not None and isinstance(node, ast.Name) and node.id == first.arg

    nodes = list(scopes.walk(function))
    taken = [node.attr for node in nodes if isinstance(node, ast.Attribute) and is_first(node.value)]
    return set(taken) if len(taken) == sum(map(is_first, nodes)) else None
