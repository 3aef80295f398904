"""Recognise the parts of a program that are only words for people, for ``syntax.py``.

The text given to a log line or an exception counts as words, with everything formatted into it, which is assumed to
have no side effects. An expression with ``:=``, ``await`` or ``yield`` has one and does not count as words.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

from . import scopes
from .scopes import Scope

LOGGING = frozenset({"debug", "info", "warning", "error", "exception", "critical", "log"})
_EXCEPTIONS = ("Error", "Exception", "Warning", "Interrupt", "Exit", "Iteration")
_IMPURE = frozenset({ast.NamedExpr, ast.Await, ast.Yield, ast.YieldFrom})


def is_impure(node: ast.AST) -> bool:
    """Whether an expression certainly does more than give a value."""
    return any(type(inner) in _IMPURE for inner in scopes.walk(node))


def is_for_type_checkers(node: ast.AST) -> bool:
    """Whether a statement is ``if TYPE_CHECKING``."""
    if not isinstance(node, ast.If):
        return False
    test = node.test
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else None
    return name == "TYPE_CHECKING"


def is_for_the_command_line(statement: ast.AST) -> bool:
    """Whether a statement is ``if __name__ == "__main__"``, which no import runs."""
    test = statement.test if isinstance(statement, ast.If) else None
    return isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id == "__name__"


def is_exception(path: str) -> bool:
    """Whether a name outside the library is that of an exception, by naming convention."""
    return path.endswith(_EXCEPTIONS)


def speaks(path: str, call: ast.Call) -> bool:
    """Whether a statement with this call, of a name outside the library, only reports something."""
    if path == "print":  # to a file it writes data
        streams = [keyword.value for keyword in call.keywords if keyword.arg == "file"]
        return all(isinstance(stream, ast.Attribute) and stream.attr in ("stderr", "stdout") for stream in streams)
    owner, _, method = path.rpartition(".")
    return path == "warnings.warn" or (owner in ("logging", "logging.getLogger") and method in LOGGING)


def is_text(node: ast.AST, texts: set[str] | frozenset[str] = frozenset()) -> bool:
    """Whether an expression is certainly text: literal, formatted, concatenated, or one of the variables ``texts``."""
    if isinstance(node, ast.Constant):
        return isinstance(node.value, str)
    if isinstance(node, ast.Name):
        return node.id in texts
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add | ast.Mod) and (is_text(node.left, texts) or is_text(node.right, texts))
    if isinstance(node, ast.IfExp):
        return is_text(node.body, texts) and is_text(node.orelse, texts)
    if isinstance(node, ast.Call):
        return isinstance(node.func, ast.Attribute) and is_text(node.func.value, texts)
    return isinstance(node, ast.JoinedStr)


def without(body: Sequence[ast.stmt], scope: Scope | None) -> tuple[Sequence[ast.stmt], set[str]]:
    """Drop from a function's block the variables that only serve the words of what it raises at its end.

    Returns:
        The remaining statements, and the variables that are text within what is raised.
    """
    end = body[-1] if body else None
    if not isinstance(end, ast.Raise) or not isinstance(end.exc, ast.Call) or scope is None or scope.is_class:
        return body, set()
    here = scopes.loads(*body)
    passing = {name for name, times in here.items() if name in scope.names and times == scope.loads[name]}
    assignments = [statement for statement in body[:-1] if isinstance(statement, ast.Assign)]
    values = {name: each.value for each in assignments for name in _assigned(each) if name in passing}
    texts = {name for name, value in values.items() if is_text(value)}
    arguments = [*end.exc.args, *(keyword.value for keyword in end.exc.keywords)]
    data = [end.exc.func, *(node for node in arguments if not is_text(node, texts)), *filter(None, [end.cause])]
    dropped = [
        each for each in assignments
        if (names := _assigned(each)) and passing.issuperset(names) and not is_impure(each)
    ]  # fmt: skip
    while True:
        # Wherever it is read, before it or after: a function may read it when it is called, a loop the next time round.
        others = (statement for statement in body[:-1] if statement not in dropped)
        needed = scopes.loads(*data, *others).keys()
        left = [each for each in dropped if needed.isdisjoint(_assigned(each))]
        if len(left) == len(dropped):
            return [statement for statement in body if statement not in dropped], texts
        dropped = left


def _assigned(statement: ast.stmt) -> list[str]:
    """The variables that a plain assignment binds; none if it binds anything else."""
    if not isinstance(statement, ast.Assign):
        return []
    parts = [part for target in statement.targets for part in getattr(target, "elts", [target])]
    names = [part.id for part in parts if isinstance(part, ast.Name)]
    return names if len(names) == len(parts) else []
