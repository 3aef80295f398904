from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from repdyn.config import study as studies
from repdyn.config.sections import Optimizer
from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.training import optimizers
from repdyn.types import Inputs

DEFAULT = studies.load(Path(__file__).parents[3] / "config.yaml")
RATES = {"momentum": 0.03, "adam": 1e-3, "adamw": 1e-3, "muon": 5e-3, "lion": 2e-4, "lookahead_adam": 1e-3}


def of(**changes):
    return Optimizer(**{"opt": "momentum", "lr": 0.1} | changes)


@pytest.fixture(scope="module")
def digits():
    examples = subsets.load(DEFAULT.data, Path("data"), 0).train
    return torch.from_numpy(examples.inputs[:256]), torch.from_numpy(examples.given_labels[:256])


@pytest.mark.parametrize("arch", DEFAULT.archs)
@pytest.mark.parametrize("opt", RATES)
def test_the_usual_optimizers_train_the_default_models(arch, opt, digits):
    model = architectures.build(DEFAULT.archs[arch], Inputs((1, 8, 8)), 10, seed=0)
    optimizer = optimizers.create(model, of(opt=opt, lr=RATES[opt], weight_decay=0.01))
    losses = []
    for epoch in range(5):
        order = torch.randperm(256, generator=torch.Generator().manual_seed(epoch))
        for batch in order.split(32):
            loss = F.cross_entropy(model(digits[0][batch]), digits[1][batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    assert sum(losses[-8:]) < 0.98 * sum(losses[:8])


def test_biases_norms_and_position_embeddings_are_not_decayed():
    model = architectures.build(DEFAULT.archs["vit"], Inputs((1, 8, 8)), 10, seed=0)
    groups = optimizers.create(model, of(weight_decay=0.01)).param_groups
    decayed = {id(p) for group in groups if group["weight_decay"] for p in group["params"]}
    names = {name for name, parameter in model.named_parameters() if id(parameter) not in decayed}
    one_dimensional = {name for name, parameter in model.named_parameters() if parameter.ndim == 1}
    assert names == one_dimensional | {"pos_embed", "cls_token"}


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Linear(3, 2)


def test_momentum_is_classical_and_sgd_is_nesterov_as_timm_has_them(model):
    assert optimizers.create(model, of()).defaults["nesterov"] is False
    assert optimizers.create(model, of(opt="sgd")).defaults["nesterov"] is True


def test_a_step_is_torch_s_own(model):
    reference = torch.nn.Linear(3, 2)
    reference.load_state_dict(model.state_dict())
    ours = optimizers.create(model, of(opt="adam", lr=0.01))
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
        ({"opt": "adamm"}, "`adamm` is not an optimizer of timm; similar names are .*adam.*your own are written"),
        ({"kwargs": {"speed": 3}}, "cannot create the optimizer `momentum`"),
    ],
)
def test_what_timm_does_not_know_is_named(model, change, sentence):
    with pytest.raises(RepdynError, match=sentence):
        optimizers.create(model, of(**change))
