"""What of the user's own code, and of what it imports, decides a rerun."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
from packages import distribution, write

from repdyn.errors import RepdynError
from repdyn.user_code import digests, load, locate

NET = "from torch import nn\nfrom parts import width\n\n\nclass Net(nn.Module):\n    hidden = width\n"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """The working directory, with a model of two modules."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    write(tmp_path / "net.py", NET)
    write(tmp_path / "parts.py", "width = 8\n")
    locate._added.cache_clear()
    yield tmp_path
    locate._added.cache_clear()


def digest(path: str = "net:Net") -> str:
    digests.digest.cache_clear()
    importlib.invalidate_caches()
    return digests.digest(path)


TYPED = NET.replace("hidden = width", "hidden: int | str = width")
NARROW = "width = 8\nif width < 2:\n    raise ValueError('too narrow')\n"


@pytest.mark.parametrize(
    ("file", "before", "after"),
    [
        ("net.py", NET, f'"""A net."""\n# A remark.\n{NET}'),
        ("net.py", NET, NET.replace("from torch import nn", "import torch.nn as nn")),
        ("net.py", NET, f"import logging\n{NET}\n\nif __name__ == '__main__':\n    logging.info('a test')\n"),
        ("net.py", TYPED, TYPED.replace("int | str", "'float'")),
        ("parts.py", NARROW, NARROW.replace("too narrow", "not wide enough").replace("width =", "width: int =")),
    ],
)
def test_words_and_types_of_the_user_s_code_mean_nothing(folder, file, before, after):
    write(folder / file, before)
    first = digest()
    write(folder / file, after)
    assert digest() == first


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("net.py", "hidden = width", "hidden = width + 1"),
        ("net.py", "nn.Module", "nn.Sequential"),
        ("parts.py", "width = 8", "width = 9"),
        ("parts.py", "width = 8", "width = 8\nprint.x = 1"),
    ],
)
def test_another_meaning_is_another_digest(folder, file, old, new):
    before = digest()
    write(folder / file, (folder / file).read_text(encoding="utf-8").replace(old, new))
    assert digest() != before


def test_packages_are_followed_through_relative_imports(folder):
    package = folder / "pack" / "inner"
    write(folder / "pack" / "__init__.py")
    write(package / "__init__.py", "from .net import Net\n")
    write(package / "net.py", "from ..parts import size\nimport json\n\nclass Net: ...\n")
    write(folder / "pack" / "parts.py", "size = 3\n")
    reached = digests._reachable("pack.inner:Net", ())
    assert {name for name, found in reached.items() if found.whose == "user's"} == {
        *("pack", "pack.inner", "pack.inner.net", "pack.parts")
    }
    before = digest("pack.inner:Net")
    write(folder / "pack" / "parts.py", "size = 4\n")
    assert digest("pack.inner:Net") != before


def test_modules_that_import_each_other_are_read_once(folder):
    write(folder / "parts.py", "import net\nwidth = 8\n")
    assert digest() == digest()


def test_imports_for_type_checkers_alone_are_not_followed(folder):
    before = digest()
    write(folder / "net.py", f"from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import other\n{NET}")
    write(folder / "other.py", "x = 1\n")
    assert digest() == before


def test_installed_packages_are_not_read_and_their_versions_are_recorded(folder):
    site = folder / "cluster" / "lib" / "python3.11" / "site-packages"
    write(site / "theirs" / "__init__.py", "x = 1\n")
    distribution(site, "their-package", "theirs/__init__.py,,\n")
    write(site / "their_package-1.0.dist-info" / "top_level.txt", "theirs\n")
    write(folder / "parts.py", "import theirs.deep\nwidth = 8\n")
    sys.path.insert(0, str(site))
    digests._distributions.cache_clear()  # installed meanwhile, which no job sees
    before = digest()
    write(site / "theirs" / "__init__.py", "x = 2\n")
    assert digest() == before
    assert digests.versions("net:Net").keys() == {"torch", "their-package"}
    assert digests.versions("net:Net")["their-package"] == "1.0"
    assert digests.versions("torchvision.models:resnet18").keys() == {"torchvision"}
    assert digests.versions("parts:width").keys() == {"their-package"}


@pytest.mark.parametrize("content", [b"def f(:\n", b"x = '\xe9'\n", b"x = 1\0\n", b"(" * 3000 + b")" * 3000 + b"\n"])
def test_what_is_not_python_counts_as_it_stands(folder, content):
    (folder / "parts.py").write_bytes(content)
    first = digest()
    (folder / "parts.py").write_bytes(content.replace(b"\n", b"\r\n"))
    assert digest() == first
    (folder / "parts.py").write_bytes(content + b"# a remark\n")
    assert digest() != first


def test_an_expression_may_be_as_long_as_python_takes_it_from_any_depth(folder):
    write(folder / "parts.py", f"width = {'+'.join(['1'] * 900)}\n")

    def at_depth(n: int) -> str:
        return at_depth(n - 1) if n else digest()

    assert at_depth(300) == digest()


def test_compiled_modules_count_by_their_content(folder):
    suffix = importlib.machinery.EXTENSION_SUFFIXES[0]
    (folder / "parts.py").unlink()
    write(folder / f"parts{suffix}", "one")
    before = digest()
    write(folder / f"parts{suffix}", "two")
    assert digest() != before


@pytest.mark.parametrize("name", ["random", "signal", "torchvision"])
def test_a_module_of_one_s_own_that_python_does_not_come_to_is_refused_in_a_sentence(folder, name):
    write(folder / f"{name}.py", "class Net: ...\n")
    for refused in (digest, load.load):
        with pytest.raises(RepdynError, match=rf"^`{name}:Net`: `.*{name}\.py` is called like .*`import {name}`.*[.]$"):
            refused(f"{name}:Net")


def test_a_module_that_is_imported_by_the_name_of_an_installed_one_is_refused_and_python_s_own_is_taken(folder):
    write(folder / "types.py", "raise SystemExit('taken for types')\n")
    write(folder / "signal.py", "x = 1\n")
    write(folder / "parts.py", "import signal, types\nwidth = 8\n")
    before = digest()
    write(folder / "signal.py", "x = 2\n")
    assert digest() == before
    write(folder / "torch.py", "nn = None\n")
    with pytest.raises(RepdynError, match=r"^`net:Net`: `.*torch\.py` is called like the installed `.*torch.*`"):
        digest()


def test_finding_the_user_s_code_imports_nothing(folder):
    write(folder / "loud.py", "raise SystemExit('imported')\n")
    code = (
        "import sys; from repdyn.user_code import digests; digests.digest('loud:X'); sys.exit('torch' in sys.modules)"
    )
    library = Path(load.__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env={"PYTHONPATH": str(library)}, check=False)
    assert done.returncode == 0
