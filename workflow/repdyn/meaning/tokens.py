"""The tokens of meaning: text, and parts that are resolved once the library is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reference:
    """The full name of a library's definition, such as ``repdyn.storage.tables.write``, or of an attribute of one."""

    path: str


@dataclass(frozen=True, slots=True)
class Unordered:
    """Parts whose order and number do not matter: the members of a union of types."""

    members: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """Tokens that count depending on what names of the library resolve to.

    Attributes:
        kind: ``spoken`` counts unless all paths speak to people; ``wording`` counts unless the path speaks or is an
            exception; ``annotation`` counts if one of the paths is a class that reads its annotations.
        paths: full names of the library's definitions.
        tokens: the conditional tokens.
    """

    kind: str
    paths: tuple[str, ...]
    tokens: tuple[Token, ...]


Token = str | Reference | Unordered | Conditional


def plain(tokens: Iterable[Token]) -> Iterator[str]:
    """Tokens as text, if none of their names is the library's."""
    for token in tokens:
        if isinstance(token, Unordered):
            yield " ".join(["or", *sorted({" ".join(plain(member)) for member in token.members})])
        else:
            assert isinstance(token, str), token
            yield token


def joined(tokens: Iterable[Token]) -> tuple[Token, ...]:
    """The same tokens, with adjacent text joined."""
    found: list[Token] = []
    text: list[str] = []
    for token in tokens:
        if isinstance(token, str):
            text.append(token)
            continue
        if text:
            found.append("\n".join(text))
            text = []
        inner = joined(token.tokens) if isinstance(token, Conditional) else ()
        found.append(Conditional(token.kind, token.paths, inner) if isinstance(token, Conditional) else token)
    return (*found, "\n".join(text)) if text else tuple(found)


def braced(name: str, tokens: tuple[Token, ...], speakers: set[str] | None) -> tuple[Token, ...]:
    """A block, or nothing if it is empty; arguments as :meth:`Writer.statements` returns them."""
    if not tokens:
        return ()
    whole: tuple[Token, ...] = (name, "{", *tokens, "}")
    return whole if speakers is None else (Conditional("spoken", tuple(sorted(speakers)), whole),)


def constant(value: object) -> str:
    """A constant, the same in every version of Python."""
    if isinstance(value, str):
        return ascii(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value)
    return f"{type(value).__name__} {value!r}"
