"""Snakemake as a user runs it, and what it left, byte for byte."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pyarrow.parquet as pq

ROOT = Path(__file__).parents[1]
TINY = ROOT / "tests" / "pipeline" / "tiny.yaml"
_RUN = ROOT / ".venv" / "bin" / "python"
# Studies run in the environment that users have, not in the larger one that the tests run in.
PYTHON = str(_RUN if _RUN.exists() else sys.executable)
ANIMATION = "results/tiny/figures/arch=vit/optimizer=sgd/seed=0/planes-mislabelled.gif"
# Only what never comes is waited for so long, in seconds, however busy the machine is.
PATIENCE = 1800.0
# Not results: what a job said, what training continues from, the study's own copy.
NOT_RESULTS = {"logs", "state", "study"}


def environment(root: Path = ROOT) -> dict[str, str]:
    """This process's environment, with the library of a checkout and the Python that users have."""
    left_out = ("REPDYN_STUDIES", "PYTHONDONTWRITEBYTECODE")  # of the latter, the Makefile says why
    own = {name: value for name, value in os.environ.items() if name not in left_out}
    path = f"{Path(PYTHON).parent}{os.pathsep}{os.environ['PATH']}"
    return own | {"PATH": path, "PYTHONPATH": str(root / "workflow")}


def command(*arguments: str, root: Path = ROOT) -> list[str]:
    """The Snakemake command that runs a checkout's workflow on two cores."""
    return [PYTHON, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--cores", "2", *arguments]


def wait_for(what: Callable[[], object], name: str) -> None:
    """Ask again and again until it is true; an AssertionError when patience is at its end."""
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline, f"waited {PATIENCE:.0f} s in vain for {name}"
        time.sleep(0.01)


def snakemake(*arguments: str, folder: Path, root: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run Snakemake in a folder; ``root`` is the checkout whose workflow it runs."""
    words = command(*arguments, root=root)
    return subprocess.run(words, cwd=folder, env=environment(root), capture_output=True, encoding="utf-8", check=False)


def content(results: Path) -> dict[str, str]:
    """Every result file of a study and a digest of its bytes, but for the times that a history measured."""
    named = {path.relative_to(results): path for path in results.rglob("*") if path.is_file()}
    return {str(name): _digest(path) for name, path in sorted(named.items()) if name.parts[0] not in NOT_RESULTS}


def _digest(path: Path) -> str:
    if path.name != "history.parquet":
        return hashlib.sha256(path.read_bytes()).hexdigest()
    table = pq.read_table(path, partitioning=None).drop_columns("seconds")
    return hashlib.sha256(repr((table.schema.metadata, table.to_pydict())).encode()).hexdigest()


def differences(found: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """Files that are missing, too many, or not the same bytes."""
    return [name for name in sorted({*found, *wanted}) if found.get(name) != wanted.get(name)]


def checkout(folder: Path) -> Path:
    """A fresh checkout of the working tree: what git tracks or would, nothing that it ignores."""
    list_files = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(list_files, cwd=ROOT, capture_output=True, encoding="utf-8", check=True).stdout
    for name in filter(None, listed.split("\0")):
        source, target = ROOT / name, folder / name
        if source.is_symlink() or source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target, follow_symlinks=False)
    return folder
