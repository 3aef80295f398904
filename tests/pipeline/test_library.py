"""Which library runs: the one beside the Snakefile, whatever else is installed, on the path, or imported already."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import ROOT, TINY, checkout, command, environment

SAID = "said by another library"


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another checkout, whose library says so."""
    root = checkout(tmp_path_factory.mktemp("other") / "checkout")
    examples = root / "workflow" / "repdyn" / "stages" / "examples.py"
    text = examples.read_text(encoding="utf-8")
    assert text.count("    LOG.info(\n") == 1
    examples.write_text(text.replace("    LOG.info(\n", f'    LOG.info("{SAID}")\n    LOG.info(\n'), encoding="utf-8")
    return root


def snakemake(root: Path, folder: Path, first_on_path: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    """Run a checkout's workflow where the library of another is first on Python's path."""
    variables = environment() | {"PYTHONPATH": str(first_on_path / "workflow")}
    words = command("--configfile", str(TINY), *arguments, root=root)
    return subprocess.run(words, cwd=folder, env=variables, capture_output=True, encoding="utf-8", check=False)


@pytest.mark.parametrize("installed", ["on the path", "to be edited"])
def test_the_library_beside_the_snakefile_reads_the_rules_and_runs_the_jobs(other, tmp_path, installed):
    examples = "results/tiny/examples/seed=0/examples.parquet"
    root, elsewhere = (other, ROOT) if installed == "on the path" else (ROOT, other)
    done = snakemake(root, tmp_path, elsewhere, "--", examples)
    assert done.returncode == 0, done.stderr
    log = (tmp_path / "results/tiny/logs/examples/seed=0.log").read_text(encoding="utf-8")
    assert (SAID in log) == (root == other)


def test_a_library_that_is_in_use_already_is_not_taken_for_the_one_beside_the_snakefile(other, tmp_path):
    snakefile = tmp_path / "Snakefile"
    snakefile.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'workflow')!r})\nimport repdyn\n"
        f"include: {str(other / 'Snakefile')!r}\n",
        encoding="utf-8",
    )
    words = [
        sys.executable,
        "-m",
        "snakemake",
        "--snakefile",
        str(snakefile),
        "--cores",
        "1",
        "--configfile",
        str(TINY),
    ]
    done = subprocess.run(
        [*words, "--dry-run"], cwd=tmp_path, env=environment(), capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 1
    assert f"The rules in `{other / 'workflow' / 'rules'}` run the library beside that folder" in done.stderr
    assert str(ROOT / "workflow" / "repdyn") in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_by_hand_says_so_if_it_is_not_of_the_checkout_that_it_runs_in(other):
    def run(root: Path) -> str:
        words = [sys.executable, "-m", "repdyn", "name", "--study", str(TINY)]
        variables = os.environ | {"PYTHONPATH": str(root / "workflow")}
        return subprocess.run(words, cwd=other, env=variables, capture_output=True, encoding="utf-8", check=True).stderr

    assert run(other) == ""
    assert f"This is the library of `{ROOT / 'workflow'}`" in run(ROOT)
