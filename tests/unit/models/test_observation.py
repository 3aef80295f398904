"""Which layers of a network are one, and which part of it each is, before it is trained."""

import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.config.sections import Architecture, Reduction
from repdyn.errors import RepdynError
from repdyn.models import observation
from repdyn.planning import check, model_size
from repdyn.planning import layers as layers_tool
from repdyn.records.activations import ACTIVATIONS
from repdyn.records.layers import LAYERS
from repdyn.representations.table import Representations
from repdyn.stages import activations as activations_stage
from repdyn.stages import train as train_stage
from repdyn.storage import tables
from repdyn.types import Inputs


def observe(model, layers=None, size=8, channels=1, reduction=None, **settings):
    known = Architecture(model=model, layers=layers, **settings)
    return observation.observe(known, Reduction(**(reduction or {})), Inputs((channels, size, size)), 10, layers)


def parts(found, part):
    return [layer.name for layer in found.layers if layer.part == part]


# ---- which are one ------------------------------------------------------------------------------------------------

RESNET = {"kwargs": {"layers": [2, 1, 1, 1], "channels": [4, 4, 8, 8]}, "stem": "small"}
BLOCKS = ["layer1.0", "layer1.1", "layer2.0", "layer3.0", "layer4.0"]


def test_pooling_maps_of_one_pixel_is_no_layer_of_its_own():
    found = observe("resnet18", **RESNET)
    assert list(found.paths) == ["stem", *BLOCKS]
    assert found.copies == {"global_pool": observation.Copy("global_pool", "layer4.0")}
    assert found.remark == "global_pool always gives the same numbers as layer4.0 and is left out"
    assert list(observe("resnet18", size=16, **RESNET).paths) == ["stem", *BLOCKS, "global_pool"]


def test_what_is_the_same_once_it_is_reduced_is_one_layer():
    reduced = observe("resnet18", size=16, reduction={"pool": 1}, **RESNET)
    assert list(reduced.copies) == ["global_pool"]
    assert not observe("resnet18", size=16, reduction={"pool": 2}, **RESNET).copies


def test_of_two_that_are_one_a_layer_named_in_full_is_kept():
    assert list(observe("resnet18", ["layer4.*", "global_pool"], **RESNET).paths) == ["layer4.0", "global_pool"]
    assert list(observe("resnet18", ["layer4.*", "global_p*"], **RESNET).paths) == ["layer4.0"]


class Net(nn.Module):
    """A hidden layer and a branch beside it, seen by itself and by a module that does nothing."""

    def __init__(self, in_chans, num_classes, img_size, kind="residual"):
        super().__init__()
        self.block, self.branch = nn.Linear(in_chans * img_size**2, 8), nn.Linear(8, 8)
        self.norm, self.slope = nn.BatchNorm1d(8, eps=0.0), nn.PReLU(init=1.0)
        self.pool, self.head = nn.Identity(), nn.Linear(8, num_classes)
        self.gate, self.kind = nn.Parameter(torch.zeros(())), kind
        self.register_buffer("open", torch.zeros(()))
        self.register_buffer("steps", torch.zeros((), dtype=torch.int64))
        nn.init.zeros_(self.branch.weight)
        nn.init.zeros_(self.branch.bias)

    def forward(self, images):
        hidden = self.block(images.flatten(1))
        if self.training:
            self.steps += 1
            self.open += 0.1
        after = {
            "one": lambda: hidden,
            "residual": lambda: hidden + self.branch(hidden),
            "parameter": lambda: hidden + self.gate * hidden.sin(),
            "buffer": lambda: hidden + self.open * hidden.sin(),
            "norm": lambda: self.norm(hidden) if not self.training else self.norm(hidden * 3 + 1),
            "slope": lambda: self.slope(hidden),
            "step": lambda: hidden if self.steps < 3 else 2 * hidden,
        }
        return self.head(self.pool(after[self.kind]()))


def own(kind, layers=("block", "p*")):
    return {"model": f"{__name__}:Net", "kwargs": {"kind": kind}, "layers": list(layers)}


@pytest.mark.parametrize("kind", ["residual", "parameter", "buffer", "norm", "slope"])
def test_layers_that_are_alike_at_initialisation_alone_are_two(kind):
    settings = own(kind)
    model = Net(1, 10, 8, kind).eval()
    images, seen = torch.randn(2, 1, 8, 8), {}
    for name in ("block", "pool"):
        model.get_submodule(name).register_forward_hook(lambda _m, _i, out, name=name: seen.update({name: out}))
    model(images)
    assert torch.equal(seen["block"], seen["pool"]), "two images at initialisation do not tell them apart"
    assert list(observe(**settings).paths) == ["block", "pool"]
    assert list(observe(**own("one")).paths) == ["block"]


def study_of(config, kind, layers=("block", "p*")):
    config["archs"], config["training"]["epochs"] = {"mine": own(kind, layers)}, 2
    return config


def test_planning_and_stages_agree_and_the_tables_hold_each_layer_once(config, make_job, caplog, capsys):
    caplog.set_level("INFO")
    config["training"]["epochs"] = 2
    study = studies.parse(config)
    train_stage.main(make_job("train", config))
    job = make_job("activations", config)
    activations_stage.main(job)
    remark = "global_pool always gives the same numbers as layer4.0 and is left out"
    assert remark in caplog.text
    layers = ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0"]
    written = tables.read(*job.place(LAYERS)).to_pydict()
    assert written["layer"] == Representations(*job.place(ACTIVATIONS)).layers == layers
    assert written["part"] == ["stem", *["body"] * 4]
    assert (written["module"][0], written["kind"][1], written["depth"]) == ("maxpool", "BasicBlock", list(range(5)))
    assert model_size.measure(study, "resnet", study.data).features == dict(
        zip(layers, written["features"], strict=True)
    )
    assert list(check.check_architecture(study, "resnet").layers) == layers
    caplog.clear()
    check.main(study)
    assert f"`archs.resnet`: {remark}" in caplog.text
    layers_tool.main(study)
    assert f"\n  {remark}.\n" in capsys.readouterr().out


def test_a_layer_that_turns_out_to_be_another_one_stops_the_measurement(config, make_job):
    changes = study_of(config, "step")
    check.main(studies.parse(changes))
    train_stage.main(make_job("train", changes, "mine"))
    sentence = r"Layer `pool` was to be left out, as the same as `block`, but gives other numbers at step [1-9]"
    with pytest.raises(RepdynError, match=sentence):
        activations_stage.main(make_job("activations", changes, "mine"))
    named = study_of(config, "step", ("block", "pool"))
    train_stage.main(make_job("train", named, "mine"))
    activations_stage.main(make_job("activations", named, "mine"))


# ---- which part ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "stem", "head"),
    [
        ("resnet18", "stem", "global_pool"),
        ("vit_tiny_patch16_224", "patch_embed", "norm"),
        ("beit_base_patch16_224", "patch_embed", "fc_norm"),
        ("swin_tiny_patch4_window7_224", "patch_embed", "norm"),
        ("convnext_atto", "stem", "head.norm"),
        ("mixer_s32_224", "stem", "norm"),
        ("efficientnet_b0", "bn1", "bn2"),
        ("regnetx_002", "stem", "head.global_pool"),
        ("torchvision:resnet18", "stem", "avgpool"),
        ("torchvision:vit_b_16", "conv_proj", "encoder.ln"),
    ],
)
def test_a_network_is_a_stem_blocks_and_a_final_norm_or_pooling(model, stem, head):
    found = observe(model, size=224, channels=3)
    assert [parts(found, "stem"), parts(found, "head")] == [[stem], [head]]
    assert (found.layers[0].name, found.layers[-1].name) == (stem, head)


@pytest.mark.parametrize(
    ("model", "layers", "head"),
    [
        ("resnet18", ["layer*.*"], []),
        ("resnet18", ["maxpool", "layer1.0.bn1", "layer4.1.bn2"], []),
        ("resnet18", ["layer4.*", "global_pool", "fc"], ["global_pool"]),
        ("convnext_atto", ["stages.*.blocks.*", "norm_pre", "head.norm"], ["norm_pre", "head.norm"]),
        ("vit_base_patch16_clip_224", ["patch_embed", "norm_pre", "blocks.*", "norm"], ["norm"]),
        ("vit_base_patch16_clip_224", ["patch_embed", "norm_pre"], []),
        ("mobilevit_xxs", None, []),
        ("torchvision:vgg11_bn", None, []),
        ("torchvision:vgg11_bn", ["features.*"], ["features.28"]),
    ],
)  # fmt: skip
def test_a_norm_within_or_before_blocks_and_a_block_that_comes_last_are_no_head(model, layers, head):
    found = observe(model, layers, size=224, channels=3)
    heads = parts(found, "head") + [name for name, copy in found.copies.items() if copy.of in parts(found, "head")]
    assert sorted(heads) == sorted(head)


def test_a_network_of_which_only_norms_are_observed_has_no_head():
    class Norms(nn.Sequential):
        def __init__(self, in_chans, num_classes):
            kinds = [nn.Conv2d(in_chans, 4, 3), nn.BatchNorm2d(4), nn.Conv2d(4, 4, 3), nn.BatchNorm2d(4)]
            super().__init__(*kinds, nn.Flatten(), nn.Linear(64, num_classes))

    globals()["Norms"] = Norms
    assert parts(observe(f"{__name__}:Norms", ["1", "3"]), "head") == []
