from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sample_tables import EPOCHS, STEPS, pairs
from tiny_stages import Config, MakeJob, write

from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.records.cka import CKA
from repdyn.records.layers import LAYERS
from repdyn.records.phases import BOUNDARIES, MOMENTS, SCORES, SEGMENTS
from repdyn.records.probes import ACCURACY
from repdyn.records.regions import SIMILARITY
from repdyn.records.train import HISTORY
from repdyn.stages import phases
from repdyn.storage import tables
from repdyn.storage.tables import Table

PARTS = {"patch_embed": "stem", "blocks.0": "body", "blocks.1": "body", "norm": "head"}
FITTED = 64.0
pytestmark = pytest.mark.usefixtures("any_number_of_rows")


def store(job: Job, layers: tuple[str, ...] = tuple(PARTS), fits: bool = True) -> None:
    """Write what the stage reads of a run that fits at epoch 64, and whose layers change evenly in log epoch."""
    epochs = np.arange(129.0)
    accuracy = np.minimum(0.2 + 0.8 * epochs / FITTED, 1.0 if fits else 0.9)
    history = {"step": 10 * epochs, "epoch": epochs, "train_accuracy": accuracy, "test_accuracy": 0.5 * accuracy}
    write(job, HISTORY, pd.DataFrame(history | {"mislabelled_accuracy": np.maximum(0, 2 * accuracy - 1)}))
    cka = pairs(layers)
    write(job, CKA, cka.assign(cka_debiased=cka["cka"]))
    write(job, SIMILARITY, pairs([*layers, "output"], "similarity", ("test",)))
    of_layers = pd.DataFrame({"layer": layers, "depth": range(len(layers)), "part": [PARTS[each] for each in layers]})
    write(job, LAYERS, of_layers.assign(module="m", kind="Block", features=8))
    accuracies = pd.DataFrame(
        [
            (layer, depth, step, epoch, split, 0.5, 0.5)
            for depth, layer in enumerate(layers)
            for step, epoch in zip(STEPS, EPOCHS, strict=True)
            for split in ("probe", "similarity")
        ],
        columns=ACCURACY.names,
    )
    write(job, ACCURACY, accuracies)


def found(job: Job, record: Table) -> pd.DataFrame:
    table: pd.DataFrame = tables.read(*job.place(record)).to_pandas()
    return table


@pytest.fixture
def job(make_job: MakeJob, config: Config) -> Job:
    return make_job("phases", config)


def test_layers_have_their_part_and_a_depth_from_0_to_1_and_the_output_has_a_part_alone(job: Job) -> None:
    store(job)
    phases.main(job)
    scores = found(job, SCORES)
    keys = ["layer", "depth", "part", "relative_depth"]
    of_layers = scores[scores["layer"].notna()][keys].drop_duplicates().set_index("layer")
    assert of_layers["part"].to_dict() == PARTS | {"output": "output"}
    assert of_layers["relative_depth"].dropna().to_dict() == pytest.approx(
        {"patch_embed": 0, "blocks.0": 1 / 3, "blocks.1": 2 / 3, "norm": 1}
    )
    assert scores.loc[scores["layer"].isna(), ["depth", "part", "relative_depth"]].isna().all(axis=None)
    for record in (SEGMENTS, BOUNDARIES, MOMENTS):
        parts = found(job, record)[["layer", "part"]].drop_duplicates().set_index("layer")["part"]
        assert parts.to_dict() == PARTS | {"output": "output"}, record.name


def test_every_checkpoint_of_a_layer_is_in_one_phase(job: Job) -> None:
    store(job)
    phases.main(job)
    segments = found(job, SEGMENTS)
    assert set(segments["measure"]) == {"cka", "cka_debiased", "regions:test"}
    for _, of_layer in segments.groupby(["layer", "measure"]):
        assert of_layer["phase"].tolist() == list(range(len(of_layer)))
        steps = [STEPS.index(step) for step in of_layer["step_start"]] + [len(STEPS)]
        assert steps[0] == 0
        ends = [STEPS.index(step) + 1 for step in of_layer["step_end"]]
        assert ends == steps[1:]
        assert of_layer["epoch_start"].tolist() == [EPOCHS[step] for step in steps[:-1]]


def test_events_are_dated_by_the_history_and_logged(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    store(job)
    with caplog.at_level("INFO"):
        phases.main(job)
    scores = found(job, SCORES)
    events = scores[scores["layer"].isna() & scores["measure"].isna()].set_index("score")["value"]
    assert events["perfect_fit_first"] == FITTED
    assert events["perfect_fit_sustained"] == pytest.approx(FITTED, abs=1)
    # Of 0.8 of the accuracy on the wrong labels, a quarter lies at 0.625 of all, and .95 at .975.
    assert events["memorization_onset"] == pytest.approx(FITTED * (0.625 - 0.2) / 0.8, abs=1)
    assert events["memorization_end"] == pytest.approx(FITTED * (0.975 - 0.2) / 0.8, abs=1)
    assert np.isnan(events["intervention"])
    assert f"perfect fit first: epoch {FITTED:g}" in caplog.messages
    assert len(caplog.messages) == 5


def test_a_run_that_never_fits_has_null_and_the_log_says_so(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    store(job, fits=False)
    with caplog.at_level("INFO"):
        phases.main(job)
    assert "perfect fit first: did not take place, or is not known" in caplog.messages
    values = tables.read(*job.place(SCORES)).to_pylist()
    assert {row["value"] for row in values if row["score"].startswith("perfect_fit")} == {None}


def test_the_first_intervention_that_the_config_plans_is_an_event(make_job: MakeJob, config: Config) -> None:
    config["training"] |= {"interventions": [{"epoch": 15, "rate": 0.1}, {"epoch": 7, "invert": True}]}
    job = make_job("phases", config)
    store(job)
    phases.main(job)
    scores = found(job, SCORES)
    assert scores.loc[scores["score"] == "intervention", "value"].tolist() == [7]


def test_a_study_without_regions_has_phases_of_activations_alone(make_job: MakeJob, config: Config) -> None:
    facts = {"shape": [5], "dtype": "uint8", "train": 120, "test": 60, "given_labels": False, "contents": "0" * 16,
             "kind": "tokens", "classes": 3, "vocabulary": 12}  # fmt: skip
    job = make_job("phases", config | {"data": {"dataset": "made-up.npz", "facts": facts}})
    epochs = np.arange(3.0)
    write(job, HISTORY, {"step": epochs, "epoch": epochs})
    cka = pairs(["only"])
    write(job, CKA, cka.assign(cka_debiased=None))
    of_layer = {"layer": ["only"], "depth": [0], "part": ["body"], "module": ["m"], "kind": ["Block"], "features": [8]}
    write(job, LAYERS, of_layer)
    accuracy = {"layer": ["only"], "depth": [0], "step": [0], "epoch": [0.0], "split": ["probe"], "accuracy": [0.5]}
    write(job, ACCURACY, accuracy | {"true_accuracy": [0.5]})
    phases.main(job)
    assert set(found(job, SEGMENTS)["measure"]) == {"cka"}
    scores = found(job, SCORES)
    of_layer_alone = scores[scores["layer"] == "only"]
    assert len(of_layer_alone) and of_layer_alone["relative_depth"].isna().all(), "one layer has no depth among others"
    assert not Path(job.path(SIMILARITY)).exists()


def test_a_run_of_which_a_table_is_missing_is_refused_before_anything_is_written(job: Job) -> None:
    store(job)
    Path(job.path(LAYERS)).unlink()
    with pytest.raises(RepdynError, match=r"layers\.parquet` is not there"):
        phases.main(job)
    assert not Path(job.path(SEGMENTS)).exists()
