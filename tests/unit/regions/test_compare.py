from pathlib import Path

import numpy as np
import pytest
import torch
from plane_grids import square
from sklearn.metrics import cohen_kappa_score

from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.models import batch_norm
from repdyn.pipeline.jobs import Job
from repdyn.probes import probe_weights
from repdyn.records.planes import PLANES
from repdyn.regions import compare, fragmentation, label_table, labelling, planes
from repdyn.regions.label_table import RegionLabels
from repdyn.representations import extract
from repdyn.stages import activations as activations_stage
from repdyn.stages import planes as planes_stage
from repdyn.stages import probes as probes_stage
from repdyn.stages import regions as regions_stage
from repdyn.stages import regions_between
from repdyn.stages import train as train_stage
from repdyn.storage import tables
from repdyn.training import checkpoints


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """Two tiny trained runs, measured up to their planes, and a function that gives jobs on them."""
    root = tmp_path_factory.mktemp("results")
    base = studies.load(Path(__file__).parents[2] / "pipeline" / "tiny.yaml").model_dump() | {"seeds": [0, 1]}
    base["training"]["epochs"] = 2
    base["seeds"] = [0, 1]
    base["archs"] = {"resnet": base["archs"]["resnet"]}
    base["optimizers"] = {"sgd": base["optimizers"]["sgd"]}

    def job(stage, seed=0, **changes):
        study = studies.parse(base | {key: base[key] | value for key, value in changes.items()})
        run = study.run("resnet", "sgd", seed) if stage != "regions_between" else None
        return Job(stage, study, regions_paths(root), run)

    for seed in (0, 1):
        planes_stage.main(job("planes", seed))
        for module, stage in ((train_stage, "train"), (activations_stage, "activations"), (probes_stage, "probes")):
            module.main(job(stage, seed))
        regions_stage.main(job("regions", seed))
    return job


def regions_paths(root):
    from repdyn.catalogue.paths import Paths

    return Paths(str(root / "tiny"))


def table(job, name):
    return tables.read(getattr(job.paths, name)(job.run.path)).to_pandas()


def test_similarity_is_the_agreement_of_the_stored_labels(study):
    job = study("regions")
    labels, similarity = table(job, "region_labels"), table(job, "region_similarity")
    stacked = labels.groupby(["layer", "planes", "step"])["labels"].apply(lambda rows: np.concatenate(rows.to_list()))
    steps = labels.step.unique()
    assert len(similarity) == labels.layer.nunique() * 3 * len(steps) ** 2
    for row in similarity.itertuples():
        one, other = stacked[row.layer, row.planes, row.step_a], stacked[row.layer, row.planes, row.step_b]
        assert row.similarity == (one == other).mean()
    assert (similarity[similarity.step_a == similarity.step_b].similarity == 1).all()


def as_measured(job, step):
    """The network at a checkpoint, with batch-norm statistics of all training images, and its layers."""
    model, layers = extract.network(job.study, job.run, torch.device("cpu"))
    checkpoints.load(job.paths.checkpoint(job.run.path, step), model)
    images = subsets.load(job.study.data, job.data_root, job.run.seed).train.inputs[:]
    batch_norm.reestimate(model, batch_norm.find(model), torch.from_numpy(images))
    return model, layers


def test_labels_are_those_of_probes_and_network_one_point_at_a_time(study):
    job = study("regions")
    labels = table(job, "region_labels")
    step = int(labels.step.max())
    model, layers = as_measured(job, step)
    here = labels[labels.step == step].set_index(["planes", "layer", "plane"])["labels"]
    with probe_weights.reading(job.paths.probe_weights(job.run.path)) as reader:
        for chosen in planes.read(job.path(PLANES), "scores"):
            x, y = np.meshgrid(chosen.x[1], chosen.y[1])
            points = chosen.origin[1] + x.reshape(-1, 1) * chosen.a[1] + y.reshape(-1, 1) * chosen.b[1]
            images = torch.tensor(points.astype(np.float32)).view(-1, 1, 8, 8)
            with extract.tap(model, layers) as outputs, torch.inference_mode():
                logits = model(images)
            np.testing.assert_array_equal(here[chosen.name, "output", 1], logits.argmax(dim=1))
            for layer in layers:
                expected = reader.read(layer, step).predict(outputs[layer].numpy())
                np.testing.assert_array_equal(here[chosen.name, layer, 1], expected)


def test_layers_are_in_order_of_depth_and_the_output_is_last(study):
    job = study("regions")
    for name in ("region_labels", "region_pictures", "region_similarity", "region_fragmentation"):
        depths = table(job, name).groupby("layer").depth.unique()
        with probe_weights.reading(job.paths.probe_weights(job.run.path)) as reader:
            for depth, layer in enumerate([*reader.layers, "output"]):
                assert depths[layer].tolist() == [depth]


def test_fragmentation_is_that_of_the_stored_labels(study):
    job = study("regions")
    keys = ["layer", "step", "planes", "plane"]
    labels, found = (table(job, name).set_index(keys) for name in ("region_labels", "region_fragmentation"))
    assert len(found) == len(labels)
    pieces, classes = fragmentation.fragments(np.stack(labels["labels"].to_list()).reshape(-1, 6, 6))
    np.testing.assert_array_equal(found.loc[labels.index, "fragments"], pieces)
    np.testing.assert_array_equal(found.loc[labels.index, "classes"], classes)


def test_the_noise_floor_is_the_agreement_of_the_probes_of_two_halves(study):
    job = study("regions")
    floor = table(job, "region_floor")
    row = floor[(floor.planes == "clean") & (floor.step == floor.step.max())].iloc[2]
    model, layers = as_measured(job, row.step)
    assert set(floor.layer) == set(layers)
    chosen = next(p for p in planes.read(job.path(PLANES), "scores") if p.name == "clean")
    points = torch.cat(list(labelling.Points(chosen, torch.device("cpu")).batches(slice(0, len(chosen)), 1000)))
    with extract.tap(model, layers) as outputs, torch.inference_mode():
        model(points.view(-1, 1, 8, 8))
    with probe_weights.reading(job.paths.probe_weights(job.run.path)) as reader:
        weight, bias = reader.read(row.layer, row.step).folded()
    one, two = (outputs[row.layer].numpy() @ weight.T + bias).reshape(-1, 3, 10).argmax(axis=2)[:, 1:].T
    assert row.similarity == (one == two).mean()
    np.testing.assert_allclose(row.kappa, cohen_kappa_score(one, two))


def test_two_runs_give_identical_bytes_whatever_the_blocks_and_batches(study, monkeypatch):
    job = study("regions")
    names = ("region_pictures", "region_similarity", "region_fragmentation", "region_floor", "region_labels")
    paths = [Path(getattr(job.paths, name)(job.run.path)) for name in names]
    before = [path.read_bytes() for path in paths]
    content = table(job, "region_labels")
    regions_stage.main(job)
    assert [path.read_bytes() for path in paths] == before
    monkeypatch.setattr(label_table, "LABELS_PER_BLOCK", 1)  # so that a block is one plane
    monkeypatch.setitem(labelling.BATCH, "cpu", 5)
    regions_stage.main(job)
    assert RegionLabels(paths[-1]).blocks == {"test": 2, "clean": 2, "mislabelled": 2}
    assert [path.read_bytes() for path in paths[1:-1]] == before[1:-1]  # tables do not show in which blocks they came
    keys = ["step", "planes", "layer", "plane"]
    again = table(job, "region_labels").sort_values(keys)
    for one, other in zip(content.sort_values(keys)["labels"], again["labels"], strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.undo()
    regions_stage.main(job)


def test_a_permutation_of_checkpoints_permutes_the_table(study):
    job = study("regions")
    labels = RegionLabels(job.paths.region_labels(job.run.path))
    plain = next(compare.similarity(labels, 10))
    labels.epochs = dict(reversed(labels.epochs.items()))
    turned = next(compare.similarity(labels, 10))
    L, E = len(labels.layers), len(labels.epochs)
    assert turned["step_a"].tolist() == plain["step_a"].reshape(L, E, E)[:, ::-1, ::-1].ravel().tolist()
    np.testing.assert_array_equal(
        turned["similarity"].reshape(L, E, E), plain["similarity"].reshape(L, E, E)[:, ::-1, ::-1]
    )


def test_between_gives_the_same_layer_by_layer_and_says_what_does_not_fit(study):
    job = study("regions_between")
    labels = [RegionLabels(job.paths.region_labels(run.path)) for run in job.study.runs]
    first = next(iter(labels[0].epochs))
    _, P, points = labels[0].read(first, "test", 0).labels.shape
    of_layer = len(labels) * P * points

    def found(budget):
        return list(regions_between.against_null(labels, [first] * len(labels), "test", job.study.comparisons, budget))

    np.testing.assert_array_equal(found(1e9), found(2 * of_layer))
    with pytest.raises(RepdynError, match=r"permute the planes of 2 runs takes .*permutations: 0"):
        found(2 * of_layer - 1)


def test_without_permutations_there_is_similarity_and_no_p(study):
    none = study("regions_between", comparisons={"permutations": 0})
    regions_between.main(none)
    found = tables.read(none.paths.region_between()).to_pandas()
    assert found[["similarity_p", "similarity_calibrated"]].isna().all(axis=None)
    assert found.similarity.notna().all()


def test_planes_and_probes_of_another_study_are_refused(study):
    with pytest.raises(RepdynError, match=r"planes\.count = 2, but 3 is asked for"):
        regions_stage.main(study("regions", planes={"count": 3}))
    with pytest.raises(RepdynError, match=r"probes\.penalty"):
        regions_stage.main(study("regions", probes={"penalty": 0.3}))


def test_regions_that_do_not_fit_into_the_memory_are_refused_before_any_work(study):
    with pytest.raises(RepdynError, match=r"`execution\.memory_gib` is 1e-06, but regions of 5 layers and"):
        regions_stage.main(study("regions", execution={"memory_gib": 1e-6}))


def test_a_hundred_thousand_planes_fit_where_a_hundred_do():
    for count in (100, 100_000):
        compare.check_memory([square(50, count)], layers=8, steps=30, classes=10, budget=2**28)


def test_between_compares_runs_at_the_same_layer_and_checkpoint(study):
    job = study("regions_between")
    regions_between.main(job)
    found = tables.read(job.paths.region_between()).to_pandas()
    each = {
        seed: table(study("regions", seed), "region_labels")
        .groupby(["layer", "planes", "step"])["labels"]
        .apply(lambda rows: np.concatenate(rows.to_list()))
        for seed in (0, 1)
    }
    # Four pairs of two runs on planes through test images; their training images are not the same.
    counted = {name: len(each[0].xs(name, level="planes")) for name in ("test", "clean", "mislabelled")}
    assert found.groupby("planes").size().to_dict() == {
        name: rows * (4 if name == "test" else 2) for name, rows in counted.items()
    }
    assert (found[found.planes != "test"].seed_a == found[found.planes != "test"].seed_b).all()
    for row in found.itertuples():
        key = (row.layer, row.planes, row.step)
        assert row.similarity == (each[row.seed_a][key] == each[row.seed_b][key]).mean()
    # A run with itself has no null; two planes have two orders.
    with_itself = found.seed_a == found.seed_b
    assert found.loc[with_itself, ["similarity_p", "similarity_calibrated"]].isna().all(axis=None)
    assert set(found.loc[~with_itself, "similarity_p"]) <= {0.5, 1.0}
    assert (found.loc[~with_itself, "similarity_calibrated"] == 0).all()
    before = Path(job.paths.region_between()).read_bytes()
    regions_between.main(job)
    assert Path(job.paths.region_between()).read_bytes() == before
