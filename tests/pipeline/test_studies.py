"""Every study that is shipped is valid and can be planned, on a machine that has neither its data nor a GPU."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from running import PYTHON

import repdyn
from repdyn.config import study as studies
from repdyn.data import datasets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.pipeline import snapshot
from repdyn.planning import check

ROOT = Path(__file__).parents[2]
STUDIES = sorted([*(ROOT / "workflow" / "studies").glob("*.yaml"), ROOT / "config.yaml"])
# What a study's code imports and the environment of users does not have: it is planned in that of the tests.
NEEDS = {"mnist1d": "mnist1d", "hf-vit": "transformers"}


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_a_study_is_valid_and_planned_without_its_data(path, tmp_path, monkeypatch):
    python = PYTHON
    if path.stem in NEEDS:
        pytest.importorskip(NEEDS[path.stem])
        python = sys.executable
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(path.parent)
    apart = snapshot._apart

    def here_and_now(name, copy, folders):
        """Instead of in a process that imports torch once more; Snakemake then finds that it was checked."""
        if name == "check":
            check.main(studies.load(copy))
        else:
            apart(name, copy, folders)

    monkeypatch.setattr(snapshot, "_apart", here_and_now)
    config, source = yaml.safe_load(path.read_text(encoding="utf-8")), snapshot.ConfigSource((path,))
    if studies.parse(config).recorded_runs:
        with pytest.raises(RepdynError, match="There is no checkpoint `runs/"):
            snapshot.take(config, source)
        _record_two_checkpoints(studies.parse(config))
    study, _ = snapshot.take(config, source)
    assert study.name == (path.stem if path.name != "config.yaml" else "digits")

    command = [python, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--configfile", str(path)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    environment.pop(snapshot.VARIABLE, None)
    done = subprocess.run(
        [*command, "--cores", "1", "--dry-run", "--quiet", "rules"],
        cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    jobs = dict(line.split()[:2] for line in done.stdout.splitlines() if len(line.split()) == 2)
    # Training has a rule for each level of the data.
    training = (jobs.get("train" if level is None else f"train_{level}", 0) for level in study.data_levels)
    assert sum(map(int, training)) == len(study.runs) - len(study.recorded_runs)
    assert sum(job.startswith("record_") for job in jobs) == len(study.recorded_runs)  # each has a rule of its own
    assert int(jobs["phases"]) == len(study.runs)
    is_own = any(data.is_own for data in study.data_levels.values())
    assert is_own or not (tmp_path / study.execution.data_root).exists()


def _record_two_checkpoints(study):
    """The shortest recordings of a study's runs."""
    data = datasets.settled(study, ()).data
    for run in study.recorded_runs:
        folder = study.recorded(run.optimizer).path.format(arch=run.arch, optimizer=run.optimizer, seed=run.seed)
        model = architectures.of_run(study, run, datasets.inputs(data), datasets.source(data).classes)
        with repdyn.Recorder(folder, model, steps_per_epoch=1) as recorder:
            recorder.step()
