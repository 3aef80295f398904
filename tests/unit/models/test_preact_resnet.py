"""The PreAct ResNet of two studies is the one that others have."""

import sys
from pathlib import Path

import pytest
import torch

from repdyn.config.sections import Reduction
from repdyn.config.study import load
from repdyn.models import observation
from repdyn.types import Inputs

STUDIES = Path(__file__).parents[3] / "workflow" / "studies"


@pytest.fixture(autouse=True)
def _beside_the_studies(monkeypatch):
    monkeypatch.syspath_prepend(STUDIES)
    yield
    sys.modules.pop("preact_resnet", None)


def test_its_blocks_are_observed_and_it_has_the_parameters_of_the_usual_one():
    study = load(STUDIES / "somepalli-descent.yaml")
    found = observation.observe(study.archs["k64"], Reduction(), Inputs((3, 32, 32)), 10, None)
    blocks = [f"stages.{stage}.{block}" for stage in range(4) for block in range(2)]
    assert list(found.paths) == ["stem", *blocks, "pool"]
    from preact_resnet import PreActResNet18

    parameters = sum(weight.numel() for weight in PreActResNet18(3, 10).parameters())
    assert parameters == 11_171_146  # of PreActResNet18 in github.com/kuangliu/pytorch-cifar


def test_a_block_acts_before_it_convolves_and_its_shortcut_leaves_in_between():
    from preact_resnet import PreActResNet18

    torch.manual_seed(0)
    model = PreActResNet18(3, 10, width=4).eval()
    block, x = model.stages[1][0], torch.randn(2, 4, 8, 8)
    with torch.no_grad():
        for norm in (block.norm1, block.norm2):
            norm.running_mean.normal_()
            norm.running_var.uniform_(0.5, 2)
        acted = torch.relu(_normalised(block.norm1, x))
        inner = torch.relu(_normalised(block.norm2, block.conv1(acted)))
        torch.testing.assert_close(block(x), block.conv2(inner) + block.downsample(acted))
        assert block(x).shape == (2, 8, 4, 4)


def _normalised(norm, x):
    mean, var = (statistic[:, None, None] for statistic in (norm.running_mean, norm.running_var))
    return (x - mean) / torch.sqrt(var + norm.eps)
