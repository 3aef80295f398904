import enum

import pytest

from repdyn.meaning import tokens
from repdyn.meaning.tokens import Conditional, Reference, Unordered


def test_members_of_a_union_are_written_in_one_order_and_once():
    members = ("b", "x"), ("a",), ("b", "x")
    assert list(tokens.plain(["(of", Unordered(members), ")"])) == ["(of", "or a b x", ")"]
    nested = Unordered((("z",), (Unordered((("d",), ("c",))),)))
    assert list(tokens.plain([nested])) == ["or or c d z"]


def test_text_that_adjoins_is_one_token_and_no_other_is_touched():
    reference, union = Reference("lib.a"), Unordered((("b",),))
    inner = Conditional("spoken", ("lib.f",), ("c", "d", reference, "e"))
    found = tokens.joined(["a", "b", reference, union, "x", inner, "y", "z"])
    expected = Conditional("spoken", ("lib.f",), ("c\nd", reference, "e"))
    assert found == ("a\nb", reference, union, "x", expected, "y\nz")
    assert tokens.joined(found) == found
    assert tokens.joined([]) == ()


def test_joining_tells_tokens_apart_that_only_run_together_the_same():
    assert tokens.joined(["ab", "c"]) != tokens.joined(["a", "bc"])


def test_a_block_has_no_meaning_where_it_is_empty_or_all_that_it_names_speaks():
    assert tokens.braced("body", (), set()) == ()
    assert tokens.braced("body", ("a",), None) == ("body", "{", "a", "}")
    (found,) = tokens.braced("body", ("a",), {"lib.z", "lib.b"})
    assert found == Conditional("spoken", ("lib.b", "lib.z"), ("body", "{", "a", "}"))


class Level(enum.IntEnum):
    """A whole number whose `repr` is another in later versions of Python."""

    HIGH = 255


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("é\U0001fae8\ud800\n", r"'\xe9\U0001fae8\ud800\n'"),
        (255, "0xff"),
        (-1, "-0x1"),
        (Level.HIGH, "0xff"),
        pytest.param(10**5000, hex(10**5000), id="beyond what `str` writes"),
        (True, "bool True"),
        (1.0, "float 1.0"),
        (-0.0, "float -0.0"),
        (1j, "complex 1j"),
        (b"\xff", r"bytes b'\xff'"),
        (None, "NoneType None"),
        (..., "ellipsis Ellipsis"),
    ],
)
def test_constants_are_written_by_type_and_value(value, written):
    assert tokens.constant(value) == written


def test_equal_constants_of_other_types_are_told_apart():
    assert len({tokens.constant(value) for value in (1, 1.0, True, 1 + 0j, "1", b"1")}) == 6
