"""What a config may consist of, whatever its settings are called."""

import datetime
import functools
import math
from typing import Any

import pytest

from repdyn.config import plain
from repdyn.errors import RepdynError


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1.5, "", "Möbius × ∞ 😀", "a\u00a0b", "x" * plain.LONGEST_TEXT, 2**64 - 1, -(2**64) + 1, 1e308,
        [], {}, (1, 2), [[{"a": [None]}]], {1: 2, None: 3, False: 4, 1.5: 5},
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_text_numbers_truths_lists_and_sections_are_allowed(value: Any) -> None:
    plain.refuse({"key": value})


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (math.nan, "nan, but must be a finite number."),
        (-math.inf, "-inf, but must be a finite number."),
        (2**64, "an integer of 20 digits, but must be a smaller number."),
        (2**66, "an integer of 20 digits, but must be a smaller number."),
        (10**20, "an integer of 21 digits, but must be a smaller number."),
        (-(10**400), "an integer of 401 digits, but must be a smaller number."),
        ("x" * 4097, "a text of 4,097 characters, but must be shorter than 4,096."),
        ("two\nlines", r"'two\nlines', but text here is one line, without control characters."),
        ("a\0b", r"'a\x00b', but text here is one line, without control characters."),
        ("a\x85b", r"'a\x85b', but text here is one line, without control characters."),
        ("a\u2028b", r"'a\u2028b', but text here is one line, without control characters."),
        ("\ud800", r"'\ud800', but text here is one line, without control characters."),
        (
            datetime.date(2026, 11, 27),
            "a date, 2026-11-27, but must be text, a number, a list or a section; put it in quotes.",
        ),
        (b"raw", "b'raw', of YAML's type bytes, but must be text, a number, a list or a section."),
        ({1}, "{1}, of YAML's type set, but must be text, a number, a list or a section."),
    ],
    ids=lambda value: repr(value)[:20],
)
def test_anything_else_is_refused_with_its_key(value: Any, complaint: str) -> None:
    with pytest.raises(RepdynError) as raised:
        plain.refuse({"fine": 1, "section": {"list": [0, value]}})
    assert str(raised.value) == f"`section.list.1` is {complaint}"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ({"a\tb": 1}, r"a key of the study is 'a\tb', but text here is one line, without control characters."),
        ({"section": {10**400: 1}}, "a key of `section` is an integer of 401 digits, but must be a smaller number."),
        ({"a": {"kwargs": {"b": [{2: 1}]}}}, "a key of `a.kwargs.b.0` is 2, but must be text; put it in quotes."),
        ({"kwargs": {True: 1}}, "a key of `kwargs` is true, but must be text; put it in quotes."),
        ({b"raw": 1}, "a key of the study is b'raw', of YAML's type bytes, but must be text, a number, a list or a"),
    ],
)
def test_a_key_is_judged_as_a_value_is_and_arguments_have_keys_of_text(content: Any, complaint: str) -> None:
    with pytest.raises(RepdynError) as raised:
        plain.refuse(content)
    assert str(raised.value).startswith(complaint)


def test_of_several_faults_the_first_in_the_config_is_named() -> None:
    with pytest.raises(RepdynError, match=r"^`b.1` is nan"):
        plain.refuse({"a": 1, "b": [0, math.nan, b"raw"], "c": math.inf})


def test_the_number_of_values_is_bounded_and_repetitions_count() -> None:
    plain.refuse({"list": [0] * (plain.MOST_VALUES - 2)})  # with the list and the whole
    with pytest.raises(RepdynError, match=r"^it has more than 50,000 values, repetitions by anchors counted"):
        plain.refuse({"list": [0] * (plain.MOST_VALUES - 1)})
    with pytest.raises(RepdynError, match="more than 50,000 values"):
        plain.refuse({"list": [["anchor"] * 1000] * 50})


def test_the_depth_is_bounded_and_a_section_in_itself_is_found() -> None:
    def nested(levels: int) -> Any:
        innermost: Any = 1
        return functools.reduce(lambda inner, _: [inner], range(levels), innermost)

    plain.refuse({"a": nested(plain.DEEPEST - 1)})
    with pytest.raises(RepdynError, match=r"^`a.0.0` nests sections deeper than 20, or contains itself\.$"):
        plain.refuse({"a": nested(plain.DEEPEST)})
    endless: dict[str, Any] = {}
    endless["me"] = endless
    with pytest.raises(RepdynError, match=r"^`me.me.me` nests sections deeper than 20, or contains itself\.$"):
        plain.refuse(endless)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1e-3", 0.001), ("-1E+3", -1000.0), ("+.5e2", 50.0), ("2.e1", 20.0), ("0e0", 0.0)],
)
def test_an_exponent_that_yaml_takes_for_text_is_a_number(text: str, value: float) -> None:
    found = plain.number(text)
    assert found == value and isinstance(found, float)


@pytest.mark.parametrize(
    "value", ["1", "1.5", "1e", "e5", "1e400", "1e-3-adam", " 1e3", "1e3\n", "nan", "inf", "0x1e3", "", None, True, 7]
)
def test_anything_else_stays_what_it_is(value: Any) -> None:
    assert plain.number(value) is value


def test_numbers_are_read_at_any_depth_and_the_original_is_left_alone() -> None:
    content = {"eps": ["1e-8", {"1e2": "1e2"}], "pair": ("1e1", "text")}
    assert plain.numbers(content) == {"eps": [1e-8, {"1e2": 100.0}], "pair": [10.0, "text"]}
    assert content["eps"][0] == "1e-8"
