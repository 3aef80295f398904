"""A study whose wide layers are held as coordinates says what it says with whole activations, and takes less disk."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from repdyn.catalogue.measures import OF_ACTIVATIONS
from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.records.activations import ACTIVATIONS, PROBE_VIEW
from repdyn.records.cka import CKA
from repdyn.records.probes import ACCURACY, WEIGHTS
from repdyn.records.regions import FLOOR, LABELS
from repdyn.representations.table import Representations
from repdyn.stages import activations, cka, planes, probes, regions, train
from repdyn.storage import tables

STAGES = {"activations": activations, "cka": cka, "probes": probes, "regions": regions}
WIDE = {"resnet": ["stem", "layer1.0"], "vit": []}


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """Jobs of a trained run that was measured as ``activations`` settings say; other settings, other jobs."""
    root = tmp_path_factory.mktemp("results")
    base = studies.load(Path(__file__).parents[2] / "pipeline" / "tiny.yaml").model_dump()
    base["training"]["epochs"] = 2
    base["activations"] |= {"similarity_examples": 20, "probe_examples": 30, "batch_norm": "stored"}
    base["measures"] = [
        *({"name": "knn", "neighbours": 3}, {"name": "subspace", "components": 3}),
        *("cka_deconfounded", "rsa", "procrustes"),
    ]
    base["planes"] |= {"count": 12, "resolution": 24}

    def job(stage, arch, **settings):
        study = studies.parse(base | {"activations": base["activations"] | settings})
        return Job(stage, study, Paths(str(root / "-".join([arch, *map(str, settings.values())]))), None)

    def of(arch, **settings):
        made = {}
        for stage in ("planes", "train", *STAGES):
            found = job(stage, arch, **settings)
            run = found.study.run(arch, "sgd", 0)
            of_run = Job(stage, found.study, found.paths, found.study.replicate(0) if stage == "planes" else run)
            module = {"planes": planes, "train": train} | STAGES
            module[stage].main(of_run)
            made[stage] = of_run
        return made

    return of


@pytest.fixture(scope="module")
def held(studied):
    """A ResNet's run with coordinates, and with whole activations, not rounded to float16."""
    return studied("resnet"), studied("resnet", whole=["*"], dtype="float32")


def read(of, record):
    job = of["regions" if record.stage == "regions" else record.stage]
    return tables.read(*job.place(record)).to_pandas()


def test_only_wide_layers_are_coordinates_and_whole_keeps_them_whole(studied, held):
    coordinates, whole = (Representations(*of["activations"].place(ACTIVATIONS)) for of in held)
    assert coordinates.coordinates == {"stem", "layer1.0"}
    assert whole.coordinates == set()
    assert whole.layers == coordinates.layers
    assert [coordinates.features(layer) for layer in ("stem", "layer1.0", "layer2.0")] == [20, 20, 64]
    assert [whole.features(layer) for layer in ("stem", "layer1.0", "layer2.0")] == [256, 256, 64]
    view = Representations(*held[0]["activations"].place(PROBE_VIEW))
    assert view.layers == ["stem", "layer1.0"]
    assert Representations(*held[1]["activations"].place(PROBE_VIEW)).layers == []
    with pytest.raises(RepdynError, match="no activations of the probe examples in layer `stem`, which is wide"):
        coordinates.read("stem", int(coordinates.steps[0]), "probe")
    some = studied("resnet", whole=["stem"])
    assert Representations(*some["activations"].place(ACTIVATIONS)).coordinates == {"layer1.0"}
    assert Representations(*studied("vit")["activations"].place(ACTIVATIONS)).coordinates == set()


def test_measures_are_those_of_activations_that_were_never_rounded(held):
    one, other = (read(of, CKA) for of in held)
    pd.testing.assert_frame_equal(one[["layer", "step_a", "step_b"]], other[["layer", "step_a", "step_b"]])
    measures = [name for name in OF_ACTIVATIONS if name in one]
    assert len(measures) == 7
    wide = one["layer"].isin(["stem", "layer1.0"])
    for name in measures:
        np.testing.assert_allclose(one.loc[wide, name], other.loc[wide, name], atol=1e-7, err_msg=name)
        assert one.loc[wide, name].notna().any()


def test_probes_have_the_same_accuracy_and_regions_the_same_labels(held):
    accuracies = [read(of, ACCURACY) for of in held]
    wide = accuracies[0]["layer"].isin(["stem", "layer1.0"])
    pd.testing.assert_frame_equal(accuracies[0][wide], accuracies[1][wide])
    assert accuracies[0].loc[wide, "accuracy"].nunique() > 3
    labels = [read(of, LABELS) for of in held]
    of_wide = labels[0]["layer"].isin(["stem", "layer1.0"])
    one, other = (np.stack(table.loc[of_wide, "labels"].to_list()) for table in labels)
    assert one.size > 100_000
    assert (one != other).mean() <= 1e-4
    floors = [read(of, FLOOR) for of in held]
    np.testing.assert_allclose(floors[0]["similarity"], floors[1]["similarity"], atol=2e-3)


def test_regions_refuse_probes_of_another_network(held, monkeypatch):
    job = held[0]["regions"]
    forward = regions.extract.forward

    def another(model, layers, inputs, *rest):
        return {layer: found.flip(0) for layer, found in forward(model, layers, inputs, *rest).items()}

    monkeypatch.setattr(regions.extract, "forward", another)
    with pytest.raises(RepdynError, match="activations of layer `stem` are not those that its probe was trained on"):
        regions.main(job)


def test_coordinates_take_less_disk(held):
    def size(of):
        places = (ACTIVATIONS, "activations"), (PROBE_VIEW, "activations"), (WEIGHTS, "probes")
        return sum(Path(of[stage].path(record)).stat().st_size for record, stage in places)

    assert size(held[0]) < size(held[1])
