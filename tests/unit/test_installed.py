"""The package as `pip install .` makes it: what it needs, its command, and its data.

A wheel is built and installed beside this environment's own packages, which it finds without the network.
"""

import ast
import re
import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
from importlib import metadata
from pathlib import Path

import pytest
from running import TINY

import repdyn
from repdyn.pipeline.provenance import PACKAGE

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
# Import name -> published name, where they are not the same.
PUBLISHED = {"PIL": "pillow", "sklearn": "scikit-learn", "yaml": "pyyaml", "pytorch_lightning": "lightning"}
# What runs the examples of README and docs, and no part of the package.
OF_DOCUMENTATION = {"duckdb", "ipykernel"}


def named(requirements: list[str]) -> set[str]:
    return {re.match(r"[\w.-]+", requirement)[0] for requirement in requirements}


DEPENDENCIES = named(PROJECT["dependencies"])
EXTRAS = {extra: named(needed) for extra, needed in PROJECT["optional-dependencies"].items()}


def imported() -> set[str]:
    """The published names of all packages that the library imports, wherever."""
    found = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    return {PUBLISHED.get(name, name) for name in found - sys.stdlib_module_names}


def test_dependencies_are_what_the_library_imports():
    optional = EXTRAS["lightning"] | EXTRAS["transformers"] | EXTRAS["tensorboard"]
    assert imported() - optional == DEPENDENCIES


def test_what_is_pinned_for_the_workflow_is_what_the_package_says_that_it_needs():
    lines = (ROOT / "envs" / "requirements.in").read_text(encoding="utf-8").splitlines()
    pinned = named([line for line in lines if line and not line.startswith("#")])
    assert pinned == DEPENDENCIES | EXTRAS["workflow"] | OF_DOCUMENTATION


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of commands of a fresh environment, into which a wheel was installed."""
    folder = tmp_path_factory.mktemp("installed")
    source = folder / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    for package in (PACKAGE, PACKAGE.with_name("snakemake_logger_plugin_repdyn")):
        shutil.copytree(package, source / "workflow" / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    built = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", folder, source]
    subprocess.run(built, check=True)
    (wheel,) = folder.glob("*.whl")
    venv.create(folder / "venv", with_pip=False, symlinks=True)
    commands = folder / "venv" / "bin"
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.run([commands / "python", "-c", code], capture_output=True, encoding="utf-8", check=True)
    pip = [*pip, "--python", commands / "python"]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", wheel], check=True)
    # `addsitedir` follows the .pth files there, too, by which one environment sees another; the wheel is before them.
    others = {sysconfig.get_path("purelib"), str(Path(metadata.distribution("torch").locate_file("")))}
    lines = "\n".join(f"import site; site.addsitedir({other!r})" for other in sorted(others))
    Path(site.stdout.strip(), "others.pth").write_text(lines + "\n", encoding="utf-8")
    return commands


def run(command: Path, *arguments: str | Path, folder: Path) -> "subprocess.CompletedProcess[str]":
    words = [str(command), *map(str, arguments)]
    return subprocess.run(words, cwd=folder, env={}, capture_output=True, encoding="utf-8", check=False)


def test_the_command_works_from_an_empty_folder(installed: Path, tmp_path: Path):
    repdyn_ = installed / "repdyn"
    assert run(repdyn_, "--version", folder=tmp_path).stdout == f"repdyn {repdyn.__version__}\n"
    assert run(repdyn_, "--help", folder=tmp_path).stdout.startswith("usage: repdyn ")
    done = run(repdyn_, "check", "--study", TINY, folder=tmp_path)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    done = run(repdyn_, "check", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "There is no study config at `config.yaml`.\n")
    assert run(repdyn_, "schema", folder=tmp_path).stdout.startswith('{\n  "$schema":')
    assert [*tmp_path.iterdir()] == []
    done = run(repdyn_, "init", folder=tmp_path)
    assert "repdyn check --study config.yaml" in done.stdout, done.stderr
    assert run(repdyn_, "check", folder=tmp_path).returncode == 0


def test_the_wheel_has_the_data_that_the_library_reads(installed: Path, tmp_path: Path):
    code = "import repdyn, pathlib; print(pathlib.Path(repdyn.__file__).parent)"
    there = Path(run(installed / "python", "-c", code, folder=tmp_path).stdout.strip())
    assert installed.parent in there.parents
    assert data_of(there) == data_of(PACKAGE)


def data_of(package: Path) -> set[Path]:
    """The files of a package, but for its modules and what Python and the library keep of them."""
    kept = {path.relative_to(package) for path in package.rglob("*") if path.is_file() and path.suffix != ".py"}
    return {path for path in kept if "__pycache__" not in path.parts}
