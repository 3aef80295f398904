import ast

import pytest

from repdyn.meaning import hints
from repdyn.meaning.tokens import Token, plain


def path(node: ast.AST) -> str | None:
    return ast.unparse(node) if isinstance(node, ast.Name | ast.Attribute) else None


def written(node: ast.AST) -> tuple[Token, ...]:
    """Parts that are no types, as their code."""
    return (f"<{ast.unparse(node)}>",)


def of(text: str) -> list[str]:
    return list(plain(hints.tokens(ast.parse(text, mode="eval").body, path, written)))


def test_a_type_is_written_by_what_it_is():
    assert of("int | str") == of("str | 'int' | int") == of("typing.Union[str, int]")
    assert of("int | None") == of("typing.Optional['int']")
    assert of("typing.Literal['int']") != of("typing.Literal[int]")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("typing.List[int]", "list[int]"),
        ("typing.FrozenSet", "frozenset"),
        ("int | (str | None)", "typing.Optional[typing.Union[str, int]]"),
        ("dict[str, int | None]", "typing.Dict[str, None | int]"),
        ("'list[int]'", "list['int']"),
        ("typing.Annotated['int', 3]", "typing.Annotated[int, 3]"),
        ("int | int", "typing.Union[int, 'int']"),
    ],
)
def test_other_ways_to_write_a_type_say_the_same(one, other):
    # A plain name is written as such, one of `typing` as the class that it stands for.
    assert [token.strip("<>=") for token in of(one)] == [token.strip("<>=") for token in of(other)]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("int", "float"),
        ("int", "int | None"),
        ("dict[str, int]", "dict[int, str]"),
        ("typing.Literal['a']", "typing.Literal['b']"),
        ("typing.Annotated[int, 'x']", "typing.Annotated[int, x]"),  # what annotates is a value, not a type
        ("list[int | str]", "list[int] | list[str]"),
        ("list[tuple[int], str]", "list[tuple[int, str]]"),
        ("typing.Sequence[int]", "typing.List[int]"),
    ],
)
def test_other_types_are_told_apart(one, other):
    assert of(one) != of(other)


def test_a_quotation_that_is_no_type_is_kept_as_it_is():
    assert of("'no type at all'") == ["<'no type at all'>"]
