from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from sklearn.metrics import cohen_kappa_score
from torch import nn

from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.models import batch_norm
from repdyn.pipeline.jobs import Job
from repdyn.probes import probe_weights
from repdyn.records.planes import PLANES
from repdyn.regions import agreement, compare, fragmentation, label_table, labelling, planes
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

# ---- agreement ----------------------------------------------------------------------------------------------------


def random_labels(classifiers=5, points=1000, classes=4, seed=0):
    return np.random.default_rng(seed).integers(0, classes, size=(classifiers, points)).astype(np.uint8) ** 2 % classes


def test_agreement_is_the_share_of_equal_labels_and_kappa_is_cohens():
    labels = random_labels()
    labels[1] = np.where(np.arange(1000) < 700, labels[0], labels[1])
    counts = agreement.count(labels, 4)
    for i in range(5):
        for j in range(5):
            assert counts.similarity[i, j] == (labels[i] == labels[j]).mean()
            np.testing.assert_allclose(counts.kappa[i, j], cohen_kappa_score(labels[i], labels[j]), atol=1e-12)


@settings(max_examples=30)
@given(cut=st.integers(0, 100_000), seed=st.integers(0, 100))
def test_counts_of_pieces_add_up_to_counts_of_the_whole(cut, seed):
    labels = random_labels(3, 100_000, 5, seed)
    parts = [part for part in (labels[:, :cut], labels[:, cut:]) if part.size]
    total = agreement.nothing(3, 5)
    for part in parts:
        total += agreement.count(part, 5)
    np.testing.assert_array_equal(total.same, agreement.count(labels, 5).same)
    np.testing.assert_array_equal(total.classes, agreement.count(labels, 5).classes)


def test_kappa_is_undefined_only_where_both_give_everything_the_same_class():
    labels = np.array([[2, 2, 2, 2], [2, 2, 2, 2], [1, 1, 1, 1], [1, 2, 1, 2]], dtype=np.uint8)
    kappa = agreement.count(labels, 3).kappa
    assert np.isnan(kappa[[0, 0, 1, 2], [0, 1, 1, 2]]).all()
    assert np.isnan(kappa).sum() == 5
    assert kappa[3, 3] == 1.0
    assert kappa[0, 2] == kappa[0, 3] == 0.0


def test_random_labels_agree_by_chance_and_have_no_kappa():
    counts = agreement.count(np.random.default_rng(0).integers(0, 10, size=(2, 200_000)).astype(np.uint8), 10)
    assert abs(counts.similarity[0, 1] - 0.1) < 0.005
    assert abs(counts.kappa[0, 1]) < 0.005


# ---- fragmentation ------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), side=st.integers(2, 24), classes=st.integers(1, 6), smooth=st.floats(0.3, 3))
def test_fragments_are_scipys_components_counted_plane_by_plane_and_class_by_class(seed, side, classes, smooth):
    scores = np.random.default_rng(seed).normal(size=(4, classes, side, side))
    labels = ndimage.gaussian_filter(scores, (0, 0, smooth, smooth)).argmax(axis=1).astype(np.uint8)
    pieces, present = fragmentation.fragments(labels)
    for plane, count, in_it in zip(labels, pieces, present, strict=True):
        each = [ndimage.label(plane == c, structure=np.ones((3, 3)))[1] for c in np.unique(plane)]
        assert (count, in_it) == (sum(each), len(each))


def test_diagonal_neighbours_are_connected_and_planes_are_not():
    checkers = np.indices((4, 4)).sum(axis=0) % 2
    pieces, classes = fragmentation.fragments(np.stack([checkers, checkers, np.zeros((4, 4), dtype=int)]))
    assert pieces.tolist() == [2, 2, 1]
    assert classes.tolist() == [2, 2, 1]


def test_a_spiral_is_one_piece_however_often_it_meets_a_row():
    spiral = np.zeros((33, 33), dtype=np.uint8)
    for k in range(0, 16, 4):
        far = 32 - k
        spiral[k, max(0, k - 4) : far + 1] = spiral[k : far + 1, far] = spiral[far, k : far + 1] = 1
        spiral[k + 4 : far + 1, k] = 1
    labels = np.stack([spiral, 1 - spiral, spiral.T])
    expected = [sum(ndimage.label(plane == c, structure=np.ones((3, 3)))[1] for c in (0, 1)) for plane in labels]
    assert expected == [2, 2, 2]
    assert fragmentation.fragments(labels)[0].tolist() == expected


def test_planes_counted_in_several_parts_are_those_counted_at_once(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 4, size=(7, 9, 9))
    whole = fragmentation.fragments(labels)
    for points in (1, 9 * 9, 200, 9 * 9 * 6):
        monkeypatch.setattr(fragmentation, "POINTS", points)
        np.testing.assert_array_equal(fragmentation.fragments(labels), whole)


# ---- labels -------------------------------------------------------------------------------------------------------


class HalfPlanes(nn.Module):
    """Images of two pixels, classified by the nearest of three directions."""

    directions = np.array([[1.0, 0.0], [-0.5, 3**0.5 / 2], [-0.5, -(3**0.5) / 2]])

    def __init__(self):
        super().__init__()
        self.features = nn.Flatten()
        self.head = nn.Linear(2, 3, bias=False)
        self.head.weight.data = torch.tensor(self.directions, dtype=torch.float32)

    def forward(self, x):
        return self.head(self.features(x))


def square(resolution, count=1):
    """The square [-1, 1]² of the image plane itself."""
    axis = np.tile(np.linspace(-1, 1, resolution), (count, 1))
    a, b = (np.tile(np.array(v, dtype=np.float32), (count, 1)) for v in ([1, 0], [0, 1]))
    return planes.PlaneSet("test", np.arange(count), np.zeros((count, 2), dtype=np.float32), a, b, axis, axis)


def half_planes(offset=(0.0, 0.0, 0.0), mean=(0.0, 0.0), scale=(1.0, 1.0)):
    """A probe that is the network's own head, turned by one class, on standardised features."""
    mean, scale = np.array(mean, dtype=np.float32), np.array(scale, dtype=np.float32)
    rolled = np.roll(HalfPlanes.directions, 1, axis=0) * scale
    weights = np.stack([rolled, HalfPlanes.directions * scale, HalfPlanes.directions * scale]).astype(np.float32)
    shift = HalfPlanes.directions @ mean
    biases = np.stack([np.roll(shift, 1), shift, shift + offset]).astype(np.float32)
    return probe_weights.Probe(weights, biases, mean, scale, np.zeros(3, dtype=np.float32))


def readout(probe):
    weight, bias = (torch.tensor(array) for array in probe.folded())
    return labelling.Readout(("features",), (weight,), (bias[:, None],), 3)


@pytest.mark.parametrize("batch", [7, 64, 10_000])
def test_regions_of_three_half_planes_are_three_sectors(batch):
    resolution = 40  # even, so that no point lies on a border
    points = labelling.Points(square(resolution), torch.device("cpu"))
    labeller = labelling.Labeller(HalfPlanes().eval(), {"features": "features"}, (1, 1, 2), batch)
    probe = half_planes(mean=(0.3, -0.2), scale=(2.0, 0.5))
    labels, halves = labeller.label(readout(probe), points.batches(slice(0, 1), batch), resolution**2, True)
    x, y = np.meshgrid(np.linspace(-1, 1, resolution), np.linspace(-1, 1, resolution))
    angle = np.degrees(np.arctan2(y, x)) % 360
    sector = np.select([angle < 60, angle < 180, angle < 300], [0, 1, 2], 0)
    np.testing.assert_array_equal(labels[1].reshape(resolution, resolution), sector)
    np.testing.assert_array_equal(labels[0].reshape(resolution, resolution), (sector + 1) % 3)
    np.testing.assert_array_equal(halves[0, 0], halves[0, 1])
    pieces, classes = fragmentation.fragments(labels.reshape(2, resolution, resolution))
    assert pieces.tolist() == classes.tolist() == [3, 3]


def test_a_bias_moves_the_border_between_half_planes_where_it_should():
    resolution = 50
    points = labelling.Points(square(resolution), torch.device("cpu"))
    labeller = labelling.Labeller(HalfPlanes().eval(), {"features": "features"}, (1, 1, 2), 128)
    _, halves = labeller.label(
        readout(half_planes(offset=(5.0, 0.0, 0.0))), points.batches(slice(0, 1), 128), resolution**2, True
    )
    assert (halves[0, 1] == 0).all()
    assert set(halves[0, 0].tolist()) == {0, 1, 2}


def test_batches_run_across_planes_and_can_start_in_the_middle():
    chosen = square(5, count=4)
    chosen.origin[:] = np.arange(4)[:, None]
    points = labelling.Points(chosen, torch.device("cpu"))
    together = torch.cat(list(points.batches(slice(1, 4), 7)))
    alone = torch.cat([torch.cat(list(points.batches(slice(k, k + 1), 25))) for k in (1, 2, 3)])
    assert together.shape == (75, 2)
    assert torch.equal(together, alone)


def test_the_batch_shrinks_with_the_memory_and_is_never_empty():
    device = torch.device("cpu")
    roomy = labelling.batch_size([128, 64], 64, device, budget=2**31)
    assert roomy == labelling.BATCH["cpu"]
    wide = labelling.batch_size([65_536] * 10, 3072, device, budget=2**31)
    assert 1 < wide < roomy
    assert labelling.batch_size([65_536] * 10, 3072, device, budget=1.0) == 1


CIFAR = ([65_536] * 3 + [32_768] * 2 + [16_384] * 2 + [8_192] * 2 + [512], 3072)  # of the ResNet of cifar10.yaml


@pytest.mark.parametrize("card", [8, 24, 80, 141])
def test_the_batch_on_a_gpu_follows_the_memory_that_is_free_there_and_no_budget(monkeypatch, card):
    features, pixels = CIFAR
    each = 4 * (2 * sum(features) + 8 * max(features) + 8 * pixels)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (card * 2**30, 2 * card * 2**30))
    found = [labelling.batch_size(features, pixels, torch.device("cuda"), budget) for budget in (1.0, 2**31, 2**40)]
    assert len(set(found)) == 1
    assert found[0] * each <= card * 2**30 / 4
    assert found[0] == labelling.BATCH["cuda"] or 2 * found[0] * each > card * 2**30 / 4
    assert found[0] > labelling.batch_size(features, pixels, torch.device("cpu"), budget=2**31)


def test_the_batch_on_a_gpu_is_the_same_while_free_memory_changes_little_and_never_empty(monkeypatch):
    features, pixels = CIFAR

    def at(free):
        monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 80 * 2**30))
        return labelling.batch_size(features, pixels, torch.device("cuda"), 2**31)

    assert len({at(20 * 2**30 + k * 2**20) for k in range(0, 500, 50)}) == 1
    assert at(0) == 1
    assert [at(free * 2**30) for free in (4, 8, 16)] == sorted(at(free * 2**30) for free in (4, 8, 16))
    assert at(8 * 2**30) == 2 * at(4 * 2**30)


def test_labels_of_256_classes_and_more_take_two_bytes_and_come_back(tmp_path):
    assert label_table.kind(255) == np.uint8
    assert label_table.kind(256) == np.uint16
    layout = label_table.layout(1000, resolution=2)
    labels = np.array([[[999, 0, 1, 2], [3, 4, 5, 6]], [[7, 8, 9, 255], [256, 257, 258, 998]]], dtype=np.uint16)
    block = label_table.Block(5, 0.5, "clean", np.array([3, 4]), labels)
    tables.write(tmp_path / "l.parquet", block.columns(["a", "output"], layout), layout, {}, **label_table.WRITING)
    back = RegionLabels(tmp_path / "l.parquet")
    assert (back.layers, back.epochs, back.planes["clean"].tolist()) == (["a", "output"], {5: 0.5}, [3, 4])
    np.testing.assert_array_equal(back.read(5, "clean", 0).labels, labels)


# ---- a run, from checkpoints to tables ----------------------------------------------------------------------------


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
