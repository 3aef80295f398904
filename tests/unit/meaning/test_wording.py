import ast

import pytest

from repdyn.meaning import scopes, wording


def expression(code: str) -> ast.expr:
    return ast.parse(code, mode="eval").body


def statement(code: str) -> ast.stmt:
    return ast.parse(code).body[0]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("f(x)", False),
        ("[g for g in x]", False),
        ("(y := x)", True),
        ("f(a, b=[(y := x)])", True),
        ("(yield)", True),
        ("f(await x)", True),
    ],
)
def test_an_expression_that_binds_or_waits_has_an_effect_however_deep(code, expected):
    assert wording.is_impure(expression(code)) is expected


@pytest.mark.parametrize(
    ("code", "checkers", "command_line"),
    [
        ("if TYPE_CHECKING: pass", True, False),
        ("if typing.TYPE_CHECKING: pass", True, False),
        ("if not TYPE_CHECKING: pass", False, False),
        ("if __name__ == '__main__': pass", False, True),
        ("if name == '__main__': pass", False, False),
        ("TYPE_CHECKING", False, False),
    ],
)
def test_code_that_no_import_runs_is_told_by_its_condition(code, checkers, command_line):
    found = statement(code)
    assert (wording.is_for_type_checkers(found), wording.is_for_the_command_line(found)) == (checkers, command_line)


def test_an_exception_is_told_by_its_name():
    named = ("ValueError", "StopIteration", "SystemExit", "KeyboardInterrupt", "UserWarning", "a.b.OurException")
    assert all(map(wording.is_exception, named))
    assert not any(map(wording.is_exception, ("Errors", "error", "ErrorBar", "ValueError.add_note")))


@pytest.mark.parametrize(
    ("path", "code", "expected"),
    [
        ("print", "print('a', sep='')", True),
        ("print", "print('a', file=sys.stderr)", True),
        ("print", "print('a', file=sys.stdout)", True),
        ("print", "print('a', file=f)", False),
        ("print", "print('a', file=f.handle)", False),
        ("warnings.warn", "warnings.warn('a')", True),
        ("warnings.filterwarnings", "warnings.filterwarnings('error')", False),
        ("logging.info", "logging.info('a')", True),
        ("logging.getLogger.error", "logging.getLogger().error('a')", True),
        ("logging.basicConfig", "logging.basicConfig()", False),
        ("other.info", "other.info('a')", False),
        ("info", "info('a')", False),
    ],
)
def test_what_only_reports_is_told_from_what_writes_data(path, code, expected):
    assert wording.speaks(path, expression(code)) is expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("'a'", True),
        ("f'{x}'", True),
        ("'a' + x", True),
        ("x + 'a'", True),
        ("'%s' % x", True),
        ("'a'.join(x)", True),
        ("known", True),
        ("known.upper().strip()", True),
        ("'a' if x else 'b'", True),
        ("'a' if x else y", False),
        ("'a' * 3", False),  # certainly text too, but nobody writes messages so
        ("b'a'", False),
        ("x", False),
        ("x.upper()", False),
        ("str(x)", False),
        ("1", False),
    ],
)
def test_text_is_what_is_certainly_text(code, expected):
    assert wording.is_text(expression(code), {"known"}) is expected


def kept(code: str) -> tuple[list[str], set[str]]:
    """The statements of a function's body that have a meaning, and its variables that are text."""
    function = statement("def f(x):\n" + "".join(f"    {line}\n" for line in code.split("\n")))
    assert isinstance(function, ast.FunctionDef)
    body, texts = wording.without(function.body, scopes.of_function(function, "lib"))
    return [ast.unparse(each) for each in body], texts


def test_variables_that_only_make_the_words_of_an_error_are_dropped_with_what_makes_them():
    code = "n = len(x)\nplaces = sorted(x)\nmore = f'{n} of {places}'\nraise ValueError('there are ' + more)"
    assert kept(code) == (["raise ValueError('there are ' + more)"], {"more"})


@pytest.mark.parametrize(
    "code",
    [
        "y = x + 1\nraise ValueError(y)",  # carried as data
        "y = 'a'\nz = y\nraise Error(z)",
        "y = make()\nraise Error('a') from y",
        "y = f'{(z := x)}'\nraise ValueError(f'{y}')",  # an effect beside
        "global y\ny = 'a'\nraise ValueError(y)",
        "y.a = 'a'\nraise ValueError(f'{y}')",
        "x.close()\nraise ValueError('a')",
        "y = 'a'\nreturn y",
        "y = 'a'\nraise",
        "y = 'a'\nraise y",
    ],
)
def test_what_has_a_meaning_beside_the_words_stays(code):
    assert kept(code)[0] == code.split("\n")


def test_of_a_module_or_class_nothing_is_dropped_since_others_read_its_names():
    body = ast.parse("y = 'a'\nraise ValueError(y)").body
    of_class = statement("class A:\n    y = 'a'\n    raise ValueError(y)")
    assert isinstance(of_class, ast.ClassDef)
    assert wording.without(body, None) == (body, set())
    assert wording.without(of_class.body, scopes.of_class(of_class, "lib")) == (of_class.body, set())
    assert wording.without([], scopes.Scope()) == ([], set())
