"""Sentences about a wrong config, of models that are no study's: what each kind of complaint becomes."""

import datetime
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator

from repdyn.config import messages


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid")

    size: int = Field(default=10, ge=4, le=10_000)
    share: float = Field(default=0.5, gt=0.0, lt=1.0, allow_inf_nan=False)
    colour: Literal["red", "blue"] = "red"
    rates: float | dict[str, Annotated[float, Field(gt=0)]] = 1.0

    @field_validator("share")
    @classmethod
    def _not_a_quarter(cls, share: float) -> float:
        if share == 0.25:
            raise ValueError("a quarter is not enough")
        return share


class Other(BaseModel):
    model_config = ConfigDict(extra="forbid")

    length: int


KINDS = Discriminator(lambda entry: "source:other" if "length" in entry else "source:part")


class Whole(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    part: Part = Part()
    parts: dict[str, Part] = {}
    either: Annotated[Annotated[Part, Tag("source:part")] | Annotated[Other, Tag("source:other")], KINDS] = Part()
    words: list[str] = Field(default=[], min_length=1, max_length=3)
    pair: tuple[str, ...] = Field(default=("a", "b"), min_length=2, max_length=2)
    sure: bool = True
    code: str = Field(default="a", pattern="^[a-z]$")


def said(content: dict[Any, Any]) -> str:
    with pytest.raises(ValidationError) as raised:
        Whole.model_validate(content)
    return messages.sentence(raised.value, Whole)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"part": {"size": 3}}, "`part.size` is 3, but must be at least 4."),
        ({"part": {"size": 10**5}}, "`part.size` is 100000, but must be at most 10,000."),
        ({"part": {"size": "big"}}, "`part.size` is 'big', but must be an integer."),
        ({"part": {"size": 1e30}}, "`part.size` is 1e+30, but must be a smaller integer."),
        ({"part": {"share": 0}}, "`part.share` is 0, but must be greater than 0."),
        ({"part": {"share": 1.0}}, "`part.share` is 1.0, but must be less than 1."),
        ({"part": {"share": float("nan")}}, "`part.share` is nan, but must be a finite number."),
        ({"part": {"share": 0.25}}, "`part.share`: a quarter is not enough."),
        ({"part": {"colour": "green"}}, "`part.colour` is 'green', but must be 'red' or 'blue'."),
        # Of a union the key is the setting's, not the setting's and pydantic's name of a member.
        ({"part": {"rates": "fast"}}, "`part.rates` is 'fast', but must be a number."),
        ({"part": {"rates": {"a": -1}}}, "`part.rates.a` is -1, but must be greater than 0."),
        ({"part": {"rates": {1: 1.0}}}, "a key of `part.rates` is 1, but must be text; put it in quotes."),
        ({"part": None}, "`part` is empty; give it settings, or leave it out."),
        ({"part": 3}, "`part` is 3, but must be a section of settings, `key: value`."),
        ({"parts": [1]}, "`parts` is [1], but must be a section of settings, `key: value`."),
        ({"words": "one"}, "`words` is 'one', but must be a list, `[…]`."),
        ({"words": []}, "`words` is [], but must not be empty."),
        ({"words": list("abcd")}, "`words` is ['a', 'b', 'c', 'd'], but must have at most 3 entries."),
        ({"pair": "a"}, "`pair` is 'a', but must be a list, `[…]`."),
        ({"pair": ["a"]}, "`pair` is ['a'], but must have 2 entries or more."),
        ({"pair": ["a", "b", "c"]}, "`pair` is ['a', 'b', 'c'], but must have at most 2 entries."),
        ({"sure": "maybe"}, "`sure` is 'maybe', but must be `true` or `false`."),
        ({"sure": [1]}, "`sure` is [1], but must be `true` or `false`."),
        # Names of one's own that begin, or are, as pydantic calls parts of its own.
        ({"parts": {"function-space": {"size": 3}}}, "`parts.function-space.size` is 3, but must be at least 4."),
        ({"part": {"rates": {"float": -1}}}, "`part.rates.float` is -1, but must be greater than 0."),
        ({"words": ["one", 2]}, "`words.1` is 2, but must be text; put it in quotes."),
        ({"words": [["one"]]}, "`words.0` is ['one'], but must be text."),
        ({"code": "AB"}, "`code`: 'AB' is not allowed; it must match ^[a-z]$."),
        ({"name": None}, "`name` is null, but must be text."),
        ({5: 1}, "a key of the study is 5, but must be text; put it in quotes."),
        # Only settings of the entry's own kind are suggested.
        ({"either": {"length": 1, "sizes": 2}}, "`either.sizes` is not a setting; known there: length."),
        ({"either": {"sizes": 2}}, "`either.sizes` is not a setting; did you mean `size`?"),
        ({"parts": {"mine": {"size": 5, "sise": 2}}}, "`parts.mine.sise` is not a setting; did you mean `size`?"),
        ({"nmae": "a"}, "`nmae` is not a setting; did you mean `name`?"),
        (
            {"part": {"weight": 1}},
            "`part.weight` is not a setting; known there: size, share, colour, rates.",
        ),
    ],
    ids=str,
)
def test_a_complaint_becomes_a_sentence_with_key_value_and_what_is_allowed(
    content: dict[Any, Any], sentence: str
) -> None:
    assert said({"name": "a"} | content) == sentence


def test_what_is_missing_is_named() -> None:
    assert said({}) == "`name` is missing; it has no default."


def test_of_several_complaints_a_key_that_nobody_knows_comes_first_since_it_explains_what_is_missing() -> None:
    assert said({"nmae": "a", "part": {"size": "big"}}) == "`nmae` is not a setting; did you mean `name`?"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1, "1"),
        (1e-3, "0.001"),
        ("1", "'1'"),
        ("two\nlines", r"'two\nlines'"),
        ("a   b", "'a b'"),
        ("größer", "'größer'"),
        ("x" * 58, f"'{'x' * 58}'"),
        (datetime.date(2026, 11, 27), "2026-11-27"),
        ([None, True], "[None, True]"),
    ],
)
def test_a_value_is_shown_as_yaml_or_python_writes_it(value: Any, text: str) -> None:
    assert messages.shown(value) == text


@pytest.mark.parametrize(
    "value", ["x" * 10_000, 10**4000, list(range(1000)), dict.fromkeys(range(99), "x" * 99), [[[[]]]]]
)
def test_a_long_value_is_shown_shortened_with_its_beginning(value: Any) -> None:
    shown = messages.shown(value)
    assert len(shown) < 500 and "\n" not in shown
    assert shown[:2] == ("10" if isinstance(value, int) else repr(value)[:2])


def test_a_list_is_whole_up_to_twenty_and_then_says_how_many_there_are() -> None:
    assert messages.listed([]) == ""
    assert messages.listed(iter("ab")) == "a, b"
    twenty = ", ".join(map(str, range(20)))
    assert messages.listed(range(20)) == twenty
    assert messages.listed(range(1200)) == f"{twenty}, … (1,200 in all)"


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ((), ""),
        (("archs", "vit", 0), "archs.vit.0"),
        ((None, True), "null.true"),
        (("Möbius",), "Möbius"),
        (("a\nb", "\ud800"), r"a\nb.\ud800"),
        (("it's\n",), r"it's\n"),
        (("x" * 200,), "x" * 200),
        (("x" * 201, "y"), "x" * 60 + "….y"),
    ],
)
def test_keys_are_joined_by_dots_and_can_be_printed(keys: tuple[Any, ...], text: str) -> None:
    assert messages.dotted(keys) == text
