import ast
import sys

import pytest

from repdyn.meaning import parsing, scopes, syntax
from repdyn.meaning.tokens import Conditional, Reference, Token, Unordered


def writer_of(code: str = "") -> syntax.Writer:
    """A writer in the module ``lib.main``, which has these statements."""
    return syntax.Writer(scopes.Names("lib.main", "lib", "lib", scopes.of_statements(ast.parse(code).body, "lib")))


def write(node: ast.AST) -> tuple[Token, ...]:
    writer = writer_of()
    return writer.written(writer.node, node)


def written(code: str) -> tuple[Token, ...]:
    """The tokens of the last statement of a module."""
    writer = writer_of(code)
    return writer.written(writer.node, ast.parse(code).body[-1])


def test_fields_that_only_some_versions_of_python_have_change_nothing():
    (old,) = ast.parse("def f(x: int = 1): return f'a{x}' + u'b'").body
    (new,) = ast.parse("def f(x: int = 1): return f'a{x}' + 'b'").body
    new.type_params, new.type_comment = [], None
    text = next(node for node in ast.walk(new) if isinstance(node, ast.JoinedStr))
    text.values = [ast.Constant(""), ast.Constant("a"), text.values[1], ast.Constant("")]  # cut in another way
    text.values[2].format_spec = ast.JoinedStr([])
    if hasattr(old, "type_params"):
        del old.type_params
    assert write(old) == write(new)


def test_text_is_written_the_same_whatever_the_version_s_unicode():
    assert write(ast.Constant("é\U0001fae8\ud800")) == (r"'\xe9\U0001fae8\ud800'",)


def test_syntax_of_any_depth_is_written_from_any_depth():
    deep = ast.parse("+".join(["x"] * 900) + "\n")

    def at_depth(n: int) -> tuple[Token, ...]:
        if n:
            return at_depth(n - 1)
        with parsing.deep_recursion():
            return write(deep)

    limit = sys.getrecursionlimit()
    assert at_depth(limit // 2) == at_depth(0)
    assert sys.getrecursionlimit() == limit


def test_names_are_references_packages_or_variables_by_where_they_are_bound():
    inner = "    import torch.nn as nn\n    return np.sum, g, N, x, nn.ReLU, len"
    code = f"import numpy as np\nfrom .a import g\nN = 1\ndef f(x):\n{inner}"
    writer = writer_of(code)
    found = writer.written(writer.node, ast.parse(code).body[-1])
    expected = ("=numpy.sum", Reference("lib.a.g"), Reference("lib.main.N"), ".x", "=torch.nn.ReLU", "=len")
    assert found[found.index("(Tuple") + 2 : found.index("=len") + 1] == expected
    assert writer.packages == {"numpy", "torch", "len"}


def test_a_class_s_names_are_seen_in_its_body_and_not_in_its_methods():
    found = written("n = 1\nclass A:\n    n = 2\n    m = n\n    def f(self): return n")
    assert found.count(Reference("lib.main.n")) == 1
    assert found.index(".n") < found.index("(FunctionDef") < found.index(Reference("lib.main.n"))


@pytest.mark.parametrize(
    "code",
    [
        "from typing import overload\n@overload\ndef f(x): ...",
        "import numpy as np\n'''A docstring.'''",
        "import logging\nlogging.getLogger('a').info('b')\nlogging.info('b')",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import a\nelse:\n    pass",
        "x = 1\nif x:\n    print('a')\nelse:\n    print('b')",
    ],
)
def test_what_only_people_or_type_checkers_read_has_no_tokens(code):
    assert written(code) == ()


def test_what_may_only_speak_is_written_under_that_condition():
    (found,) = written("from .speak import say\nif x:\n    say('a')")
    assert (found.kind, found.paths) == ("spoken", ("lib.speak.say",))
    assert found.tokens[0] == "(If"
    plain = written("from .speak import say\nif (y := x):\n    say('a')")
    assert plain[0] == "(If", "a condition that binds a name has a meaning of its own"


def test_text_for_the_library_s_own_counts_under_a_condition_and_that_of_exceptions_not_at_all():
    own = written("from .raising import damaged\nx = damaged('a', 1)")
    assert Conditional("wording", ("lib.raising.damaged",), ("'a'",)) in own
    assert "'a'" not in written("x = ValueError('a', 1)")
    assert "'a'" in written("x = other('a', 1)")


def test_fields_of_a_class_keep_their_types_where_a_base_reads_them():
    read, maybe, unread = (
        written(f"{base}\nclass A(B):\n    x: int | str = 1")
        for base in ("from pydantic import BaseModel as B", "from .base import B", "from other import B")
    )
    union = Unordered((("=int",), ("=str",)))
    assert union in read
    assert Conditional("annotation", ("lib.base.B",), (union,)) in maybe
    assert not {union, *("=int", "=str")} & set(unread)


def test_tokens_that_an_error_cut_short_are_no_part_of_what_follows():
    writer = writer_of()

    def fails(node: ast.AST) -> None:
        writer.node(node)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        writer.written(fails, ast.Constant(1))
    assert writer.written(writer.node, ast.Constant(2)) == ("0x2",)
