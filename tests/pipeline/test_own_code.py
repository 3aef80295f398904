"""The recipe of `docs/your-network.md`, through Snakemake: trained, and retrained when edited."""

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from running import PYTHON

ROOT = Path(__file__).parents[2]
TINY = ROOT / "tests" / "pipeline" / "tiny.yaml"
HISTORY = "results/tiny/history/arch=mine/optimizer=mine/seed=0/history.parquet"


def shown(language: str) -> str:
    """The example of that language under `Your own code`."""
    page = (ROOT / "docs" / "your-network.md").read_text(encoding="utf-8")
    section = page.split("## Your own code", 1)[1]
    found = re.search(rf"```{language}\n(.*?)```", section, re.DOTALL)
    assert found is not None
    return found[1]


@pytest.fixture
def folder(tmp_path):
    """A study beside which its model and optimizer lie; Snakemake runs in another folder."""
    (tmp_path / "my_code.py").write_text(shown("python"), encoding="utf-8")
    study = yaml.safe_load(TINY.read_text(encoding="utf-8")) | yaml.safe_load(shown("yaml"))
    study["training"]["epochs"] = 2
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(study), encoding="utf-8")
    (tmp_path / "elsewhere").mkdir()
    # Nothing of Python's own, nor of what is installed, may be looked for there first.
    for place in (tmp_path, tmp_path / "elsewhere"):
        for name in ("types", "signal", "random", "queue", "numpy", "yaml", "pyarrow", "repdyn"):
            (place / f"{name}.py").write_text("raise SystemExit(f'{__file__} is imported')\n", encoding="utf-8")
    return tmp_path


def snakemake(folder: Path, *arguments: str) -> str:
    command = [PYTHON, "-P", "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--cores", "1"]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    environment.pop("REPDYN_STUDIES", None)
    command += ["--configfile", str(folder / "study.yaml"), *arguments]
    done = subprocess.run(
        command, cwd=folder / "elsewhere", env=environment, capture_output=True, encoding="utf-8", check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_one_s_own_model_and_optimizer_train_and_an_edit_of_them_trains_anew(folder):
    snakemake(folder, "--", HISTORY)
    assert (folder / "elsewhere" / HISTORY).is_file()
    code = folder / "my_code.py"
    code.write_text(code.read_text(encoding="utf-8") + "\n# A remark.\n", encoding="utf-8")
    assert "Nothing to be done" in snakemake(folder, "--dry-run", "--", HISTORY)
    code.write_text(code.read_text(encoding="utf-8").replace("nn.Tanh()", "nn.ReLU()"), encoding="utf-8")
    assert "Params have changed" in snakemake(folder, "--dry-run", "--", HISTORY)
