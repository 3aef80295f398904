"""What the meaning of a piece of Python is written in: text, and what is settled when the library is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Reference:
    """A name of the library's own, in full: ``repdyn.storage.tables.write``, or an attribute of such."""

    path: str


@dataclass(frozen=True, slots=True)
class Unordered:
    """Parts whose order and number mean nothing: the members of a union of types."""

    members: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Conditional:
    """Tokens that count or not by what the library's own names turn out to be.

    Attributes:
        kind: ``spoken`` counts unless all of the paths speak to people; ``wording`` unless the path does so or is an
            exception; ``annotation`` where one of the paths is a class that reads its annotations.
        paths: names of the library's own.
        tokens: what may count.
    """

    kind: str
    paths: tuple[str, ...]
    tokens: tuple[Token, ...]


Token = str | Reference | Unordered | Conditional


def plain(tokens: Iterable[Token]) -> Iterator[str]:
    """Tokens as text where no name of theirs is the library's own."""
    for token in tokens:
        if isinstance(token, Unordered):
            yield " ".join(["or", *sorted({" ".join(plain(member)) for member in token.members})])
        else:
            assert isinstance(token, str), token
            yield token


def joined(tokens: Iterable[Token]) -> tuple[Token, ...]:
    """The same tokens, text that stands together put into one."""
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
    """A block, nothing where it is empty; what its arguments are says :meth:`Writer.statements`."""
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
