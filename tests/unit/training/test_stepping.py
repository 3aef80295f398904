import shutil
from copy import deepcopy

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repdyn.config import study as studies
from repdyn.models import architectures
from repdyn.training import stepping
from repdyn.types import Inputs


@pytest.fixture
def stepper(config):
    """A model of the tiny study and what takes steps on it, under changed settings."""

    def make(arch="vit", **changes):
        config["training"] |= changes
        config["archs"]["resnet"]["kwargs"] |= {"channels": [16, 16, 16, 16]}  # wide enough for channels last
        config["optimizers"]["sgd"] |= {"momentum": 0.0, "lr": 1.0}
        study = studies.parse(config)
        optimizer = study.optimizer(study.run(arch, "sgd", 0))
        model = architectures.build(study.archs[arch], Inputs((1, 8, 8)), 10, seed=0)
        return model, stepping.Stepper(model, study.training, optimizer, torch.device("cpu"), steps_per_epoch=4)

    return make


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(16, 1, 8, 8, generator=generator)
    return images, torch.randint(0, 10, (16,), generator=generator)


def moved(model, before):
    return sum((new - old).square().sum() for new, old in zip(model.parameters(), before, strict=True)).sqrt().item()


def copy(model):
    return [parameter.detach().clone() for parameter in model.parameters()]


def test_clipped_gradients_move_the_weights_by_the_rate_times_the_norm_and_shorter_ones_as_they_are(stepper, batch):
    model, step = stepper()
    before = copy(model)
    step(*batch)
    free = moved(model, before)
    for clip_norm, expected in ((free / 4, free / 4), (4 * free, free)):
        model, step = stepper(clip_norm=clip_norm)
        before = copy(model)
        step(*batch)
        assert moved(model, before) == pytest.approx(expected, rel=1e-4)


def test_smoothed_labels_are_trained_on(stepper, batch):
    model, step = stepper(label_smoothing=0.2)
    expected = F.cross_entropy(model(batch[0]), batch[1], label_smoothing=0.2)
    assert step(*batch).item() == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize("arch", ["resnet", "vit"])
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_a_lower_precision_trains_almost_alike_and_keeps_its_weights_in_float32(stepper, batch, arch, precision):
    model, step = stepper(arch)
    before = copy(model)
    exact = step(*batch).item()
    length = moved(model, before)
    lower, step = stepper(arch, precision=precision)
    loss = step(*batch).item()
    assert loss != exact
    assert loss == pytest.approx(exact, rel=0.02)
    assert 0 < moved(lower, copy(model)) < 0.2 * length
    assert all(parameter.dtype == torch.float32 for parameter in lower.parameters())
    assert step(*batch).item() < loss


def test_channels_last_is_how_weights_lie_and_changes_hardly_a_number(stepper, batch):
    last, step_last = stepper("resnet")
    first, step_first = stepper("resnet", channels_last=False)
    assert last.layer2[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    assert first.layer2[0].conv1.weight.is_contiguous()
    assert step_last(*batch).item() == pytest.approx(step_first(*batch).item(), rel=1e-5)


@pytest.mark.parametrize("last", [True, False])
def test_a_compiled_model_trains_by_kernels_not_chosen_by_time_in_the_layout_asked_for(
    stepper, batch, monkeypatch, last
):
    compiled = []
    monkeypatch.setattr(torch, "compile", lambda model, options: compiled.append((model, options)) or model)
    model, step = stepper("resnet", compile=True, channels_last=last)
    assert compiled == [(model, {"deterministic": True, "layout_optimization": last})]
    before = copy(model)
    step(*batch)
    assert moved(model, before) > 0


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_steps_are_those_of_the_model_up_to_rounding(config, batch):
    study = studies.parse(config)
    optimizer = study.optimizer(study.run("vit", "sgd", 0))
    losses = {}
    for compiled in (False, True):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.GELU(), nn.Linear(8, 10))
        chosen = study.training.model_copy(update={"compile": compiled})
        step = stepping.Stepper(model, chosen, optimizer, torch.device("cpu"), steps_per_epoch=4)
        losses[compiled] = [step(*batch).item() for _ in range(3)]
        assert list(model.state_dict()) == ["1.weight", "1.bias", "3.weight", "3.bias"]
    assert losses[True] == pytest.approx(losses[False], rel=1e-5)
    assert losses[True][2] < losses[True][0]


def test_second_order_optimizers_get_the_graph_that_they_need_and_go_on_where_they_stopped(config, batch):
    config["optimizers"]["sgd"] = {"opt": "adahessian", "lr": 0.01}
    study = studies.parse(config)
    optimizer = study.optimizer(study.run("vit", "sgd", 0))
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 8), nn.Tanh(), nn.Linear(8, 10))
    step = stepping.Stepper(model, study.training, optimizer, torch.device("cpu"), steps_per_epoch=4)
    losses = [step(*batch).item() for _ in range(5)]
    assert losses[-1] < losses[0]
    again = deepcopy(model)
    continued = stepping.Stepper(again, study.training, optimizer, torch.device("cpu"), steps_per_epoch=4)
    continued.load_state_dict(deepcopy(step.state_dict()))
    assert [continued(*batch).item() for _ in range(3)] == [step(*batch).item() for _ in range(3)], "same directions"
