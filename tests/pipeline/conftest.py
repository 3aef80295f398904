"""A finished tiny study, made once for all tests."""

import shutil
from pathlib import Path

import pytest
from browsing import chromium, visit  # noqa: F401
from running import TINY, snakemake


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished tiny study lies in here; a test that changes what lies here puts it back, or works on a copy."""
    path = tmp_path_factory.mktemp("study")
    done = snakemake("--configfile", str(TINY), folder=path)
    assert done.returncode == 0, done.stderr
    return path


ANIMATION = "results/tiny/figures/arch=vit/optimizer=sgd/seed=0/planes-mislabelled.gif"


@pytest.fixture(scope="session")
def complete(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the finished study with all that there is a rule for; nothing in it is changed for good."""
    path = shutil.copytree(folder, tmp_path_factory.mktemp("complete") / "study")
    done = snakemake("--configfile", str(TINY), "--", "tables", "reported", "comparisons", ANIMATION, folder=path)
    assert done.returncode == 0, done.stderr
    return path
