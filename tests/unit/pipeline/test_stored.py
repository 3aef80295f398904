import pytest

from repdyn.errors import MissingError, RepdynError
from repdyn.pipeline import stored
from repdyn.records.examples import EXAMPLES
from repdyn.records.phases import SEGMENTS
from repdyn.records.probes import ACCURACY
from repdyn.storage import tables

UNLABELLED = {
    "shape": [4], "kind": "numbers", "dtype": "float32", "classes": None, "vocabulary": None, "train": 100, "test": 50,
    "given_labels": False, "contents": "0" * 16,
}  # fmt: skip


def segments(layer):
    row = {"layer": layer, "depth": 0, "part": "stem", "measure": "cka", "phase": 0, "step_start": 0, "step_end": 4}
    return {name: [value] for name, value in (row | {"epoch_start": 0.0, "epoch_end": 1.0, "width": None}).items()}


def write(job, table, columns):
    tables.write(job.path(table), columns, table.schema, job.metadata(table))


def test_a_table_is_that_of_the_job_s_run_or_of_another(make_job, config):
    one, other = (make_job("phases", config, arch="vit", seed=seed) for seed in (0, 1))
    write(one, SEGMENTS, segments("first"))
    write(other, SEGMENTS, segments("second"))
    assert stored.read(one, SEGMENTS).layer.tolist() == ["first"]
    assert stored.read(one, SEGMENTS, other.run).layer.tolist() == ["second"]
    frame = stored.read(one, SEGMENTS)
    assert frame.columns.tolist() == SEGMENTS.names
    assert frame.width.isna().all()


def test_a_table_of_a_seed_is_shared_by_its_runs(make_job, config):
    writing = make_job("examples", config, seed=1)
    n = range(180)
    columns = {"split": ["train"] * 180, "example": n, "label": n, "class_name": [""] * 180, "given_label": n}
    write(writing, EXAMPLES, columns | {"mislabelled": [False] * 180, "common": [True] * 180})
    for arch in ("resnet", "vit"):
        job = make_job("phases", config, arch=arch, seed=1)
        assert stored.read(job, EXAMPLES).example.tolist() == list(n)
    with pytest.raises(MissingError):
        stored.read(make_job("phases", config, seed=0), EXAMPLES)


def test_a_table_in_the_place_of_another_run_s_is_refused(make_job, config):
    one, other = (make_job("phases", config, seed=seed) for seed in (0, 1))
    tables.write(other.path(SEGMENTS), segments("first"), SEGMENTS.schema, one.metadata(SEGMENTS))
    with pytest.raises(RepdynError, match=r"of resnet sgd seed 0, but .* of resnet sgd seed 1 belongs there"):
        stored.read(other, SEGMENTS)


def test_what_the_study_leaves_out_has_no_rows_but_its_columns_and_types(make_job, config):
    config["data"] = {"dataset": "numbers.npz", "facts": UNLABELLED}
    frame = stored.read(make_job("phases", config), ACCURACY)
    assert (len(frame), frame.columns.tolist()) == (0, ACCURACY.names)
    assert (frame.step.dtype, frame.accuracy.dtype) == ("int64", "float64")
