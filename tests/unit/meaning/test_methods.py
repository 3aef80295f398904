"""What is left of a class for somebody who uses one of its methods."""

import ast

import pytest

from repdyn.meaning import methods

PLACES = '''
@dataclass(frozen=True)
class Places:
    """Where things lie."""

    root: str
    depth: int = 2

    def near(self, name: str) -> str:
        return f"{self.root}/{name}"

    def far(self, name: str) -> str:
        return self.near(self._long(name))

    def _long(self, name: str) -> str:
        return name * self.depth

    def __len__(self) -> int:
        return self._count()

    def _count(self) -> int:
        return 1

    @property
    def shape(self) -> int:
        return self._sides()

    def _sides(self) -> int:
        return 4
'''
ALWAYS = {"__len__", "_count", "shape", "_sides"}


def left(source: str, method: str) -> set[str] | None:
    """The methods that are left; None where the class cannot be divided."""
    (node,) = ast.parse(source).body
    assert isinstance(node, ast.ClassDef)
    before = ast.dump(node)
    found = methods.alone(node, method)
    assert ast.dump(node) == before
    return None if found is None else {part.name for part in found.body if isinstance(part, ast.FunctionDef)}


def test_a_method_keeps_those_that_it_uses_and_those_that_python_calls():
    assert left(PLACES, "near") == {"near", *ALWAYS}
    assert left(PLACES, "far") == {"far", "near", "_long", *ALWAYS}


def test_fields_and_decorators_stay():
    (node,) = ast.parse(PLACES).body
    assert isinstance(node, ast.ClassDef)
    found = methods.alone(node, "near")
    assert found is not None
    assert [ast.unparse(part) for part in found.body if isinstance(part, ast.AnnAssign)] == [
        "root: str",
        "depth: int = 2",
    ]
    assert found.decorator_list == node.decorator_list


@pytest.mark.parametrize("name", ["absent", "root", "__len__", "shape"])
def test_what_is_no_method_of_its_own_divides_nothing(name):
    assert left(PLACES, name) is None


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("class Places:", "class Places(Base):"),
        ("class Places:", "class Places(metaclass=Kind):"),
        ("    root: str\n", "    root: str\n    root2 = near\n"),
        ("depth: int = 2", "depth: int = field(default=_long)"),
        ("return self.near(self._long(name))", "return helper(self)"),
        ("return self.near(self._long(name))", "return getattr(self, name)()"),
        ("return self.near(self._long(name))", "return Places._long(self, name)"),
        ("return self._sides()", "return helper(self)"),
        ("def _count(self)", "def near(self)"),
    ],
)
def test_a_class_whose_syntax_does_not_show_what_is_used_stays_whole(old, new):
    assert PLACES.count(old) == 1
    assert left(PLACES.replace(old, new), "far") is None
