"""Annotations that running code reads, as tokens that depend only on the type.

The members of a union may be in any order, ``Optional[X]`` equals ``X | None``, ``List`` equals ``list``, and a quoted
type equals the unquoted one.
"""

from __future__ import annotations

import ast
from collections.abc import Callable

from .tokens import Token, Unordered

# Bases of classes, and decorators of functions and classes, that read annotations.
MODELS = ("pydantic.", "typing.NamedTuple", "typing.TypedDict", "typing_extensions.", "msgspec.")
READERS = ("pydantic.", "torch.jit.", "attr.", "attrs.", "beartype.", "jaxtyping.")
# Markers written like a field's type, which change how `dataclass` treats the field.
MARKS = frozenset({"typing.ClassVar", "dataclasses.InitVar", "dataclasses.KW_ONLY"})
_IN_LOWER_CASE = frozenset(f"typing.{name}" for name in ("List", "Dict", "Set", "FrozenSet", "Tuple", "Type"))
Path = Callable[[ast.AST], str | None]


def tokens(node: ast.expr, path: Path, written: Callable[[ast.AST], tuple[Token, ...]]) -> tuple[Token, ...]:
    """The tokens of a type.

    Args:
        node: the annotation.
        path: resolves a name.
        written: writes parts that are not types, such as the values of ``Literal``.
    """
    members = _members(node, path)
    if len(members) > 1:
        return (Unordered(tuple(tokens(member, path, written) for member in members)),)
    node = members[0]
    if isinstance(node, ast.Subscript):
        head = path(node.value)
        parts = _parts(node)
        is_type = [head != "typing.Literal" and not (head == "typing.Annotated" and i) for i in range(len(parts))]
        inner = [tokens(p, path, written) if t else written(p) for p, t in zip(parts, is_type, strict=True)]
        return ("(of", *tokens(node.value, path, written), *(token for each in inner for token in each), ")")
    name = path(node)
    return (f"={name.removeprefix('typing.').lower()}",) if name in _IN_LOWER_CASE else written(node)


def _members(node: ast.expr, path: Path) -> list[ast.expr]:
    """The members of a union; of any other type, only itself."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        try:
            return _members(ast.parse(node.value, mode="eval").body, path)
        except SyntaxError:
            return [node]
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        return [*_members(node.left, path), *_members(node.right, path)]
    if isinstance(node, ast.Subscript) and (head := path(node.value)) in ("typing.Union", "typing.Optional"):
        members = [member for part in _parts(node) for member in _members(part, path)]
        return [*members, ast.Constant(None)] if head == "typing.Optional" else members
    return [node]


def _parts(node: ast.Subscript) -> list[ast.expr]:
    return node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
