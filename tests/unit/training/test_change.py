"""What is measured of a network between two moments, and that measuring leaves the network as it was."""

import random
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from repdyn.errors import RepdynError
from repdyn.models import batch_norm
from repdyn.representations import extract
from repdyn.similarity import cka
from repdyn.stages import train as train_stage
from repdyn.training import measured
from repdyn.training.change import Meter, displacement
from repdyn.training.trainer import Trainer


class Net(nn.Module):
    """Two layers with batch norm between them, dropout, and a head."""

    def __init__(self):
        super().__init__()
        self.first, self.norm, self.second = nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Linear(5, 4)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(4, 3)

    def forward(self, x):
        return self.head(self.drop(torch.relu(self.second(self.norm(self.first(x))))))


LAYERS = {"norm": "norm", "second": "second"}


def net():
    torch.manual_seed(0)
    return Net()


def moved(model, by):
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(by * torch.randn_like(weight))


class Two:
    """Two representations, as the study compares them."""

    def __init__(self, *arrays):
        self.arrays, self.examples = arrays, len(arrays[0])
        self.features = [array.shape[1] for array in arrays]

    def read(self, e, start, stop):
        return self.arrays[e][:, start:stop]

    def name(self, e):
        return str(e)


def activations(model, inputs):
    """What the study measures: statistics re-estimated from some inputs, then a pass over these in evaluation mode."""
    model.eval()
    batch_norm.reestimate(model, batch_norm.find(model), inputs)
    return extract.forward(model.eval(), LAYERS, inputs.numpy(), torch.device("cpu"))


def test_it_is_what_the_study_measures_between_two_checkpoints():
    model, inputs = net(), torch.randn(60, 6)
    meter = Meter(model, LAYERS, inputs)
    assert meter.measure(0, 0.0) == []
    before, weights = activations(model, inputs), [p.detach().clone() for p in model.second.parameters()]
    moved(model, 0.3)
    norm, second = meter.measure(7, 3.5)
    assert (norm.step_a, norm.step_b, norm.epoch_a, norm.epoch_b) == (0, 7, 0.0, 3.5)
    assert [(row.layer, row.depth) for row in (norm, second)] == [("norm", 0), ("second", 1)]
    apart = torch.cat([(new - old).flatten() for new, old in zip(model.second.parameters(), weights, strict=True)])
    initial = torch.cat([weight.flatten() for weight in weights])
    assert second.weights == pytest.approx(float(apart.detach().norm() / initial.norm()))
    after = activations(model, inputs)
    for row in (norm, second):
        by_the_study = cka.similarities(Two(before[row.layer].numpy(), after[row.layer].numpy()), 1e9).biased[0, 1]
        # Statistics of one batch have the biased variance, re-estimated ones the unbiased; CKA sees neither.
        assert row.cka == pytest.approx(by_the_study, abs=1e-6)
    assert 0.1 < 1 - second.cka < 0.9


@pytest.mark.parametrize("by", [1e-3, 1e-5])
def test_a_small_change_is_measured_to_many_digits(by):
    """Twice as far is four times the change: a difference that an inner product of float32 Grams would not show."""
    model, inputs = net().double(), torch.randn(60, 6, dtype=torch.float64)
    direction = torch.randn_like(model.second.weight)
    found = []
    for factor in (1, 2):
        meter = Meter(model, LAYERS, inputs)
        meter.measure(0, 0.0)
        with torch.no_grad():
            model.second.weight += by * factor * direction
        found.append(1 - meter.measure(1, 1.0)[1].cka)
        with torch.no_grad():
            model.second.weight -= by * factor * direction
    assert found[1] / found[0] == pytest.approx(4, rel=0.02)


def test_a_layer_without_weights_or_variance_has_no_change():
    model = nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))
    meter = Meter(model, {"1": "1"}, torch.randn(20, 6))
    meter.measure(0, 0.0)
    with torch.no_grad():
        model[0].bias.fill_(-100.0)  # the layer has died
    (row,) = meter.measure(1, 1.0)
    assert row.cka is None
    assert row.weights is not None  # those before an observed activation are its own
    assert displacement([], []) is None
    assert displacement([torch.zeros(3)], [torch.ones(3)]) is None


class Odd(nn.Module):
    """Counts its calls in a buffer that it replaces, and draws random numbers even in evaluation mode."""

    def __init__(self):
        super().__init__()
        self.layer, self.norm = nn.Linear(6, 5), nn.BatchNorm1d(5)
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x):
        self.calls = self.calls + 1
        random.random(), np.random.random(), torch.rand(1)  # noqa: NPY002
        return self.norm(self.layer(x))


def test_measuring_leaves_everything_as_it_was():
    model = Odd()
    model.norm.eval()  # frozen by its owner
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    states = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()  # noqa: NPY002
    Meter(model, {"layer": "layer"}, torch.randn(20, 6, generator=torch.Generator().manual_seed(0))).measure(0, 0.0)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert (model.training, model.layer.training, model.norm.training) == (True, True, False)
    assert random.getstate() == states[0]
    assert np.random.get_state()[1].tolist() == states[1]  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), states[2])


def test_a_layer_that_cannot_be_measured_is_named():
    class Tuple(nn.Module):
        def __init__(self):
            super().__init__()
            self.silent, self.summed = nn.Linear(6, 6), nn.Flatten(0)

        def forward(self, x):
            return self.summed(x)

    for layer, said in (("silent", "took no part"), ("summed", r"gives numbers of shape \(120,\) for 20 inputs")):
        with pytest.raises(RepdynError, match=f"Layer `{layer}` {said}"):
            Meter(Tuple(), {layer: layer}, torch.randn(20, 6)).measure(0, 0.0)


@pytest.fixture
def short(config):
    config["training"] |= {"epochs": 4, "evaluations_per_decade": 3}
    config["archs"]["vit"]["kwargs"]["drop_rate"] = 0.1
    return config


@pytest.mark.parametrize("arch", ["resnet", "vit"])
def test_training_has_the_same_weights_with_and_without_it(make_job, short, arch):
    found = []
    for examples in (20, 0):
        job = make_job("train", short | {"name": f"of{examples}", "change": {"examples": examples}}, arch)
        train_stage.main(job)
        header = {path.name: int.from_bytes(path.read_bytes()[:8], "little") for path in checkpoints_of(job)}
        found.append({path.name: path.read_bytes()[8 + header[path.name] :] for path in checkpoints_of(job)})
        changes = pd.read_parquet(job.paths.change(job.run.path))
        assert changes.empty == (examples == 0)
    assert found[0] == found[1]


def checkpoints_of(job):
    return sorted(Path(job.paths.checkpoint(job.run.path, 0)).parent.iterdir())


def test_the_table_has_every_layer_between_consecutive_evaluated_epochs(make_job, short):
    job = make_job("train", short, "vit")
    train_stage.main(job)
    changes = pd.read_parquet(job.paths.change(job.run.path))
    evaluated = pd.read_parquet(job.paths.history(job.run.path))
    assert evaluated.epoch.tolist() == [0, 1, 2]
    names = list(measured.layers(job.study, "vit", job.data))
    assert names == ["patch_embed", "blocks.0", "blocks.1", "norm"]
    assert changes.layer.tolist() == 2 * names
    assert changes.depth.tolist() == 2 * [0, 1, 2, 3]
    assert changes.epoch_a.tolist() == 4 * [0.0] + 4 * [1.0]
    assert changes.step_b.tolist() == 4 * evaluated.step.tolist()[1:2] + 4 * evaluated.step.tolist()[2:]
    assert changes.weights.between(1e-3, 1).all()
    assert changes.cka.between(0, 1, inclusive="neither").all()


def test_an_interrupted_run_goes_on_with_what_it_kept_of_the_epoch_before(make_job, short, monkeypatch, caplog):
    """The epoch before is not the last one: training was killed between two evaluated epochs."""
    short["training"] |= {"epochs": 5, "evaluations_per_decade": 2}
    short["execution"] = {"save_state_seconds": 0}
    job = make_job("train", short)
    train_stage.main(job)
    whole = Path(job.paths.change(job.run.path)).read_bytes()
    killed = make_job("train", short | {"name": "killed"})
    train = Trainer._train_epoch
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_train_epoch", lambda self, e, about: train(self, e, about) if e < 2 else 1 / 0)
        with pytest.raises(ZeroDivisionError):
            train_stage.main(killed)
    train_stage.main(killed)
    assert "starts from the beginning" not in caplog.text
    assert pd.read_parquet(job.paths.history(job.run.path)).epoch.tolist() == [0, 1, 3]
    assert Path(killed.paths.change(killed.run.path)).read_bytes() == whole
