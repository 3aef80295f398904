"""bfloat16 on a processor: what it computes wrongly is refused before anything is trained, and nothing else is."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.planning import check
from repdyn.training import bfloat16
from repdyn.types import Inputs

CONVOLUTION, BACKWARD = torch.ops.aten.convolution.default, torch.ops.aten.convolution_backward.default
ONE_PIXEL_WIDE = (64, 32, 3, 2, 1)  # on maps of 1 × 1


class OnePixel(nn.Module):
    """A strided, padded convolution of one pixel, after a convolution and a batch norm: what cancels in it is right."""

    def __init__(self, in_chans, num_classes, img_size, dtype=torch.float32):
        super().__init__()
        self.first, self.norm = nn.Conv2d(in_chans, 64, img_size), nn.BatchNorm2d(64)
        self.second, self.head = nn.Conv2d(*ONE_PIXEL_WIDE), nn.Linear(32, num_classes)
        self.to(dtype)

    def forward(self, images):
        hidden = self.norm(self.first(images.to(self.head.weight.dtype))).relu()
        return self.head(self.second(hidden).flatten(1))


class Wider(OnePixel):
    """The same where maps stay three pixels wide."""

    def __init__(self, in_chans, num_classes, img_size):
        super().__init__(in_chans, num_classes, img_size)
        self.first = nn.Conv2d(in_chans, 64, img_size - 4)
        self.head = nn.Linear(9 * 32, num_classes)


class NotInBfloat16(OnePixel):
    def forward(self, images):
        if torch.is_autocast_enabled("cpu"):
            raise RuntimeError("no kernel for BFloat16")
        return super().forward(images)


class Faulty(TorchDispatchMode):
    """A processor that computes an operation wrongly in bfloat16."""

    def __init__(self, operation, which):
        super().__init__()
        self.operation, self.which = operation, which

    def __torch_dispatch__(self, operation, _types, arguments=(), named=None):
        found = operation(*arguments, **(named or {}))
        if operation is self.operation and arguments[0].dtype == torch.bfloat16:
            wrong = found if self.which is None else found[self.which]
            if wrong is not None:
                wrong[(-1,) * wrong.dim()] = wrong.abs().max() * 2 + 1e-30
        return found


def study_of(config, model="OnePixel", precision="bfloat16", **kwargs):
    config["archs"] = {
        "mine": {"model": f"{__name__}:{model}", "layers": ["first", "second", "norm"], "kwargs": kwargs}
    }
    config["training"]["precision"], config["execution"] = precision, {"device": "cpu"}
    return studies.parse(config)


def look(config, **known):
    study = study_of(config, **known)
    bfloat16.check(nn.Identity(), study, study.run("mine", "sgd", 0), Inputs((1, 8, 8)), 10)


def is_wrong_here():
    """Whether plain torch computes the gradient wrongly, in memory that is not empty by chance."""
    torch.manual_seed(0)
    convolution, images = nn.Conv2d(*ONE_PIXEL_WIDE), torch.randn(2, 64, 1, 1)
    found = []
    for is_half in (True, False):
        with torch.autocast("cpu", torch.bfloat16, enabled=is_half):
            given = convolution(images)
        blocks = [torch.full((2**power,), math.nan) for power in range(6, 18) for _ in range(4)]
        del blocks
        found += torch.autograd.grad(given.float().sum(), convolution.weight)
    return not torch.allclose(*found, atol=0.1, rtol=0.1)


def test_a_gradient_that_this_processor_computes_wrongly_is_refused(config):
    if not is_wrong_here():
        pytest.skip("this processor computes it rightly")
    sentence = "`archs.mine`: the gradient of the weights of `second` is wrong in bfloat16 on this processor"
    with pytest.raises(RepdynError, match=sentence):
        check.main(study_of(config))
    check.main(study_of(config, precision="float32"))


def test_nothing_is_refused_where_it_is_right(config, tmp_path):
    """In a process of its own: oneDNN reads once which instructions it may use."""
    code = (
        "import sys, yaml; sys.path[:0] = sys.argv[1:2]\n"
        "from test_bfloat16 import look\n"
        "look(yaml.safe_load(open(sys.argv[2], encoding='utf-8')))"
    )
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", code, here, here.parents[1] / "pipeline" / "tiny.yaml"],
        env=os.environ | {"ONEDNN_MAX_CPU_ISA": "AVX2"},
        cwd=tmp_path,
        check=False,
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    look(config, model="Wider")


@pytest.mark.parametrize(
    ("operation", "which", "what"),
    [
        (CONVOLUTION, None, "what `first` gives"),
        (BACKWARD, 0, "the gradient of what enters `second`"),
        (BACKWARD, 1, "the gradient of the weights of `second`"),
        (BACKWARD, 2, "the gradient of the biases of `second`"),
        (torch.ops.aten.addmm.default, None, "what `head` gives"),
    ],
)
def test_a_fault_is_named_by_its_module(config, operation, which, what):
    with Faulty(operation, which), pytest.raises(RepdynError, match=f"^{what} is wrong in bfloat16"):
        look(config, model="Wider")


def test_a_model_that_is_in_bfloat16_itself_is_looked_at_too(config):
    study = study_of(config, precision="float32")
    half = OnePixel(1, 10, 8, torch.bfloat16)
    study.archs["mine"].kwargs["dtype"] = torch.bfloat16
    with Faulty(CONVOLUTION, None), pytest.raises(RepdynError, match="what `first` gives is wrong"):
        bfloat16.check(half, study, study.run("mine", "sgd", 0), Inputs((1, 8, 8)), 10)


def test_a_model_that_does_not_go_together_with_it_is_refused(config):
    with pytest.raises(RepdynError, match=r"the model does not run in bfloat16: .*no kernel for BFloat16"):
        look(config, model="NotInBfloat16")


def test_random_numbers_are_left_as_they_were(config):
    before = torch.get_rng_state()
    look(config, model="Wider")
    assert torch.equal(torch.get_rng_state(), before)
