"""That `make lint` refuses imports that run upward, packages without a floor, and jobs where numbers are computed."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from repdyn.pipeline import provenance

ROOT = Path(__file__).parents[2]
# Module, what it is made to say, and what is said of it.
AGAINST = [
    ("storage/tables.py", "from ..figures import style", "repdyn.storage is not allowed to import repdyn.figures"),
    ("similarity/cka.py", "from ..models import pooling", "repdyn.similarity is not allowed to import repdyn.models"),
    (
        "analysis/events.py",
        "if TYPE_CHECKING:\n    from ..pipeline.jobs import Job",
        "repdyn.analysis is not allowed to import repdyn.pipeline",
    ),
    ("planning/plan.py", "from ..pipeline.jobs import Job", "repdyn.planning.plan -> repdyn.pipeline.jobs"),
    ("attic/__init__.py", '"""Of no floor."""', "attic"),
]


@pytest.fixture
def library(tmp_path: Path) -> Path:
    ignored = shutil.ignore_patterns("__pycache__")
    return Path(shutil.copytree(provenance.PACKAGE, tmp_path / "repdyn", ignore=ignored))


def linted(library: Path) -> subprocess.CompletedProcess[str]:
    """What `make lint` says of the imports of a library."""
    lint = Path(sys.executable).with_name("lint-imports")
    return subprocess.run(
        [lint, "--no-cache", "--no-logo", ROOT / "pyproject.toml"],
        cwd=library.parent,
        env=os.environ | {"PYTHONPATH": str(library.parent), "COLUMNS": "200"},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_library_keeps_the_rules(library):
    done = linted(library)
    assert done.returncode == 0, done.stdout + done.stderr


def test_imports_against_the_rules_are_named(library):
    for module, line, _ in AGAINST:
        path = library / module
        path.parent.mkdir(exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"\n{line}\n")
    done = linted(library)
    assert done.returncode == 1
    for *_, said in AGAINST:
        assert said in " ".join(done.stdout.split())


def test_test_files_import_helpers_and_never_each_other():
    """Two of them may have the same name; what several use is a module that pytest's ``pythonpath`` finds."""
    imported = re.compile(r"^\s*(?:from|import) (?:test_\w+|conftest)\b", re.MULTILINE)
    files = sorted((ROOT / "tests").rglob("*.py"))
    assert [str(path) for path in files if imported.search(path.read_text(encoding="utf-8"))] == []
