"""Every study that is shipped is valid and can be planned, on a machine that has neither its data nor a GPU."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from running import PYTHON

from repdyn.config import study as studies
from repdyn.pipeline import snapshot
from repdyn.planning import check

ROOT = Path(__file__).parents[2]
STUDIES = sorted([*(ROOT / "workflow" / "studies").glob("*.yaml"), ROOT / "config.yaml"])


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_is_valid_and_planned_without_its_data(path, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    # Here and now, instead of in a process that imports torch once more; Snakemake then finds that it was checked.
    monkeypatch.setattr(snapshot, "_apart", lambda copy, _: check.main(studies.load(copy)))
    study, _ = snapshot.take(yaml.safe_load(path.read_text(encoding="utf-8")))
    assert study.name == (path.stem if path.name != "config.yaml" else "digits")

    command = [PYTHON, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    environment.pop(snapshot.VARIABLE, None)
    done = subprocess.run(
        [*command, "--cores", "1", "--dry-run", "--quiet", "rules"],
        cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    jobs = dict(line.split()[:2] for line in done.stdout.splitlines() if len(line.split()) == 2)
    assert int(jobs["train"]) == int(jobs["phases"]) == len(study.runs)
    assert not (tmp_path / study.execution.data_root).exists()
