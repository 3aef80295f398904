"""What changes a digest and what does not, on libraries of a few lines."""

import itertools
from collections.abc import Callable

import pytest

from repdyn.meaning.library import Library

Digest = Callable[..., str]
SPEAK = """
import logging
LOG = logging.getLogger("lib")
class Progress:
    def advance(self, note=""):
        LOG.info("%s", note)
def track(items, unit):
    yield from items
"""
RAISING = """
class OurError(Exception): ...
def damaged(path, why): return OurError(f"{path} is damaged: {why}")
"""


@pytest.fixture
def digest(tmp_path) -> Digest:
    """Writes a library of modules, ``main`` of which has the entry ``main``, and gives its digest."""
    numbers = itertools.count()

    def of(main: str, entry: str = "main.main", **modules: str) -> str:
        folder = tmp_path / str(next(numbers)) / "lib"
        written = {"__init__": "", "speak": SPEAK, "raising": RAISING, "main": main} | modules
        for name, content in written.items():
            path = folder.joinpath(*name.split("__in__")).with_suffix(".py")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
        return Library(folder, "lib", ["lib.speak"]).digest(f"lib.{entry}")

    return of


SAME = {
    "comment": ("def main(x): return x + 1", "# Say.\ndef main(x):\n    # what\n    return (x + 1)"),
    "docstring": ('def main():\n    """A."""\n    return 1', "def main():\n    return 1"),
    "only a docstring": ('class A:\n    """A."""\ndef main(): A()', "class A: ...\ndef main(): A()"),
    "annotations": (
        "def main(x: str | int) -> int:\n    y: int = 1\n    z: str\n    return x + y",
        "def main(x: 'int | str'):\n    y = 1\n    return x + y",
    ),
    "annotated constants": ("N: int = 1\nM: int\ndef main(): return N", "N = 1\ndef main(): return N"),
    "fields of dataclasses": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int | str\ndef main(): return A(1)",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: 'str | int'\ndef main(): return A(1)",
    ),
    "unions in models": (
        "import pydantic\nclass A(pydantic.BaseModel):\n    x: str | None | list['int']\ndef main(): return A(x=1)",
        "from pydantic import BaseModel as B\nfrom typing import Optional, List\nclass A(B):\n"
        "    x: 'Optional[List[int] | str]'\ndef main(): return A(x=1)",
    ),
    "casts": ("from typing import cast\ndef main(x): return cast(int, x)", "def main(x): return x"),
    "overloads": (
        "from typing import overload\n@overload\ndef f(x: int): ...\ndef f(x): return x\ndef main(): return f(1)",
        "def f(x): return x\ndef main(): return f(1)",
    ),
    "type checkers": (
        "import typing\nif typing.TYPE_CHECKING:\n    import torch\ndef main(): return 1",
        "def main():\n    from typing import TYPE_CHECKING\n    if TYPE_CHECKING:\n        import numpy\n    return 1",
    ),
    "log lines": (
        "from .speak import LOG\ndef main(x):\n    LOG.info('got %s', x)\n    return x",
        "def main(x):\n    return x",
    ),
    "a log of one's own": (
        "import logging\nlog = logging.getLogger(__name__)\ndef main(x):\n    log.warning('a')\n    return x",
        "import logging\ndef main(x):\n    logging.warning(f'{x}')\n    return x",
    ),
    "a condition that only logs": (
        "from .speak import LOG\ndef main(x):\n    if x:\n        LOG.info('a')\n    elif x > 1:\n        print('b')\n"
        "    else:\n        LOG.error('c')\n    return x",
        "def main(x):\n    return x",
    ),
    "warnings and prints": (
        "import sys, warnings\ndef main(x):\n    warnings.warn('a')\n    print('b', file=sys.stderr)\n    return x",
        "def main(x): return x",
    ),
    "notes of progress": (
        "from .speak import Progress\ndef main(x):\n    with Progress() as b:\n        b.advance(f'{x}')\n        x()",
        "from .speak import Progress\ndef main(x):\n    with Progress() as b:\n        b.advance('b')\n        x()",
    ),
    "units of progress": (
        "from .speak import track\ndef main(x): return list(track(x, 'step'))",
        "from .speak import track\ndef main(x): return list(track(x, unit='checkpoint'))",
    ),
    "texts of errors": (
        "def main(x):\n    if x:\n        raise ValueError(f'{x} is wrong')",
        "def main(x):\n    if x:\n        raise ValueError('not right: ' + str(x))",
    ),
    "texts of the library's own errors": (
        "from .raising import OurError\ndef main(x):\n    return OurError('a')",
        "from . import raising\ndef main(x):\n    return raising.OurError(f'b {x}')",
    ),
    "texts for what makes errors": (
        "from .raising import damaged\ndef main(x):\n    raise damaged(x, 'no header') from None",
        "from .raising import damaged\ndef main(x):\n    raise damaged(x, f'no head of {x}') from None",
    ),
    "what is made for the text of an error": (
        "def main(x):\n    if not x:\n        close = sorted(x)[:3]\n        more = f'as {close}' if close else ''\n"
        "        raise ValueError(f'{x}{more}')\n    return x",
        "def main(x):\n    if not x:\n        message = 'none'\n        raise ValueError(message)\n    return x",
    ),
    "texts of assertions": ("def main(x): assert x, 'a'", "def main(x): assert x, f'b {x}'"),
    "quotes": ("def main(x): return f\"a{x['b']}\"", "def main(x): return f'a{x[\"b\"]}'"),
    "numbers": ("def main(): return 1000.0, 255", "def main(): return 1e3, 0xFF"),
    "aliases": (
        "import numpy as np\nimport torch.nn.functional as F\ndef main(x): return np.linalg.norm(F.relu(x))",
        "from numpy.linalg import norm as n\ndef main(x):\n    from torch.nn.functional import relu as f\n"
        "    return n(f(x))",
    ),
    "absolute imports": (
        "from . import speak\nfrom .raising import damaged\ndef main(): return damaged(speak.LOG, 1)",
        "import lib.speak as s\nimport lib.raising\ndef main(): return lib.raising.damaged(s.LOG, 1)",
    ),
    "what stands beside it": (
        "def main(): return 1\ndef other(): return 2\nN = 3",
        "N, M = 4, 5\nclass A: ...\ndef main(): return 1",
    ),
    "names of definitions": (
        "A = 1\ndef f(n): return g(n) + A\ndef g(n): return f(n)\ndef main(): return f(2)",
        "N = 1\ndef v(n): return u(n)\ndef u(n): return v(n) + N\ndef main(): return u(2)",
    ),
    "the command line": ("def main(): return 1\nif __name__ == '__main__':\n    main()", "def main(): return 1"),
    "all": ("__all__ = ['main']\ndef main(): return 1", "def main(): return 1"),
}


@pytest.mark.parametrize("what", SAME)
def test_what_means_the_same_has_the_same_digest(digest, what):
    first, second = SAME[what]
    assert digest(first) == digest(second)


OTHER = {
    "a constant": ("def main(): return 1", "def main(): return 2"),
    "a type of number": ("def main(): return 1", "def main(): return 1.0"),
    "a truth": ("def main(): return 1", "def main(): return True"),
    "a text": ("def main(): return 'a'", "def main(): return 'b'"),
    "bytes": ("def main(): return 'a'", "def main(): return b'a'"),
    "an operator": ("def main(x): return x + 1", "def main(x): return x - 1"),
    "a comparison": ("def main(x): return x < 1", "def main(x): return x <= 1"),
    "a variable": ("def main(x, y): return x", "def main(x, y): return y"),
    "an attribute": ("def main(x): return x.a", "def main(x): return x.b"),
    "an order": ("def main(x): return x(1), x(2)", "def main(x): return x(2), x(1)"),
    "brackets": ("def main(x): return (x - 1) - 2", "def main(x): return x - (1 - 2)"),
    "a default": ("def main(x=1): return x", "def main(x=2): return x"),
    "a kind of argument": ("def main(x, y): return x", "def main(x, *, y): return x"),
    "a decorator": ("from functools import cache\n@cache\ndef main(): return 1", "def main(): return 1"),
    "a constant of the module": ("N = 1\ndef main(): return N", "N = 2\ndef main(): return N"),
    "a constant in a tuple": ("A, B = 1, 2\ndef main(): return A", "A, B = 1, 2\ndef main(): return B"),
    "a part of what is unpacked": ("A, B = f()\ndef main(): return A", "A, B = f()\ndef main(): return B"),
    "what is added to a constant": ("N = [1]\ndef main(): return N", "N = [1]\nN += [2]\ndef main(): return N"),
    "a helper": (
        "def f(): return 1\ndef main(): return f()",
        "def f(): return 2\ndef main(): return f()",
    ),
    "a method that nothing calls by name": (
        "class A:\n    def f(self): return 1\ndef main(): return A()",
        "class A:\n    def f(self): return 2\ndef main(): return A()",
    ),
    "an inherited method": (
        "class B:\n    n = 1\nclass A(B): ...\ndef main(): return A()",
        "class B:\n    n = 2\nclass A(B): ...\ndef main(): return A()",
    ),
    "names of fields": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int\n    y: int\ndef main(): return A(1, 2)",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    y: int\n    x: int\ndef main(): return A(1, 2)",
    ),
    "what is no field": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\ndef main(): return A()",
        "from dataclasses import dataclass\nimport typing\n@dataclass\nclass A:\n    x: typing.ClassVar[int] = 1\n"
        "def main(): return A()",
    ),
    "a type in a model": (
        "from .base import Base\nclass A(Base):\n    x: int\ndef main(): return A(x=1)",
        "from .base import Base\nclass A(Base):\n    x: float\ndef main(): return A(x=1)",
    ),
    "a literal in a model": (
        "from .base import Base\nfrom typing import Literal\nclass A(Base):\n    x: Literal['a']\ndef main(): return A",
        "from .base import Base\nfrom typing import Literal\nclass A(Base):\n    x: Literal['b']\ndef main(): return A",
    ),
    "a limit in a model": (
        "from .base import Base, Small\nclass A(Base):\n    x: Small\ndef main(): return A",
        "from .base import Base, Large\nclass A(Base):\n    x: Large\ndef main(): return A",
    ),
    "what an import does": (
        "import os\ndef main(): return 1",
        "import os\nos.environ['A'] = '1'\ndef main(): return 1",
    ),
    "a patch": ("import torch\ndef main(): return 1", "import torch\ntorch.nn.relu = max\ndef main(): return 1"),
    "what is imported within": (
        "from . import raising as r\nwith r.damaged:\n    import timm\ndef main(): return timm",
        "from . import raising as r\nwith r.damaged:\n    import torchvision, timm\ndef main(): return timm",
    ),
    "a way round a missing module": (
        "try:\n    import a\nexcept ImportError:\n    a = None\ndef main(): return a",
        "try:\n    import a\nexcept ImportError:\n    a = 1\ndef main(): return a",
    ),
    "the kind of an error": ("def main(): raise ValueError('a')", "def main(): raise TypeError('a')"),
    "what an error carries": (
        "def main(x, y): raise ValueError('a', x)",
        "def main(x, y): raise ValueError('a', y)",
    ),
    "what makes what an error carries": (
        "def main(x):\n    y = x + 1\n    raise ValueError(y)",
        "def main(x):\n    y = x + 2\n    raise ValueError(y)",
    ),
    "what is set before an error": (
        "N = 0\ndef main(x):\n    global N\n    N = 1\n    raise ValueError(f'{N}')",
        "N = 0\ndef main(x):\n    global N\n    N = 2\n    raise ValueError(f'{N}')",
    ),
    "what is used after an error": (
        "def main(x):\n    try:\n        y = 1\n        raise OSError(f'{y}')\n    except OSError:\n        return y",
        "def main(x):\n    try:\n        y = 2\n        raise OSError(f'{y}')\n    except OSError:\n        return y",
    ),
    "what is done before an error": (
        "def main(x):\n    x.close()\n    raise ValueError('a')",
        "def main(x):\n    raise ValueError('a')",
    ),
    "when there is an error": (
        "def main(x):\n    if x < 1:\n        raise ValueError('a')",
        "def main(x):\n    if x < 2:\n        raise ValueError('a')",
    ),
    "an assertion": ("def main(x): assert x", "def main(x): assert not x"),
    "what a log line binds": (
        "from .speak import LOG\ndef main(x):\n    LOG.info('%s', y := x + 1)\n    return y",
        "from .speak import LOG\ndef main(x):\n    LOG.info('%s', y := x + 2)\n    return y",
    ),
    "what is printed to a file": (
        "def main(x): print('a', file=x)",
        "def main(x): print('b', file=x)",
    ),
    "a method of what is no log": (
        "def main(x):\n    x.info('a')",
        "def main(x):\n    x.info('b')",
    ),
    "a text for a function": (
        "def f(x): return x\ndef main(): return f('a')",
        "def f(x): return x\ndef main(): return f('b')",
    ),
    "what progress goes through": (
        "from .speak import track\ndef main(x, y): return list(track(x, 'a'))",
        "from .speak import track\ndef main(x, y): return list(track(y, 'a'))",
    ),
    "a conversion": ("def main(x): return f'{x}'", "def main(x): return f'{x!r}'"),
    "a format": ("def main(x): return f'{x:.3f}'", "def main(x): return f'{x:.4f}'"),
    "the text of a format": ("def main(x): return f'a{x}b'", "def main(x): return f'b{x}a'"),
    "a branch": (
        "def main(x):\n    if x:\n        x()",
        "def main(x):\n    if x:\n        pass\n    else:\n        x()",
    ),
    "an end": (
        "def main(x):\n    for y in x:\n        y()\n    else:\n        x()",
        "def main(x):\n    for y in x:\n        y()\n    x()",
    ),
    "a shadow": (
        "data = 1\ndef main(x): return [data for y in x]",
        "data = 1\ndef main(x): return [data for data in x]",
    ),
    "a global": ("N = 1\ndef main():\n    N = 2", "N = 1\ndef main():\n    global N\n    N = 2"),
    "a pattern": (
        "def main(x):\n    match x:\n        case {'a': y}: return y",
        "def main(x):\n    match x:\n        case {'b': y}: return y",
    ),
    "what a builtin was": ("def main(x): return len(x)", "def len(x): return 1\ndef main(x): return len(x)"),
    "recursion": (
        "def f(n): return f(n - 1)\ndef g(n): return g(n - 1) + 1\ndef main(): return f(2)",
        "def f(n): return g(n - 1)\ndef g(n): return g(n - 1) + 1\ndef main(): return f(2)",
    ),
    "an implementation of singledispatch": (
        "from functools import singledispatch\n@singledispatch\ndef f(x): ...\n@f.register\ndef _(x: int): return 1\n"
        "def main(): return f, _",
        "from functools import singledispatch\n@singledispatch\ndef f(x): ...\n@f.register\ndef _(x: str): return 1\n"
        "def main(): return f, _",
    ),
    "a variable that a function read when it was called, before an error": (
        "def main(x):\n    f = lambda: x(y)\n    y = 1\n    f()\n    raise ValueError('b')",
        "def main(x):\n    f = lambda: x(y)\n    y = 2\n    f()\n    raise ValueError('b')",
    ),
    "a variable that a loop reads the next time round, before an error": (
        "def main(x):\n    y = 0\n    for _ in x:\n        try:\n            x(y)\n            y = 1\n"
        "            raise ValueError('b')\n        except ValueError: pass",
        "def main(x):\n    y = 0\n    for _ in x:\n        try:\n            x(y)\n            y = 2\n"
        "            raise ValueError('b')\n        except ValueError: pass",
    ),
}
BASE = """
from typing import Annotated
from pydantic import BaseModel, Field
class Base(BaseModel): ...
Small, Large = Annotated[int, Field(lt=3)], Annotated[int, Field(lt=4)]
"""


@pytest.mark.parametrize("what", OTHER)
def test_what_means_something_else_has_another_digest(digest, what):
    first, second = OTHER[what]
    assert digest(first, base=BASE) != digest(second, base=BASE)


def test_definitions_move_between_modules_whatever_these_are_called(digest):
    here = "from .a import f\ndef g(n): return f(n)\ndef main(): return g(1)"
    there = "import lib.deep.b as other\ndef main(): return other.g(1)"
    recursive = "def f(n):\n    from . import main\n    return main.g(n) + N\nN = 3"
    moved = "from .c import f\ndef g(n): return f(n)"
    also = "from . import b\nfrom ..d import M\ndef f(n): return b.g(n) + M"
    assert digest(here, a=recursive) == digest(
        there, **{"deep__in____init__": "", "deep__in__b": moved, "deep__in__c": also, "d": "M = 3"}
    )


def test_functions_of_one_name_in_two_modules_are_told_apart(digest):
    modules = {"a": "def f(): return 1", "b": "def f(): return 2"}
    assert digest("from .a import f\ndef main(): return f()", **modules) != digest(
        "from .b import f\ndef main(): return f()", **modules
    )


def test_a_name_that_a_package_passes_on_is_that_of_the_definition(digest):
    direct = digest("from .a import f\ndef main(): return f()", a="def f(): return 1")
    assert direct == digest(
        "from . import f\ndef main(): return f()", a="def f(): return 1", __init__="from .a import f"
    )


def test_a_module_that_is_passed_on_counts_with_all_that_it_defines(digest):
    main = "from . import a\ndef main(name): return getattr(a, name)"
    assert digest(main, a="def f(): return 1") != digest(main, a="def f(): return 1\ndef g(): return 2")


def test_what_a_package_does_when_it_is_imported_counts_for_its_modules(digest):
    main, inner = "from .deep.a import f\ndef main(): return f()", "def f(): return 1"
    first, second = (
        digest(main, **{"deep__in____init__": package, "deep__in__a": inner})
        for package in ("import os\n", "import os\nos.environ['A'] = 'b'\n")
    )
    assert first != second


def test_what_an_import_does_counts_only_where_the_module_is_made_use_of(digest):
    main, effect = "from . import a\ndef main(): return 1\ndef other(): return a.f()", "def f(): ...\nprint.x = 1"
    assert digest(main, a=effect) == digest(main, a="def f(): ...")
    assert digest(main, "main.other", a=effect) != digest(main, "main.other", a="def f(): ...")


@pytest.mark.parametrize(
    "main", ["from .a import g\ndef main(): return g()", "from . import a\ndef main(): return a.g()"]
)
def test_a_name_that_no_module_defines_is_an_error(digest, main):
    with pytest.raises(LookupError, match=r"`lib.a.g` is used, but `lib.a` defines no `g`"):
        digest(main, a="def f(): return 1")


def test_names_that_are_imported_in_circles_are_an_error(digest):
    with pytest.raises(LookupError, match="is imported in a circle"):
        digest("from .a import f\ndef main(): return f()", a="from .b import f", b="from .a import f")
