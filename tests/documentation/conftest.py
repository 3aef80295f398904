"""The default study on one seed, run by the quickstart's own commands in the environment that `make run` makes."""

import re
import subprocess
from pathlib import Path

import pytest
import running
from blocks import everywhere
from shell import Shell, clean


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A fresh checkout with the environments that `make` made for this one; one seed, and few permutations."""
    if not (running.ROOT / ".venv" / "run.done").exists():
        pytest.skip("`make run`'s environment, .venv, is not there; `make documentation` makes it")
    folder = running.checkout(tmp_path_factory.mktemp("documentation") / "repdyn")
    for made in (".venv", ".venv-dev"):  # gigabytes of disk that are there already
        if (running.ROOT / made).exists():
            (folder / made).symlink_to(running.ROOT / made)
    config = folder / "config.yaml"
    text = config.read_text(encoding="utf-8")
    for long, short in ((r"(?m)^seeds: \[.*?\]", "seeds: [0]"), (r"permutations: \d+", "permutations: 19")):
        text, found = re.subn(long, short, text)
        assert found == 1
    config.write_text(text, encoding="utf-8")
    for block in everywhere():
        if block.saved:
            (folder / block.saved).write_text(block.text, encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def shell(checkout: Path) -> Shell:
    """Runs commands in the checkout."""

    def run(commands: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=checkout, env=clean(checkout), capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip

    return run


@pytest.fixture(scope="session")
def study(checkout: Path, shell: Shell) -> Path:
    """The checkout after `make run`."""
    done = shell("make run CORES=2")
    assert done.returncode == 0, done.stdout + done.stderr
    return checkout
