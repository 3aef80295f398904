import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.spatial import distance
from synthetic import reference
from tiny_stages import STEPS, Config, MakeJob, store

from repdyn.catalogue.measures import DEFAULT
from repdyn.config import study
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.records.cka import CKA
from repdyn.records.inputs import INPUTS
from repdyn.representations.selection import Place, StoredRepresentations
from repdyn.representations.table import Representations
from repdyn.similarity.measured import Measured
from repdyn.stages import cka
from repdyn.storage import tables

pytestmark = pytest.mark.usefixtures("any_number_of_rows")


def test_streamed_features_are_those_read_whole(
    make_job: MakeJob, config: Config, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job("activations", config)
    store(job, 0)
    monkeypatch.setattr("repdyn.representations.table.STREAMED", 4 * 9 * 7)  # seven rows at a time
    table = Representations(job.paths.activations(job.run.path))
    source = StoredRepresentations([Place(table, "first", 5), Place(table, "second", 5)])
    for e in (0, 1):
        whole = source.read(e, 0, source.features[e])
        np.testing.assert_array_equal(source.read(e, 2, 5), whole[:, 2:5])


def test_a_small_budget_gives_the_same_table(make_job: MakeJob, config: Config) -> None:
    store(make_job("activations", config), 0, constant=True)
    frames: list[Any] = []
    config["measures"] = ["cka_deconfounded"]  # others are of whole Grams: see test_measured.py
    for memory in (1, 1e-5):
        config["execution"] = {"device": "cpu", "memory_gib": memory}
        job = make_job("cka", config)
        cka.main(job)
        frames.append(pd.read_parquet(job.paths.cka(job.run.path)))
    pd.testing.assert_frame_equal(frames[0], frames[1], rtol=0, atol=1e-6)
    assert frames[0].cka.isna().sum() == 3


def test_batches_are_used_where_configured(make_job: MakeJob, config: Config) -> None:
    store(make_job("activations", config), 0)
    tables_of, config["measures"] = [], ["cka"]
    for cka_settings in ({}, {"batch_examples": 10}, {"batch_examples": 30}):
        config["cka"] = cka_settings
        job = make_job("cka", config)
        cka.main(job)
        tables_of.append(pd.read_parquet(job.paths.cka(job.run.path)))
    assert list(tables_of[1]) == CKA.names
    pd.testing.assert_frame_equal(tables_of[0], tables_of[2], rtol=0, atol=1e-6)
    assert (tables_of[0].cka_debiased - tables_of[1].cka_debiased).abs().max() > 1e-4


def test_intervals_are_there_only_where_configured(make_job: MakeJob, config: Config) -> None:
    store(make_job("activations", config), 0, constant=True)
    del config["measures"]
    for resamples, columns in ((0, []), (20, ["cka_low", "cka_high"])):
        config["cka"] = {"resamples": resamples}
        job = make_job("cka", config)
        cka.main(job)
        frame: Any = pd.read_parquet(job.paths.cka(job.run.path))
        assert list(frame) == [*CKA.names, *columns, *DEFAULT[2:]]
    defined = frame.dropna(subset="cka")
    assert (defined.cka_low <= defined.cka + 1e-12).all()
    assert (defined.cka <= defined.cka_high + 1e-12).all()
    assert frame.cka_low.isna().equals(frame.cka.isna())
    with pytest.raises(RepdynError, match="leave out `batch_examples`"):
        study.parse(config | {"cka": {"resamples": 20, "batch_examples": 10}})


def test_the_measures_of_the_config_are_columns_in_its_order(
    make_job: MakeJob, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    stored = store(make_job("activations", config), 0, constant=True)
    config["measures"] = [
        {"name": "distances", "vector": "scipy.spatial.distance:pdist"},
        "knn",
        {"name": "products", "pairs": "numpy:vdot"},
        "cka",
    ]
    job = make_job("cka", config)
    cka.main(job)
    frame: Any = pd.read_parquet(job.paths.cka(job.run.path))
    assert list(frame) == [*CKA.names, "distances", "knn", "products"]
    units = job_units(job)
    assert units["distances"].startswith("similarity, -1 to 1")
    row = frame[(frame["layer"] == "second") & (frame["step_a"] == 0) & (frame["step_b"] == 5)].iloc[0]
    one, other = (distance.pdist(stored["second", step]) for step in STEPS)
    assert row["distances"] == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-6)
    assert row["products"] == pytest.approx(np.vdot(stored["second", 0], stored["second", 5]), rel=1e-5)
    assert frame[frame["layer"] == "first"]["knn"].isna().sum() == 3
    assert "layer first is the same for all examples, so without similarity, at step 0" in caplog.text


def job_units(job: Job) -> dict[str, str]:
    about = pq.read_schema(job.paths.cka(job.run.path)).metadata[b"repdyn"]
    units: dict[str, str] = json.loads(about)["units"]
    return units


def test_the_log_names_the_least_gap_that_a_subspace_rests_on(
    make_job: MakeJob, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    stored = store(make_job("activations", config), 0, constant=True)
    config["measures"] = ["cka", {"name": "subspace", "components": 2}]
    with caplog.at_level("INFO"):
        cka.main(make_job("cka", config))
    gaps = {}
    for place, X in stored.items():
        values = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
        if values[0] > 1e-6:  # not of the constant one
            gaps[place] = (values[1] - values[2]) / values[0]
    (layer, step), gap = min(gaps.items(), key=lambda item: item[1])
    words = (
        f"least gap below component 2: {gap:.2g} of the first eigenvalue, of layer {layer} at step {step}; null up to"
    )
    assert words in caplog.text
    caplog.clear()
    config["measures"] = ["cka"]
    with caplog.at_level("INFO"):
        cka.main(make_job("cka", config))
    assert "least gap" not in caplog.text


def test_inputs_of_other_examples_are_refused(make_job: MakeJob, config: Config) -> None:
    job = make_job("activations", config)
    store(job, 0)
    other = tables.read(job.paths.inputs(job.run.path))
    moved = other.set_column(0, "example", pa.array(np.arange(1, 31)))
    tables.write(job.paths.inputs(job.run.path), moved, other.schema, job.metadata(INPUTS))
    with pytest.raises(RepdynError, match="hold different similarity examples"):
        cka.main(make_job("cka", config))


def test_the_same_activations_give_the_same_bytes(make_job: MakeJob, config: Config) -> None:
    store(make_job("activations", config), 0)
    config["cka"] = {"resamples": 20}
    job = make_job("cka", config)
    path = Path(job.paths.cka(job.run.path))
    cka.main(job)
    first = path.read_bytes()
    cka.main(job)
    assert path.read_bytes() == first


def test_the_matrix_of_a_layer_is_that_of_its_pairs_and_depths_are_counted_from_the_input(
    make_job: MakeJob, config: Config
) -> None:
    steps = (0, 5, 20)
    stored = store(make_job("activations", config), 0, steps=steps)
    config["measures"] = ["cka"]
    job = make_job("cka", config)
    cka.main(job)
    frame: Any = pd.read_parquet(job.paths.cka(job.run.path))
    of_first = [("first", 0, a, b, a / 5, b / 5) for a in steps for b in steps]
    assert list(frame.iloc[:9, :6].itertuples(index=False, name=None)) == of_first
    for row in frame.to_dict("records"):
        one, other = (stored[row["layer"], row[step]] for step in ("step_a", "step_b"))
        assert row["cka"] == pytest.approx(reference(one, other)[0], abs=1e-6)
        assert row["cka_debiased"] == pytest.approx(reference(one, other)[1], abs=1e-6)


def test_a_layer_that_is_always_constant_is_said_to_be_so_once(caplog: pytest.LogCaptureFixture) -> None:
    nothing = np.full((2, 2), np.nan)
    steps, which = np.array([0, 5]), np.array([False, True])
    found = Measured({"cka": nothing}, np.ones(2, dtype=bool), np.zeros(2), {"knn": (which, "ties")})
    cka.log_undefined("stem", steps, found)
    assert [record.message for record in caplog.records] == [
        "layer stem is the same for all examples, so without similarity, at all checkpoints",
        "layer stem has no knn at step 5: ties",
    ]
    caplog.clear()
    cka.log_gap(3, [])
    assert not caplog.records
