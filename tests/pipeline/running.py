"""Snakemake as a user runs it."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "pipeline" / "tiny.yaml"


def snakemake(*arguments: str, folder: Path, root: Path = ROOT) -> "subprocess.CompletedProcess[str]":
    """Run Snakemake in a folder; ``root`` is the checkout whose workflow it runs."""
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(root / "Snakefile"), "--cores", "2", *arguments]
    environment = os.environ | {"PYTHONPATH": str(root / "workflow")}
    environment.pop("REPDYN_STUDY", None)
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
