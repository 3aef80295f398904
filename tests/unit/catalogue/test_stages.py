"""What follows from a stage's entry: a further stage is a module, an entry and a rule."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from running import TINY

from repdyn.catalogue import stages
from repdyn.catalogue.stages import STAGES
from repdyn.config import study as studies
from repdyn.pipeline import provenance

RULES = provenance.PACKAGE.parent / "rules"
MODULE = """
from ..runtime import seeds

def main(job):
    print("plays with", job.run, job.study.training.epochs, seeds.ORDER)
"""
ENTRY = """
STAGES["toy"] = Stage(
    scope="run", help="a toy", sections=("data", "training.epochs"), user_code=("model",), reads_images=True
)
"""
ASK = """
import json, sys
from pathlib import Path
from repdyn.config import study as studies
from repdyn.pipeline import jobs
from repdyn.planning import plan
study = studies.load(Path(sys.argv[1]))
planned = plan.of(study)
lines = plan.report(study, planned, 1e12).splitlines()
print(json.dumps([jobs.fingerprint(study, "toy", study.run("vit", "sgd", 0)), planned.jobs["toy"], lines]))
"""


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the library with a further stage, of which nothing says but its module and its entry."""
    ignored = shutil.ignore_patterns("__pycache__")
    package = Path(shutil.copytree(provenance.PACKAGE, tmp_path / "workflow" / "repdyn", ignore=ignored))
    (package / "stages" / "toy.py").write_text(MODULE, encoding="utf-8")
    with (package / "catalogue" / "stages.py").open("a", encoding="utf-8") as file:
        file.write(ENTRY)
    return package


def python(library: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PYTHONPATH": str(library.parent)}
    return subprocess.run(
        [sys.executable, *words],
        cwd=library.parent,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def rules() -> dict[str, str]:
    """Each rule with its text."""
    files = sorted(set(RULES.glob("*.smk")) - {RULES / "common.smk"})
    texts = "".join(path.read_text(encoding="utf-8") for path in files)
    parts = re.split(r"^rule (\w+):$", texts, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_a_further_stage_is_on_the_command_line(library):
    words = ["-m", "repdyn", "toy", "--study", str(TINY), "--arch", "vit", "--optimizer", "sgd"]
    done = python(library, *words, "--seed", "0")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["plays", "with", "vit", "sgd", "seed", "0", "20", "1"]
    assert "the following arguments are required: --seed" in python(library, *words).stderr
    assert re.search("toy +a toy", python(library, "-m", "repdyn", "--help").stdout)


def test_a_further_stage_has_a_fingerprint_and_is_planned(library):
    done = python(library, "-c", ASK, str(TINY))
    assert done.returncode == 0, done.stderr
    fingerprint, planned, lines = json.loads(done.stdout)
    study = studies.load(TINY)
    data = study.data.model_dump(mode="json")
    assert fingerprint["hyperparameters"] == {"data": data, "training": {"epochs": study.training.epochs}}
    assert fingerprint["code"] == provenance.code_digest("stages.toy", package=library)
    assert planned == len(study.runs)
    assert f"toy {planned} not estimated".split() in [line.split() for line in lines]


def test_every_stage_has_the_module_and_the_rule_that_its_entry_promises():
    of_rules = rules() | {"train": (RULES / "train.smk").read_text(encoding="utf-8")}  # a rule for each of the data
    for name, stage in STAGES.items():
        if name == "record":  # a rule for each run, without wildcards
            continue
        assert provenance.PACKAGE.joinpath(*stages.module_of(name).split(".")).with_suffix(".py").is_file(), name
        if stage.scope in ("run", "seed", "study") and name != "fetch":
            assert f"-m repdyn {name} " in of_rules[name]
            # `here` passes on what the message names.
            assert ("{OF_SEED}" in of_rules[name]) == (stage.scope == "seed"), name
            assert ("{OF_RUN}" in of_rules[name]) == (stage.scope == "run"), name
            assert (f'gpu=gpus("{name}")' in of_rules[name]) == stage.uses_gpu, name
        if stage.sections:
            assert f'made_with=made_with("{name}")' in of_rules[name], name


def test_the_runs_from_elsewhere_have_a_rule_each_of_what_their_stage_promises():
    text = (RULES / "record.smk").read_text(encoding="utf-8")
    assert provenance.PACKAGE.joinpath("stages", "record.py").is_file()
    for part in ("-m repdyn record ", 'gpu=gpus("record")', 'jobs.fingerprint(STUDY, "record", RECORDED'):
        assert part in text


def test_no_stage_goes_by_a_name_that_it_does_not_have(config):
    with pytest.raises(KeyError):
        studies.parse(config).hyperparameters("trian")
