import ast
import symtable

import pytest

from repdyn.meaning import scopes
from repdyn.meaning.scopes import Names, Scope

# Functions in which names are bound in every way, but by imports.
BINDING = {
    "arguments": "def f(a, /, b=c, *d, e=g, **h): i",
    "assignments": """
def f():
    a = b
    c: int = 1
    d += 1
    (e, [*g]), h.i, j[k] = l
    del m
""",
    "loops": """
def f():
    for a, b in c:
        pass
    while d:
        e = 1
""",
    "contexts": """
def f():
    with a as b, c as (d, e):
        try:
            pass
        except g as h:
            pass
""",
    "definitions": """
def f():
    @a
    def b(c=d): e = 1
    class g(h, metaclass=i): j = 1
""",
    "comprehensions": "def f(): return [a for b in c if (d := b)], {e: g for e, g in h}, lambda i: (j := i)",
    "patterns": """
def f(x):
    match x:
        case {"a": b, **c}: pass
        case [d, *e] | g(h=(d, e)): pass
        case i: pass
""",
    "elsewhere": """
def f():
    global a
    a = 1
    def g():
        nonlocal h
        h = 1
    h = 2
""",
    "nothing": "def f(): return a",
}


def function(code: str) -> ast.FunctionDef:
    found = ast.parse(code).body[-1]
    assert isinstance(found, ast.FunctionDef)
    return found


@pytest.mark.parametrize("way", BINDING)
def test_a_function_binds_what_python_s_own_compiler_says(way):
    (table,) = symtable.symtable(BINDING[way], "<test>", "exec").get_children()
    found, symbols = scopes.of_function(function(BINDING[way]), "lib"), table.get_symbols()
    assert found.names == {symbol.get_name() for symbol in symbols if symbol.is_local()}
    assert found.elsewhere == {symbol.get_name() for symbol in symbols if symbol.is_declared_global()}


def test_names_of_a_class_are_marked_as_such():
    class_ = ast.parse("class A(B):\n    x: int = 1\n    def f(self): y = 1").body[0]
    assert isinstance(class_, ast.ClassDef)
    found = scopes.of_class(class_, "lib")
    assert (found.is_class, found.names) == (True, {"x", "f"})
    assert not scopes.of_function(function("def f(): ..."), "lib").is_class


@pytest.mark.parametrize(
    ("code", "package", "expected"),
    [
        ("import a.b", "lib", {"a": "a"}),
        ("import a.b as c, d", "lib", {"c": "a.b", "d": "d"}),
        ("from a.b import c as d, e", "lib", {"d": "a.b.c", "e": "a.b.e"}),
        ("from . import a", "lib.deep", {"a": "lib.deep.a"}),
        ("from .a import b", "lib.deep", {"b": "lib.deep.a.b"}),
        ("from ..a import b", "lib.deep", {"b": "lib.a.b"}),
        ("from ... import b", "lib.deep.er", {"b": "lib.b"}),
        ("from __future__ import annotations", "lib", {}),
    ],
)
def test_an_import_binds_full_names_however_it_is_written(code, package, expected):
    (node,) = ast.parse(code).body
    assert isinstance(node, ast.Import | ast.ImportFrom)
    assert scopes.imported(node, package) == expected


@pytest.mark.parametrize(
    ("code", "imports", "names"),
    [
        ("import a\nimport a.b", {"a": "a"}, set()),
        ("try:\n    import a\nexcept ImportError:\n    a = None", {}, {"a"}),
        ("if x:\n    from b import a\nelse:\n    from c import a", {}, {"a"}),
        ("def f(): import a", {}, {"f"}),
    ],
)
def test_a_name_is_an_import_only_where_all_that_binds_it_imports_the_same(code, imports, names):
    found = scopes.of_statements(ast.parse(code).body, "lib")
    assert (found.imports, found.names) == (imports, names)


def test_what_made_a_variable_is_known_where_it_is_bound_once():
    found = scopes.of_function(function("def f():\n    a = g()\n    b = 1\n    b = 2\n    with h() as c: ..."), "lib")
    assert {name: ast.unparse(value) for name, value in found.made_by.items()} == {"a": "g()", "c": "h()"}


def test_reads_are_counted_with_those_within_functions_and_without_what_is_bound():
    found = scopes.of_function(function("def f(x):\n    x = x + y\n    return lambda: x(y.z)"), "lib").loads
    assert found == {"x": 2, "y": 2}
    assert scopes.of_statements(ast.parse("x = y").body, "lib").loads == {}


def test_every_node_is_walked_through_once():
    method = "    async def f(self, x: int = 1, *y, **z) -> str:\n        return f'{x!r:>{y}}', [q async for q in z]\n"
    tree = ast.parse(f"@a\nclass A(B, c=D):\n{method}")
    plain = (ast.expr_context, ast.operator)  # which trees share
    walked = [node for node in scopes.walk(tree) if not isinstance(node, plain)]
    assert len(walked) == len({id(node) for node in walked})
    assert {id(node) for node in walked} == {id(node) for node in ast.walk(tree) if not isinstance(node, plain)}


def test_a_module_s_name_is_its_import_its_own_its_type_checkers_or_a_builtin_in_this_order():
    scope = Scope(names={"f"}, imports={"np": "numpy"})
    names = Names("lib.main", "lib", "lib", scope, typing={"T": "typing.T", "f": "other.f"})
    assert [names.full(name) for name in ("np", "f", "T", "len")] == ["numpy", "lib.main.f", "typing.T", "len"]


def test_a_library_s_own_names_are_told_from_those_that_only_begin_so():
    of_library, of_none = (Names("m", "lib", library, Scope()) for library in ("lib", None))
    assert [of_library.is_own(path) for path in ("lib", "lib.a", "library", "other.lib")] == [True, True, False, False]
    assert not of_none.is_own("lib")
