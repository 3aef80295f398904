"""Which file a file is: right settings in the wrong place are refused, in a sentence that names both."""

import importlib
import itertools
import pkgutil
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest
import torch
from torch import nn

from repdyn import records
from repdyn.catalogue import stages
from repdyn.catalogue.paths import Paths
from repdyn.errors import DamagedError, RepdynError
from repdyn.figures import reading
from repdyn.pipeline.counts import StudyCounts
from repdyn.pipeline.jobs import Job
from repdyn.records.planes import PLANES
from repdyn.records.regions import FLOOR, SIMILARITY
from repdyn.records.train import CHECKPOINT, HISTORY
from repdyn.storage import tables
from repdyn.storage.origin import Record
from repdyn.training import checkpoints

MODULES = [importlib.import_module(f"repdyn.records.{found.name}") for found in pkgutil.iter_modules(records.__path__)]
RECORDS = [value for module in MODULES for value in vars(module).values() if isinstance(value, Record)]


@pytest.fixture
def job(make_job, config):
    return make_job("figure", config)


def metadata(job: Job, record: Record, **changes):
    """What a file of this job's run says about itself; its step, too, if it is a checkpoint."""
    step = {"step": 4, "epoch": 1.0} if record is CHECKPOINT else {}
    return replace(job, stage=record.stage).metadata(record) | step | changes


def test_every_file_of_a_study_has_a_record_of_its_own_name_which_is_its_folder(job):
    assert len({record.name for record in RECORDS}) == len(RECORDS) > 0
    for record in RECORDS:
        path = job.path(record, step=4 if record is CHECKPOINT else None)
        beside = f"{job.paths.root}/{record.name}.parquet"  # the pairs of findings lie beside them
        assert path.startswith(f"{job.paths.root}/{record.name}/") or path == beside, record


def test_a_stage_is_said_to_write_the_files_that_it_has_records_of():
    of_stages = {name: [record.path for record in RECORDS if record.stage == name] for name in stages.STAGES}
    assert sum(map(len, of_stages.values())) == len(RECORDS)
    # What training writes, another stage writes of runs that were trained elsewhere; only training has a state.
    of_stages["record"] = [path for path in of_stages["train"] if path != Paths.state]
    for name, stage in stages.STAGES.items():
        assert set(stage.writes) == set(of_stages[name]), name
        assert {record.scope for record in RECORDS if record.stage == name} <= {stage.scope}, name


def test_each_file_is_refused_in_the_place_of_every_other(job):
    found = {record.name: metadata(job, record) for record in RECORDS}
    for here, there in itertools.product(RECORDS, repeat=2):
        wanted = job.origin(there, step=4 if there is CHECKPOINT else None)
        if here is there:
            wanted.check("file", found[here.name])
            continue
        with pytest.raises(RepdynError) as raised:
            wanted.check("file", found[here.name])
        said = str(raised.value)
        assert f"says that it is `{here.name}`" in said
        assert f"but `{there.name}`" in said
        assert "move it to its place, or delete it" in said


@pytest.mark.parametrize("change", [{"arch": "vit"}, {"optimizer": "adam"}, {"seed": 1}])
def test_a_file_of_another_run_is_refused_naming_both_runs(job, change):
    about = metadata(job, HISTORY)
    other = replace(job.run, **change)
    with pytest.raises(
        RepdynError, match=rf"`history` \(stage train\) of {job.run}, but `history` .* of {other} belongs"
    ):
        job.origin(HISTORY, other).check("history.parquet", about)


def test_a_checkpoint_copied_over_another_step_is_refused(job, tmp_path):
    paths = [tmp_path / f"step={step}.safetensors" for step in (4, 16)]
    model = nn.Linear(2, 2)
    checkpoints.save(paths[0], model, metadata(job, CHECKPOINT))
    shutil.copy(*paths)
    torch.nn.init.zeros_(model.weight)
    with pytest.raises(RepdynError, match=r"step=16\.safetensors` says .* at step 4, but .* at step 16 belongs there"):
        checkpoints.load(paths[1], model, job.origin(CHECKPOINT, step=16))
    assert not model.weight.any()
    checkpoints.load(paths[0], model, job.origin(CHECKPOINT, step=4))


def test_the_noise_floor_is_refused_in_the_place_of_similarities(job):
    empty = {name: [] for name in FLOOR.names}
    tables.write(job.path(SIMILARITY), empty, FLOOR.schema, metadata(job, FLOOR))
    with pytest.raises(RepdynError, match=r"says that it is `regions/floor` .*, but `regions/similarity` "):
        reading.of_run(job, SIMILARITY)


def test_a_table_of_another_seed_is_refused_whoever_reads_it(job):
    zeros = {name: [0] * StudyCounts(job.study, job.run).evaluations for name in HISTORY.names}
    one, other = job, replace(job, grid_run=replace(job.run, seed=1))
    tables.write(one.path(HISTORY), zeros, HISTORY.schema, metadata(one, HISTORY))
    Path(other.path(HISTORY)).parent.mkdir(parents=True)
    shutil.copy(one.path(HISTORY), other.path(HISTORY))
    reading.of_run(job, HISTORY)
    with pytest.raises(RepdynError, match=r"seed=1/history\.parquet` says .* seed 0, but .* seed 1 belongs there"):
        reading.of_run(other, HISTORY)


def test_the_planes_of_another_seed_are_refused_and_those_of_a_seed_are_read_by_all_of_its_runs(job):
    other = replace(job, grid_run=job.study.run("vit", "adam", 0))
    assert job.place(PLANES) == other.place(PLANES)
    about = metadata(job, PLANES)
    other.origin(PLANES).check("planes.parquet", about)
    with pytest.raises(RepdynError, match=r"`planes` \(stage planes\) of seed 0, but `planes` .* of seed 1 belongs"):
        job.origin(PLANES, job.study.replicate(1)).check("planes.parquet", about)


@pytest.mark.parametrize(
    ("record", "rows", "too_few"),
    [(HISTORY, 21, 20), (SIMILARITY, 8**2 * 3, 8**2 * 3 - 1), (FLOOR, 8 * 3, 0)],
    ids=lambda value: getattr(value, "name", str(value)),
)
def test_a_table_of_too_few_rows_is_refused_naming_both_numbers(job, record, rows, too_few):
    for number in (rows, too_few):
        names = {
            name: [0 if pa.types.is_integer(record.schema.field(name).type) else None] * number for name in record.names
        }
        tables.write(job.path(record), names, record.schema, metadata(job, record))
        if number == rows:
            assert len(tables.read(*job.place(record))) == rows
    with pytest.raises(
        RepdynError, match=rf"has {too_few} rows where the table `{record.name}` of this study has \d+, or"
    ):
        tables.read(*job.place(record))


@pytest.mark.parametrize("missing", ["table", "stage", "run"])
def test_a_file_that_does_not_say_what_it_is_is_damaged(job, missing):
    about = metadata(job, HISTORY)
    del about[missing]
    with pytest.raises(DamagedError, match="do not say which file it is"):
        job.origin(HISTORY).check("history.parquet", about)


def test_records_need_no_stage():
    """A figure that reads a table needs nothing of what made it."""
    names = [module.__name__ for module in MODULES]
    code = f"import sys, {', '.join(names)}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True
    ).stdout.split()
    writing = {f"repdyn.{stages.module_of(record.stage)}" for record in RECORDS}
    assert not {*writing, "torch", "pandas", "scipy"} & set(loaded)
