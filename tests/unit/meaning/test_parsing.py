import ast
import sys

import pytest

from repdyn.meaning import parsing


def test_a_file_is_read_in_the_encoding_that_it_declares():
    latin = "# coding: latin-1\ndef f(): return 'é'\n"
    first, second = parsing.parse(latin.encode("latin-1")), parsing.parse("def f(): return 'é'\n".encode())
    assert ast.dump(first) == ast.dump(second)


@pytest.mark.parametrize(
    "source", [b"def f(:", b"x = 1\0", b"# coding: nonsense\n", "# coding: utf-8\né".encode("latin-1"), b"(" * 5000]
)
def test_what_is_not_python_is_a_syntax_error(source):
    with pytest.raises(SyntaxError):
        parsing.parse(source)


def test_what_python_has_to_say_of_the_syntax_is_not_said_by_reading_it(recwarn):
    parsing.parse(b"x = '\\d'\ny = 1 is 1\n")
    assert not recwarn.list


def test_an_empty_file_has_no_statements():
    assert parsing.parse(b"").body == []


def depth_of(levels: int) -> int:
    return 0 if levels == 0 else 1 + depth_of(levels - 1)


def test_functions_recurse_beyond_the_limit_which_is_the_same_afterwards_whatever_happens():
    limit = sys.getrecursionlimit()
    with parsing.deep_recursion():
        assert depth_of(3 * limit) == 3 * limit
    assert sys.getrecursionlimit() == limit
    with pytest.raises(ZeroDivisionError), parsing.deep_recursion():
        raise ZeroDivisionError
    assert sys.getrecursionlimit() == limit


def test_a_higher_limit_than_is_needed_is_kept():
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(2_000_000)
    try:
        with parsing.deep_recursion():
            assert sys.getrecursionlimit() == 2_000_000
    finally:
        sys.setrecursionlimit(before)
