"""Another workflow uses this one as a module, twice, under names, paths and settings of its own."""

import json
import re
import subprocess
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from running import PYTHON, ROOT, TINY, environment

PAGE = (ROOT / "docs" / "in-another-workflow.md").read_text(encoding="utf-8")
(SHOWN,) = re.findall(r"^```snakemake\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
SECOND = """
module second:
    snakefile: "/path/to/repdyn/Snakefile"
    config: config["other"]

use rule * from second as second_*

rule mine:
    default_target: True
    input:
        rules.repdyn_tables.input,
        expand(rules.second_planes.output, seed=0),
    output: "mine.txt"
    shell: "touch {output}"
"""
SNAKEFILE = f'configfile: "analysis.yaml"\n{SHOWN}{SECOND}'.replace("/path/to/repdyn", str(ROOT))
ALONE = f"""
import yaml
from pathlib import Path

module repdyn:
    snakefile: "{ROOT}/Snakefile"
    config: yaml.safe_load(Path("analysis.yaml").read_text())["repdyn"]

use rule * from repdyn
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory) -> Path:
    """A folder with a workflow that uses this one, and its config."""
    folder = tmp_path_factory.mktemp("module")
    small = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    for grid, left_out in (("archs", "resnet"), ("optimizers", "adam")):
        del small[grid][left_out]
    small |= {"training": {"epochs": 2, "batch_size": 32}, "checkpoints": {"per_decade": 2}}
    other = small | {"name": "other", "planes": small["planes"] | {"seed": 3}}
    (folder / "Snakefile").write_text(SNAKEFILE, encoding="utf-8")
    (folder / "alone.smk").write_text(ALONE, encoding="utf-8")
    (folder / "analysis.yaml").write_text(yaml.safe_dump({"repdyn": small, "other": other}), encoding="utf-8")
    return folder


def snakemake(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    words = [PYTHON, "-m", "snakemake", "--cores", "2", *arguments]
    return subprocess.run(words, cwd=folder, env=environment(), capture_output=True, encoding="utf-8", check=False)


@pytest.fixture(scope="module")
def finished(place: Path) -> Path:
    done = snakemake(place)
    assert done.returncode == 0, done.stderr
    return place


def test_each_module_s_jobs_run_its_own_study_under_its_own_prefix(finished):
    for table, seed in (("representations/results/tiny", 0), ("results/other", 3)):
        about = json.loads(pq.read_schema(finished / table / "planes/seed=0/planes.parquet").metadata[b"repdyn"])
        assert about["hyperparameters"]["planes"]["seed"] == seed
    assert (finished / "representations/results/tiny/findings/findings.parquet").is_file()
    assert {path.name for path in (finished / "results").iterdir()} == {"other"}
    assert (finished / "mine.txt").is_file()


def test_the_module_s_hook_that_the_workflow_calls_fetches_the_data(finished):
    assert " done in " in (finished / "representations/results/tiny/logs/fetch.log").read_text(encoding="utf-8")
    assert not (finished / "results/other/logs/fetch.log").exists()


def test_a_second_call_has_nothing_to_do_and_a_changed_setting_of_one_module_is_seen(finished):
    assert "Nothing to be done" in snakemake(finished, "--dry-run").stdout
    config = finished / "analysis.yaml"
    before = config.read_text(encoding="utf-8")
    changed = yaml.safe_load(before)
    changed["other"]["planes"]["seed"] = 4
    config.write_text(yaml.safe_dump(changed), encoding="utf-8")
    try:
        jobs = snakemake(finished, "--dry-run", "--quiet", "rules").stdout
    finally:
        config.write_text(before, encoding="utf-8")
    assert "second_planes" in jobs
    assert "repdyn_planes" not in jobs


def test_a_module_whose_workflow_has_no_configfile_is_planned_and_a_mistake_in_it_is_a_sentence(place):
    done = snakemake(place, "--snakefile", "alone.smk", "--dry-run", "--", "all")
    assert done.returncode == 0, done.stderr
    assert "findings" in done.stdout
    (place / "wrong.smk").write_text(ALONE.replace('["repdyn"]', '["repdyn"] | {"seed": 1}'), encoding="utf-8")
    done = snakemake(place, "--snakefile", "wrong.smk", "--dry-run", "--", "all")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("the config of module repdyn: `seed` is not a setting")
    assert "Traceback" not in done.stderr
