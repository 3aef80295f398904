import copy

import pytest
import torch
from torch import nn

from repdyn.config.sections import Optimizer, Training
from repdyn.errors import RepdynError
from repdyn.planning import trial


class Fails(torch.optim.Optimizer):
    """Gradient descent, up to a step."""

    def __init__(self, params, lr, fails_at=2):
        super().__init__(params, {"lr": lr})
        self.fails_at, self.steps = fails_at, 0

    @torch.no_grad()
    def step(self):
        self.steps += 1
        if self.steps == self.fails_at:
            raise ArithmeticError("enough")
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(group["lr"] * p.grad)


class Counts(nn.Linear):
    """Counts its calls in an attribute, which no state has, and adds the count to what it gives."""

    def __init__(self, *size):
        super().__init__(*size)
        self.calls = 0

    def forward(self, images):
        self.calls += self.training
        return super().forward(images) * self.calls


def network(last=nn.Linear):
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 5), nn.BatchNorm1d(5), nn.Dropout(0.3), last(5, 3))


@pytest.fixture
def images():
    return torch.randn(4, 1, 2, 2, generator=torch.Generator().manual_seed(1))


def settings(opt="momentum", training=(), **changes):
    return Training(epochs=4, channels_last=False, **dict(training)), Optimizer(**{"opt": opt, "lr": 0.1} | changes)


@pytest.mark.parametrize("work", [trial.take_step, trial.interrupt])
def test_a_trial_leaves_weights_buffers_gradients_modes_and_random_numbers_as_they_were(work, images):
    model = network()
    before, random = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    work(model, images, *settings("adam"))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert model.training and model[2].training
    assert torch.equal(torch.get_rng_state(), random)


def test_frozen_weights_are_none_that_an_optimizer_leaves_out(images, caplog):
    model = network()
    model[1].weight.requires_grad_(False)
    trial.take_step(model, images, *settings())
    assert not caplog.records


def test_a_rate_that_makes_weights_infinite_in_the_first_step_is_refused(images):
    with pytest.raises(RepdynError, match=r"^`momentum` makes 1\.weight NaN or infinite in its first step; lower its"):
        trial.take_step(network(), images, *settings(lr=1e39))


def test_an_error_of_one_s_own_optimizer_is_a_sentence_with_its_place(images):
    opt = f"{__name__}:Fails"
    trial.take_step(network(), images, *settings(opt))
    with pytest.raises(
        RepdynError, match=rf"^`{opt}` cannot take a step: ArithmeticError: enough \(.*test_trial\.py, l"
    ):
        trial.take_step(network(), images, *settings(opt, kwargs={"fails_at": 1}))
    with pytest.raises(RepdynError, match="cannot take a step: ArithmeticError"):
        trial.interrupt(network(), images, *settings(opt))


def test_a_model_that_keeps_what_its_state_has_not_cannot_be_interrupted(images):
    trial.take_step(network(Counts), images, *settings())
    with pytest.raises(
        RepdynError, match=r"training with `momentum` does not go on from a saved state .* the model, needs"
    ):
        trial.interrupt(network(Counts), images, *settings())


@pytest.mark.parametrize(
    ("training", "changes"),
    [
        ({"compile": True}, {}),  # which takes minutes
        ({"precision": "bfloat16"}, {}),
        ({"precision": "float16"}, {}),  # which a CPU may lack
        ({"clip_norm": 0.1, "label_smoothing": 0.1}, {"weight_decay": 0.1}),
        ({}, {"schedule": {"sched": "cosine", "epochs": 4}}),
        ({}, {"schedule": {"sched": "wsd", "epochs": 4}}),
    ],
)
def test_what_can_be_trained_passes_with_any_settings(training, changes, images, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda *_, **__: pytest.fail("compiled"))
    trial.take_step(network(), images, *settings("adam", training, **changes))
    trial.interrupt(network(), images, *settings("adam", training, **changes))
