"""Where the files of a study lie, as users, rules and readers of partitioned tables know them."""

import importlib
import pkgutil
import re
from dataclasses import replace
from typing import Any

import pytest

from repdyn import records
from repdyn.catalogue.paths import Paths
from repdyn.config.runs import Run
from repdyn.pipeline.jobs import Job
from repdyn.storage.origin import Record

MODULES = [importlib.import_module(f"repdyn.records.{found.name}") for found in pkgutil.iter_modules(records.__path__)]
RECORDS = {value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, Record)}
RUN = "arch=vit/optimizer=sgd/seed=0"
PATHS = Paths("results/digits")


@pytest.fixture
def job(make_job: Any, config: dict[str, Any]) -> Job:
    found: Job = make_job("figure", config)
    return found


def path(job: Job, record: Record, run: Run | None = None) -> str:
    """The path below the study's folder; of a checkpoint, that of step 4."""
    step = 4 if record.name == "checkpoints" else None
    return job.path(record, run, step).removeprefix(f"{job.paths.root}/")


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("history", "history/PARTS/history.parquet"),
        ("cka", "cka/PARTS/cka.parquet"),
        ("checkpoints", "checkpoints/PARTS/step=4.safetensors"),
        ("state", "state/PARTS"),
        ("probes/weights", "probes/weights/PARTS/probes.safetensors"),
        ("regions/similarity", "regions/similarity/PARTS/similarity.parquet"),
        ("phases/scores", "phases/scores/PARTS/scores.parquet"),
        ("examples", "examples/seed=0/examples.parquet"),
        ("cka_between", "cka_between/cka_between.parquet"),
        ("findings", "findings/findings.parquet"),
        ("findings/pairs", "findings/pairs.parquet"),
    ],
)
def test_users_find_tables_where_the_documentation_says(job: Job, name: str, place: str) -> None:
    assert path(job, RECORDS[name], job.study.run("vit", "sgd", 0)) == place.replace("PARTS", RUN)


def test_users_find_pages_figures_and_logs_where_the_documentation_says() -> None:
    assert PATHS.explorer() == "results/digits/explorer.html"
    assert PATHS.figure("cka", "svg", RUN) == f"results/digits/figures/{RUN}/cka.svg"
    assert PATHS.figure("findings-all", "pdf") == "results/digits/figures/findings-all.pdf"
    assert PATHS.log("train", RUN) == f"results/digits/logs/train/{RUN}.log"
    assert PATHS.log("findings") == "results/digits/logs/findings.log"


def test_no_two_files_of_a_grid_share_a_place_or_lie_in_one_another(job: Job) -> None:
    of_scope: dict[str, list[Run] | list[None]] = {"run": job.study.runs, "seed": job.study.runs, "study": [None]}
    found = [{path(job, record, run) for run in of_scope[record.scope]} for record in RECORDS.values()]
    numbers = {"run": len(job.study.runs), "seed": len(job.study.replicates), "study": 1}
    assert [len(places) for places in found] == [numbers[record.scope] for record in RECORDS.values()]
    files = set().union(*found)
    assert len(files) == sum(map(len, found))
    assert not [one for one in files for other in files if other.startswith(f"{one}/")]


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_file_lies_in_the_partition_of_its_run_or_seed_and_a_study_s_in_none(job: Job, record: Record) -> None:
    """Partitions are whole folders, one within the other, so that a reader of the whole grid finds the run."""
    folders = re.findall(r"(?<=/)\w+=[^/.]+(?=/|$)", path(job, record, job.study.run("vit", "sgd", 1)))
    assert folders == {"run": ["arch=vit", "optimizer=sgd", "seed=1"], "seed": ["seed=1"], "study": []}[record.scope]


def test_a_table_is_called_as_its_folder_is(job: Job) -> None:
    for record in RECORDS.values():
        if path(job, record).endswith(".parquet") and record.scope != "study":
            *folders, name = re.sub(r"/\w+=[^/]+", "", path(job, record)).split("/")
            assert name == f"{folders[-1]}.parquet"


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_pattern_in_place_of_a_run_and_a_step_gives_the_pattern_of_the_files(job: Job, record: Record) -> None:
    """As rules of Snakemake have them."""
    seed = "seed={seed}"
    parts = {"run": ["arch={arch}/optimizer={optimizer}/" + seed], "seed": [seed], "study": []}[record.scope]
    pattern = record.path(job.paths, *parts, *(["{step}"] if record.name == "checkpoints" else []))
    found = pattern.format(arch="vit", optimizer="sgd", seed=0, step=4)
    assert found == f"{job.paths.root}/{path(job, record, job.study.run('vit', 'sgd', 0))}"


def test_a_study_elsewhere_has_the_same_files_below_its_folder(job: Job) -> None:
    moved = replace(job, paths=Paths("/mnt/größe 1/digits"))
    for record in RECORDS.values():
        assert moved.path(record, step=4 if record.name == "checkpoints" else None).startswith("/mnt/größe 1/digits/")
        assert path(moved, record) == path(job, record)
