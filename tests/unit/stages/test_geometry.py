import numpy as np
import pytest

from repdyn.errors import RepdynError
from repdyn.records.activations import ACTIVATIONS
from repdyn.records.geometry import LAYER_GEOMETRY, WEIGHT_GEOMETRY
from repdyn.records.train import CHECKPOINT
from repdyn.representations.table import Representations
from repdyn.stages import activations as activations_stage
from repdyn.stages import geometry
from repdyn.stages import train as train_stage
from repdyn.storage import tables
from repdyn.training import checkpoints


@pytest.fixture
def measured(make_job, config):
    """A trained and measured run of each architecture."""
    config["training"]["epochs"] = 2

    def measure(arch):
        train_stage.main(make_job("train", config, arch))
        activations_stage.main(make_job("activations", config, arch))
        job = make_job("geometry", config, arch)
        geometry.main(job)
        return job

    return measure


@pytest.mark.parametrize("arch", ["resnet", "vit"])
def test_each_layer_has_its_numbers_at_each_checkpoint_and_its_weights_at_each_pair(measured, arch):
    job = measured(arch)
    table = Representations(*job.place(ACTIVATIONS))
    found = tables.read(*job.place(LAYER_GEOMETRY)).to_pandas()
    E = len(table.steps)
    assert list(found["layer"]) == [layer for layer in table.layers for _ in range(E)]
    assert found[["norm", "participation_ratio", "effective_rank", "top"]].notna().all(axis=None)
    row = found[found["layer"] == table.layers[-1]].iloc[-1]
    X = table.read(row["layer"], int(row["step"]), "similarity").astype(float)
    values = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
    assert row["norm"] == pytest.approx(np.sqrt(values.sum() / len(X)), rel=1e-5)
    assert row["participation_ratio"] == pytest.approx(values.sum() ** 2 / (values**2).sum(), rel=1e-5)

    weights = tables.read(*job.place(WEIGHT_GEOMETRY)).to_pandas()
    first, last = (checkpoints.read(*job.place(CHECKPOINT, step=int(step))) for step in table.steps[[0, -1]])
    block = {"resnet": "layer1.0", "vit": "blocks.0"}[arch]
    there = weights[(weights["layer"] == block) & (weights["step_a"] == table.steps[0])].iloc[-1]
    moved = sum(
        float((last[name] - first[name]).double().square().sum())
        for name in first
        if name.startswith(f"{block}.") and first[name].is_floating_point() and "running" not in name
    )
    assert there["distance"] == pytest.approx(np.sqrt(moved), rel=1e-5)
    assert there["distance"] > 0 and there["cosine"] < 1
    total = weights.drop_duplicates("layer")["parameters"].sum()
    buffers = [name for name in first if "running" in name or "num_batches" in name]
    assert total == sum(tensor.numel() for name, tensor in first.items() if name not in buffers)


def test_weights_that_do_not_fit_are_read_in_several_passes_and_give_the_same(measured, monkeypatch):
    job = measured("resnet")
    whole = tables.read(*job.place(WEIGHT_GEOMETRY))
    sizes = {}

    def keep(given, _):
        sizes.update(given)
        return [[layer] for layer in given]

    monkeypatch.setattr(geometry, "in_passes", keep)
    geometry.main(job)
    assert len(sizes) > 2
    assert tables.read(*job.place(WEIGHT_GEOMETRY)).equals(whole)


def test_passes_hold_what_fits_and_a_layer_that_does_not_is_named():
    sizes = {"a": 4, "b": 5, "c": 2, "d": 8}
    assert list(geometry.in_passes(sizes, 9)) == [["a", "b"], ["c"], ["d"]]
    with pytest.raises(RepdynError, match="`d`"):
        list(geometry.in_passes(sizes, 7))
