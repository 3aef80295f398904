import ast

import pytest

from repdyn.meaning import modules
from repdyn.meaning.modules import EFFECTS, Module
from repdyn.meaning.tokens import Reference


def read(code: str) -> Module:
    return modules.read(code.encode(), "lib.main", "lib", "lib")


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("", []),
        ("'A docstring.'\nimport os\nfrom . import a", [EFFECTS]),
        ("def f(): ...\nasync def g(): ...\nclass A: ...", ["f", "g", "A"]),
        ("a = b = 1\nc, d = 2, 3\ne: int = 4\ng: int", ["a", "b", "c", "d", "e"]),
        ("a, (b, *c) = f()", ["a", "b", "c"]),
        ("a = 1\na += 1", ["a"]),
        ("a.b = 1", [EFFECTS]),
        ("a[0] = b = 1", ["b", EFFECTS]),
        ("for i in x:\n    f(i)", ["i", EFFECTS]),
        ("if x:\n    a = 1", ["a", EFFECTS]),
        ("if __name__ == '__main__':\n    a = 1", []),
        ("if TYPE_CHECKING:\n    a = 1\nelse:\n    b = 1", ["b"]),
    ],
)
def test_a_module_has_what_it_binds_and_its_effects(code, names):
    found = read(code)
    assert list(found) == names
    assert all(name in found for name in names)
    assert "nothing" not in found


def test_a_name_that_is_bound_again_means_all_that_binds_it():
    once, again, other = (read(code)["a"] for code in ("a = [1]", "a = [1]\na += [2]", "a = [1]\na += [3]"))
    assert len({once, again, other}) == 3
    assert again.tokens[: len(once.tokens)] == once.tokens


def test_each_part_of_a_tuple_means_its_own_value_and_of_what_is_unpacked_its_place():
    found = read("a, b = 1, 2\nc, d = f()")
    assert (found["a"], found["b"]) == (read("a = 1")["a"], read("b = 2")["b"])
    assert found["c"] != found["d"]


def test_a_definition_says_what_packages_and_what_of_the_library_it_uses():
    found = read("import numpy as np\nimport torch.nn\nfrom .a import g\ndef f(x): return np.sum(g(x))\nn = 1")
    assert found.packages == {"numpy", "torch"}
    assert found["f"].packages == {"numpy"}
    assert found["n"].packages == frozenset()
    assert Reference("lib.a.g") in found["f"].tokens


def test_bases_have_their_full_names_and_what_is_no_name_is_left_out():
    found = read("import torch\nfrom .a import B as C\nclass A(torch.nn.Module, C, make()): ...\nclass D: ...")
    assert found["A"].bases == ("torch.nn.Module", "lib.a.B")
    assert found["D"].bases == ()
    assert read("class A(B): ...\nclass A(C): ...")["A"].bases == ("B", "C")


def test_a_logger_is_told_however_it_was_imported():
    found = read("import logging\nfrom logging import getLogger as get\nA = logging.getLogger('a')\nB = get()\nC = f()")
    assert [found[name].is_logger for name in "ABC"] == [True, True, False]


def test_a_module_may_not_import_all_names():
    with pytest.raises(ValueError, match=r"`lib.main` imports \* from another module; its code digest needs the names"):
        read("from .raising import *\ndef main(): return 1")


def test_only_what_runs_is_left_and_what_type_checkers_import_is_told_apart():
    code = (
        "import a\nif TYPE_CHECKING:\n    from .b import C\nelif x:\n    d = 1\n"
        "if typing.TYPE_CHECKING:\n    import e\nelse:\n    if TYPE_CHECKING:\n        import f\n    g = 1"
    )
    running, typing = modules.unfolded(ast.parse(code).body, "lib")
    assert [ast.unparse(statement) for statement in running] == ["import a", "if x:\n    d = 1", "g = 1"]
    assert typing.items() >= {"C": "lib.b.C", "e": "e"}.items()
