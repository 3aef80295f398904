import timm
import torch
from torch import nn

from repdyn.models.owners import owners


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.token = nn.Parameter(torch.zeros(3))
        self.conv, self.norm, self.act = nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU()
        self.block = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
        self.head = nn.Linear(2, 3)


def test_a_parameter_belongs_to_the_module_around_it_or_to_the_next_observed_one_or_to_the_output():
    found = owners(Net(), {"act": "act", "block": "block", "inner": "block.1"})
    assert found == {
        "token": "act",
        **dict.fromkeys(("conv.weight", "conv.bias", "norm.weight", "norm.bias"), "act"),
        **dict.fromkeys(("block.0.weight", "block.0.bias"), "block"),
        **dict.fromkeys(("block.1.weight", "block.1.bias"), "inner"),
        **dict.fromkeys(("head.weight", "head.bias"), "output"),
    }


def test_every_parameter_of_a_network_has_one_owner_and_tied_ones_count_once():
    model = timm.create_model("resnet18")
    layers = {"stem": "act1", "layer1.0": "layer1.0", "layer4.1": "layer4.1", "pool": "global_pool"}
    found = owners(model, layers)
    assert set(found) == {name for name, _ in model.named_parameters()}
    assert found["conv1.weight"] == found["bn1.weight"] == "stem"
    assert found["layer1.1.conv1.weight"] == "layer4.1"  # the next that is observed
    assert found["fc.weight"] == "output"
    tied = Net()
    tied.block[1] = tied.block[0]
    assert "block.1.weight" not in owners(tied, {"block": "block"})
