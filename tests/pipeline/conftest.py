"""A finished tiny study, made once for all tests."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from browsing import chromium, visit  # noqa: F401
from filelock import FileLock
from running import ANIMATION, TINY, snakemake

Make = Callable[[Path], None]


@pytest.fixture(scope="session")
def once(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, Make], Path]:
    """A folder that the first process of the tests makes, while others wait; each gets a copy of its own."""
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base

    def get(name: str, make: Make) -> Path:
        made, part = shared / f"once-{name}", shared / f"once-{name}.part"
        with FileLock(shared / f"once-{name}.lock"):
            if not made.exists():
                shutil.rmtree(part, ignore_errors=True)
                make(part)
                part.rename(made)
        return shutil.copytree(made, tmp_path_factory.mktemp(name) / "study")

    return get


@pytest.fixture(scope="session")
def folder(once: Callable[[str, Make], Path]) -> Path:
    """A finished tiny study lies in here; a test that changes what lies here puts it back, or works on a copy."""

    def make(path: Path) -> None:
        path.mkdir()
        done = snakemake("--configfile", str(TINY), folder=path)
        assert done.returncode == 0, done.stderr

    return once("finished", make)


@pytest.fixture(scope="session")
def complete(folder: Path, once: Callable[[str, Make], Path]) -> Path:
    """A copy of the finished study with all that there is a rule for; nothing in it is changed for good."""

    def make(path: Path) -> None:
        shutil.copytree(folder, path)
        done = snakemake("--configfile", str(TINY), "--", "tables", "reported", "comparisons", ANIMATION, folder=path)
        assert done.returncode == 0, done.stderr

    return once("complete", make)
