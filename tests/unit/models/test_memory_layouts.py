import itertools
import json
import os
import subprocess
import sys

import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.config.sections import Architecture, Training
from repdyn.models import architectures, memory_layouts
from repdyn.representations import extract
from repdyn.types import Inputs

LAST, FIRST = torch.channels_last, torch.contiguous_format
CPU = torch.device("cpu")
# The strides of both orders, as anyone would write them down.
WAYS = {
    "channels last": lambda x: x.permute(0, 2, 3, 1).clone(memory_format=FIRST).permute(0, 3, 1, 2),
    "channels first": lambda x: x.clone(memory_format=FIRST),
    "columns first": lambda x: x.transpose(2, 3).clone(memory_format=FIRST).transpose(2, 3),
    "images last": lambda x: x.permute(1, 2, 3, 0).clone(memory_format=FIRST).permute(3, 0, 1, 2),
    "every other image": lambda x: x.repeat_interleave(2, dim=0)[::2],
    "some of more channels": lambda x: torch.cat([x, x], dim=1)[:, : x.shape[1]],
    "a part of each map": lambda x: nn.functional.pad(x, (1, 1, 1, 1))[:, :, 1:-1, 1:-1],
    "one image many times": lambda x: x[:1].expand_as(x),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("shape", list(itertools.product([1, 4], [1, 3], [1, 5], [1, 6])), ids=str)
def test_of_all_strides_that_a_tensor_can_have_it_gets_those_of_the_order_asked_for(shape, way):
    _, c, h, w = shape
    given = WAYS[way](torch.randn(shape))
    last, first = memory_layouts.laid_out(given, LAST), memory_layouts.laid_out(given, FIRST)
    assert torch.equal(last, given) and torch.equal(first, given)
    assert last.stride() == (h * w * c, 1, w * c, c)
    assert first.stride() == (c * h * w, h * w, w, 1)
    assert memory_layouts.laid_out(last, LAST) is last and memory_layouts.laid_out(first, FIRST) is first, (
        "copied in vain"
    )
    # What kernels are chosen by; of one channel and one pixel there is nothing to choose.
    suggested = torch._prims_common.suggest_memory_format
    assert suggested(first) == FIRST
    assert suggested(last) == (FIRST if c * h * w == 1 else LAST)


def test_gradients_go_through_a_layout_that_changes():
    images = torch.randn(2, 3, 4, 5, requires_grad=True)
    (memory_layouts.laid_out(images, LAST) ** 2).sum().backward()
    assert torch.equal(images.grad, 2 * images)


def test_what_has_no_height_and_width_is_left_as_it_is():
    for tensor in (torch.randn(3, 4, 5).permute(2, 0, 1), torch.randn(2, 3), torch.eye(4).to_sparse()):
        assert memory_layouts.laid_out(tensor, LAST) is tensor


class Looking(nn.Module):
    """Keeps the strides of what it is given."""

    def __init__(self):
        super().__init__()
        self.narrow = nn.Conv2d(4, 6, 1, stride=2)
        self.grey = nn.Conv2d(1, 4, 3)
        self.register_buffer("positions", torch.zeros(1, 1, 6, 6))
        self.five = nn.Parameter(torch.zeros(1, 2, 3, 4, 5))
        self.seen, self.inside = [], []
        self.narrow.register_forward_pre_hook(lambda _, inputs: self.inside.append(inputs[0].stride()))

    def forward(self, images):
        self.seen.append(images.stride())
        maps = self.grey(images + self.positions)
        return self.narrow(maps.permute(0, 2, 3, 1).clone(memory_format=FIRST).permute(0, 3, 1, 2)).flatten(1)


@pytest.mark.parametrize(
    ("order", "grey", "narrow"), [(LAST, (9, 1, 3, 1), (4, 1, 4, 4)), (FIRST, (9, 9, 3, 1), (4, 1, 1, 1))]
)
def test_weights_of_one_channel_or_one_pixel_say_their_order_too_whatever_it_was_before(order, grey, narrow):
    model = Looking()
    for chosen in (LAST, FIRST, order):
        memory_layouts.lay_out(model, chosen)
    assert (model.grey.weight.stride(), model.narrow.weight.stride()) == (grey, narrow)
    assert model.positions.stride() == memory_layouts.laid_out(torch.zeros(1, 1, 6, 6), order).stride()


@pytest.mark.parametrize(("order", "strides"), [(LAST, (36, 1, 6, 1)), (FIRST, (36, 36, 6, 1))])
def test_images_are_laid_out_at_a_network_s_door_wherever_they_come_from(order, strides):
    model = Looking()
    memory_layouts.lay_out(model, order)
    for way in WAYS.values():
        for images in (torch.randn(1, 1, 6, 6), torch.randn(3, 1, 6, 6)):
            model(way(images))
    assert set(model.seen) == {strides}


def test_a_layout_that_is_changed_holds_for_images_too():
    model = Looking()
    memory_layouts.lay_out(model, LAST)
    memory_layouts.lay_out(model, FIRST)
    model(torch.randn(2, 1, 6, 6))
    assert model.seen == [(36, 36, 6, 1)]


def test_what_a_network_permutes_before_a_convolution_that_fails_so_is_laid_out_again():
    model = Looking()
    memory_layouts.lay_out(model, FIRST)
    inputs = []
    model.narrow.register_forward_pre_hook(lambda _, given: inputs.append(given[0].stride()))
    model(torch.randn(2, 1, 6, 6))
    assert model.inside == [(64, 1, 16, 4)], "permuted"
    assert inputs == [(64, 16, 4, 1)]


def test_networks_are_measured_with_channels_first_whatever_images_look_like(config):
    study = studies.parse(config)
    model, layers = extract.network(study, study.run("resnet", "sgd", 0), CPU)
    seen = []
    model.conv1.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].stride()))
    images = torch.randn(5, 8, 8, 1).permute(0, 3, 1, 2)
    plain = extract.forward(model, layers, images.clone(memory_format=FIRST).numpy(), CPU)
    found = extract.forward(model, layers, images.numpy(), CPU)
    assert set(seen) == {(64, 64, 8, 1)}
    assert all(torch.equal(found[layer], plain[layer]) for layer in layers)


@pytest.mark.parametrize(("width", "order"), [(15, FIRST), (16, LAST)])
def test_channels_come_last_from_the_width_on_at_which_gradients_can_be_trusted(width, order):
    training = Training(epochs=1)
    model = architectures.build(
        Architecture(model="resnet18", stem="small", width=width), Inputs((1, 8, 8)), 10, seed=0
    )
    assert memory_layouts.choose(training, model, CPU) == order
    assert memory_layouts.choose(training, model, torch.device("cuda")) == LAST


# Every way that images come in training, through networks whose gradients were wrong, or crashed.
TRAINING = """
import json
import numpy as np
import torch
from torch import nn
from repdyn.config import sections
from repdyn.data import augmentation, images, loader
from repdyn.training import stepping

torch.set_num_threads(1)
CPU = torch.device("cpu")
TRAINING = sections.Training(epochs=1)
OPTIMIZER = sections.Optimizer(opt="momentum", lr=1.0, momentum=0.0).model_copy(update={"lr": 0.0})  # stays where it is

class Permuted(nn.Module):
    def forward(self, maps):
        return maps.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)

class Network(nn.Module):
    def __init__(self, channels, width, between):
        super().__init__()
        conv = nn.Conv2d(channels, width, 3, stride=(1, 2)) if width == 16 else nn.Conv2d(channels, width, 3, padding=1)
        self.stem = nn.Sequential(conv, nn.ReLU())
        self.shortcut = nn.Sequential(between, nn.Conv2d(width, 2 * width, 1, stride=2))
        self.main = nn.Conv2d(width, 2 * width, 3, stride=2, padding=1)
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2 * width, 10))
    def forward(self, x):
        maps = self.stem(x)
        return self.head(torch.relu(self.shortcut(maps) + self.main(maps)))

def batches(channels, size, augmented, batch):
    stored = np.random.default_rng(0).integers(0, 256, size=(64, channels, size, size), dtype=np.uint8)
    index = np.arange(64)
    table = images.Standardisation.of(stored, index, size, 255).table
    augment = augmentation.Augmenter(sections.Augmentation(padding=1), torch.zeros(channels), 64)
    augment.draw(torch.Generator().manual_seed(0))
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    fed = loader.Feed(images.Images(stored, index, size, table), CPU).batches(batch, order)
    return [augment(x, at) if augmented else x for x, at in zip(fed, order.split(batch))]

errors = {}
for name, (channels, size, augmented, batch, width, between) in {
    "grey": (1, 32, False, 32, 4, nn.Identity()),
    "grey, augmented": (1, 32, True, 32, 4, nn.Identity()),
    "colour": (3, 32, False, 32, 8, nn.Identity()),
    "colour, augmented": (3, 32, True, 32, 8, nn.Identity()),
    "a batch of one": (1, 32, True, 1, 4, nn.Identity()),
    "maps of one pixel": (3, 1, False, 32, 4, nn.Identity()),
    "one channel within": (1, 32, True, 32, 1, nn.Identity()),
    "permuted within": (3, 32, False, 32, 4, Permuted()),
    "one pixel wide": (1, 4, False, 32, 16, nn.Identity()),
}.items():
    gradients = []
    for dtype in (torch.float32, torch.float64):
        torch.manual_seed(0)
        model = Network(channels, width, between).to(dtype)
        step = stepping.Stepper(model, TRAINING, OPTIMIZER, CPU, 1)
        for x in batches(channels, size, augmented, batch)[:2]:
            step(x.to(dtype), torch.arange(len(x)) % 10)
        gradients.append(torch.cat([weights.grad.flatten().double() for weights in model.parameters()]))
    errors[name] = ((gradients[0] - gradients[1]).norm() / gradients[1].norm()).item()
    print(json.dumps(errors), flush=True)
"""


@pytest.mark.parametrize("instructions", ["AVX2", None], ids=["AVX2", "all"])
def test_training_has_the_gradients_of_float64_with_and_without_avx_512_however_images_come(instructions):
    own = {name: value for name, value in os.environ.items() if name != "ONEDNN_MAX_CPU_ISA"}
    limited = own | ({} if instructions is None else {"ONEDNN_MAX_CPU_ISA": instructions})
    shown = subprocess.run(
        [sys.executable, "-c", TRAINING], env=limited, check=False, capture_output=True, encoding="utf-8"
    )
    assert shown.returncode == 0, f"ended with {shown.returncode} after {shown.stdout}{shown.stderr[-2000:]}"
    errors = json.loads(shown.stdout.splitlines()[-1])
    assert len(errors) == 9
    assert max(errors.values()) < 1e-4, errors
