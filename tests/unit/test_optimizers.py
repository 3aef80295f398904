import pytest
import torch

from repdyn import optimizers
from repdyn.errors import RepdynError

BASE = {"opt": "momentum", "lr": 0.1, "momentum": 0.9, "weight_decay": 0.0, "kwargs": {}}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def test_momentum_is_classical_and_sgd_is_nesterov_as_timm_has_them(model):
    assert optimizers.create(model, BASE).defaults["nesterov"] is False
    assert optimizers.create(model, BASE | {"opt": "sgd"}).defaults["nesterov"] is True


def test_a_step_is_torch_s_own(model):
    reference = torch.nn.Linear(3, 2)
    reference.load_state_dict(model.state_dict())
    ours = optimizers.create(model, BASE | {"opt": "adam", "lr": 0.01})
    theirs = torch.optim.Adam(reference.parameters(), lr=0.01)
    for _ in range(3):
        for network, optimizer in ((model, ours), (reference, theirs)):
            optimizer.zero_grad()
            network(torch.ones(4, 3)).square().sum().backward()
            optimizer.step()
    assert torch.allclose(model.weight, reference.weight, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"opt": "adamm"}, "`adamm` is not an optimizer of timm; similar names are .*adam"),
        ({"kwargs": {"speed": 3}}, "cannot create the optimizer `momentum`"),
    ],
)
def test_what_timm_does_not_know_is_named(model, change, sentence):
    with pytest.raises(RepdynError, match=sentence):
        optimizers.create(model, BASE | change)
