"""Re-estimated statistics are those of the images under the present weights, exactly, for every kind of batch norm."""

import copy
from typing import ClassVar

import pytest
import torch
from timm.layers import BatchNormAct2d, EvoNorm2dB0, FrozenBatchNormAct2d, SyncBatchNormAct
from torch import nn
from torchvision.ops import FrozenBatchNorm2d

from repdyn.models import batch_norm

N = 40


def images(*shape, seed=0, dtype=torch.float64):
    return torch.randn(N, *shape, generator=torch.Generator().manual_seed(seed), dtype=dtype) * 3 + 1


def network():
    torch.manual_seed(0)
    parts = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(), nn.BatchNorm2d(4, momentum=None)]
    model = nn.Sequential(*parts).double().eval()
    with torch.no_grad():
        for norm in (model[1], model[4]):
            norm.weight.uniform_(0.5, 2)
            norm.bias.normal_()
            norm.running_mean.normal_()
            norm.running_var.uniform_(1, 9)
    return model


def reestimated(model, x):
    norms = batch_norm.find(model)
    batch_norm.reestimate(model, norms, x)
    return norms


def moments(x):
    """Mean and unbiased variance of each channel."""
    flat = x.transpose(0, 1).flatten(1)
    return flat.mean(1), flat.var(1)


def test_the_statistics_of_a_network_are_those_of_the_closed_form():
    model, x = network(), images(1, 8, 8)
    before = copy.deepcopy(model.state_dict())
    assert reestimated(model, x) == [model[1], model[4]]
    convolved = model[0](x)
    mean, variance = moments(convolved)
    torch.testing.assert_close((model[1].running_mean, model[1].running_var), (mean, variance))
    shape = (1, 4, 1, 1)
    normalised = (convolved - mean.view(shape)) / (convolved.var((0, 2, 3), False).view(shape) + 1e-5).sqrt()
    hidden = (normalised * model[1].weight.view(shape) + model[1].bias.view(shape)).relu()
    torch.testing.assert_close((model[4].running_mean, model[4].running_var), moments(hidden))
    changed = {name for name, value in model.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {f"{place}.running_{which}" for place in "14" for which in ("mean", "var")}
    assert not any(module.training for module in model.modules())
    assert (model[1].momentum, model[4].momentum) == (0.1, None)


def test_they_depend_on_nothing_but_weights_and_images():
    model, x = network(), images(1, 8, 8)
    reestimated(model, x)
    wanted = copy.deepcopy(model.state_dict())
    with torch.no_grad():
        model[1].running_mean.fill_(torch.nan)
        model[4].running_var.fill_(1e30)
    torch.manual_seed(77)
    random = torch.get_rng_state()
    reestimated(model, x)
    assert all(torch.equal(value, wanted[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    ("norm", "shape"),
    [
        (nn.BatchNorm1d(3), (3,)),
        (nn.BatchNorm1d(3, affine=False), (3, 7)),
        (nn.BatchNorm2d(3, momentum=0.0), (3, 4, 4)),
        (nn.BatchNorm3d(3), (3, 2, 4, 4)),
        (nn.LazyBatchNorm2d(), (3, 4, 4)),
        (nn.SyncBatchNorm(3), (3, 4, 4)),
        (BatchNormAct2d(3), (3, 4, 4)),
        (SyncBatchNormAct(3), (3, 4, 4)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_every_kind_of_batch_norm_is_reestimated(norm, shape):
    model, x = nn.Sequential(norm.double()).eval(), images(*shape)
    model(x)  # makes a lazy one
    assert reestimated(model, x) == [model[0]]
    torch.testing.assert_close((model[0].running_mean, model[0].running_var), moments(x))


def test_batch_norm_by_the_variance_alone_is_reestimated():
    model, x = nn.Sequential(EvoNorm2dB0(3)).eval(), images(3, 4, 4, dtype=torch.float32)
    assert reestimated(model, x) == [model[0]]
    torch.testing.assert_close(model[0].running_var, moments(x)[1])


def test_instance_norm_that_tracks_statistics_keeps_the_mean_over_images():
    model, x = nn.Sequential(nn.InstanceNorm2d(3, track_running_stats=True)).double().eval(), images(3, 4, 4)
    reestimated(model, x)
    each = x.flatten(2)
    torch.testing.assert_close(
        (model[0].running_mean, model[0].running_var), (each.mean(2).mean(0), each.var(2).mean(0))
    )


class KeptInEvaluation(nn.BatchNorm2d):
    def train(self, _mode=True):
        return super().train(False)


@pytest.mark.parametrize(
    "norm",
    [
        FrozenBatchNorm2d(3),
        FrozenBatchNormAct2d(3),
        KeptInEvaluation(3),
        nn.BatchNorm2d(3, track_running_stats=False),
        nn.InstanceNorm2d(3),
        nn.GroupNorm(1, 3),
        nn.LayerNorm([3, 4, 4]),
    ],
    ids=lambda norm: type(norm).__name__,
)
def test_what_is_frozen_or_has_no_statistics_stays_and_costs_nothing(norm):
    model = nn.Sequential(norm).eval()
    assert batch_norm.find(model) == []
    assert not any(module.training for module in model.modules())


class Shared(nn.Module):
    """One batch norm under two names, called twice, and one that is never called."""

    names: ClassVar = ["norm", "same"]

    def __init__(self):
        super().__init__()
        self.norm = self.same = nn.BatchNorm1d(3)
        self.unused = nn.BatchNorm1d(3)
        nn.init.constant_(self.unused.running_mean, 7)

    def forward(self, x):
        return self.same(4 * self.norm(x).relu())


def test_of_several_calls_the_mean_is_kept_and_what_is_not_called_stays():
    model, x = Shared().double().eval(), images(3)
    assert reestimated(model, x) == [model.norm, model.unused]
    normalised = (x - x.mean(0)) / (x.var(0, unbiased=False) + 1e-5).sqrt()
    calls = [moments(x), moments(4 * normalised.relu())]
    wanted = tuple(torch.stack(of_calls).mean(0) for of_calls in zip(*calls, strict=True))
    torch.testing.assert_close((model.norm.running_mean, model.norm.running_var), wanted)
    assert model.unused.running_mean.tolist() == [7] * 3
    assert model.norm.num_batches_tracked == 0


def test_a_forward_pass_that_fails_leaves_the_network_as_it_was():
    model = network()
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(RuntimeError):
        reestimated(model, images(2, 8, 8))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert (model[1].momentum, model[1].training) == (0.1, False)
