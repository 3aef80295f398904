import numpy as np
import pytest
import torch
from plane_grids import square
from torch import nn

from repdyn.probes import probe_weights
from repdyn.regions import fragmentation, labelling


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


def random_probe(classes, p, seed):
    draw = np.random.default_rng(seed)
    weight, bias = draw.normal(size=(3, classes, p)), draw.normal(size=(3, classes))
    mean, scale = draw.normal(size=p), draw.uniform(0.5, 2, size=p)
    arrays = (weight, bias, mean, scale, np.zeros(3))
    return probe_weights.Probe(*(array.astype(np.float32) for array in arrays))


def test_each_layer_is_decided_by_its_own_probe_and_halves_by_theirs():
    probes = {"narrow": random_probe(5, 3, 0), "wide": random_probe(5, 40, 1)}
    outputs = {name: np.random.default_rng(2).normal(size=(60, p)) for name, p in (("wide", 40), ("narrow", 3))}
    found = labelling.Readout.of(probes, torch.device("cpu"))
    assert (found.layers, found.classes) == (("narrow", "wide"), 5)
    tensors = {name: torch.tensor(values, dtype=torch.float32) for name, values in outputs.items()}
    decided = found.decide(tensors, 3).numpy()
    assert decided.shape == (2, 3, 60)
    for layer, (name, probe) in enumerate(probes.items()):
        Z = (outputs[name] - probe.mean) / probe.scale
        scores = np.einsum("np,kcp->knc", Z, probe.weight) + probe.bias[:, None]
        np.testing.assert_array_equal(decided[layer], scores.argmax(axis=2))
    np.testing.assert_array_equal(found.decide(tensors, 1).numpy(), decided[:, :1])


def test_labels_of_many_classes_need_two_bytes_and_without_halves_there_are_none():
    class Many(nn.Module):
        def __init__(self):
            super().__init__()
            self.features = nn.Flatten()

        def forward(self, x):
            # The class of a point is the hundred that its first coordinate is in.
            return -((self.features(x)[:, :1] - 100 * torch.arange(300)) ** 2)

    readout = labelling.Readout.of({"features": random_probe(300, 2, 0)}, torch.device("cpu"))
    labeller = labelling.Labeller(Many().eval(), {"features": "features"}, (2,), 4)
    points = torch.tensor([[0.0, 1.0], [29_900.0, 0.0], [25_610.0, 3.0], [120.0, 0.0], [99.0, 0.0]])
    labels, halves = labeller.label(readout, iter(points.split(2)), 5, with_halves=False)
    assert labels.dtype == np.uint16 and labels.shape == (2, 5) and halves.shape == (1, 0, 5)
    assert labels[1].tolist() == [0, 299, 256, 1, 1]


def test_points_are_those_of_the_grid_row_by_row_with_the_lowest_row_first():
    chosen = square(4, count=2)
    chosen.origin[1] = 10
    chosen.a[1] = [0, 1]
    chosen.b[1] = [2, 0]
    found = torch.cat(list(labelling.Points(chosen, torch.device("cpu")).batches(slice(0, 2), 5))).numpy()
    wanted = [
        chosen.origin[k] + x * chosen.a[k] + y * chosen.b[k] for k in range(2) for y in chosen.y[k] for x in chosen.x[k]
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    np.testing.assert_allclose(found[:2], [[-1, -1], [-1 / 3, -1]], rtol=1e-6)


def test_a_batch_on_a_cpu_takes_a_quarter_of_the_budget():
    features, pixels = [1000, 4000], 500
    each = 4 * (2 * 5000 + 8 * 4000 + 8 * 500)
    for points in (1, 7, 300, 512, 600):
        fit = labelling.batch_size(features, pixels, torch.device("cpu"), budget=4 * each * (points + 0.5))
        assert fit == min(points, labelling.BATCH["cpu"])
