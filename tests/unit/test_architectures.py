import pytest
import torch

from repdyn import architectures
from repdyn.errors import RepdynError

RESNET = {"model": "resnet18", "kwargs": {"layers": [1, 1, 1, 1], "channels": [4, 8, 8, 8]}, "stem": "small"}
VIT = {
    "model": "vit_tiny_patch16_224",
    "kwargs": {"patch_size": 2, "embed_dim": 16, "depth": 2, "num_heads": 2},
    "stem": "native",
}
SHAPE = (1, 8, 8)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("settings", [RESNET, VIT])
def test_a_seed_is_an_initialisation_and_leaves_the_global_random_state(settings):
    state = torch.get_rng_state()
    first, again, other = (architectures.build(settings, SHAPE, 10, seed) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        (RESNET, ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0", "global_pool"]),
        (VIT, ["patch_embed", "blocks.0", "blocks.1", "norm"]),
    ],
)
def test_stem_blocks_and_end_are_observed_in_order_of_depth(settings, layers):
    model = architectures.build(settings, SHAPE, 10, 0)
    assert list(architectures.observed(model, None)) == layers


def test_layers_may_be_named_with_wildcards_and_come_in_order_of_depth():
    model = architectures.build(VIT, SHAPE, 10, 0)
    assert list(architectures.observed(model, ["norm", "blocks.*"])) == ["blocks.0", "blocks.1", "norm"]
    with pytest.raises(RepdynError, match=r"no module is called `blokcs.0`; there are, for example: blocks.0"):
        architectures.observed(model, ["blokcs.0"])


def test_a_small_stem_keeps_the_resolution_and_its_width_is_the_first_stage_s():
    model = architectures.build(RESNET, SHAPE, 10, 0).eval()
    images = torch.zeros(2, *SHAPE)
    assert model.maxpool(model.act1(model.bn1(model.conv1(images)))).shape == (2, 4, 8, 8)
    assert model.layer1[0].downsample is None
    assert model(images).shape == (2, 10)


def test_a_small_stem_fits_bottlenecks_too():
    settings = {"model": "resnet50", "kwargs": {"layers": [1, 1, 1, 1], "channels": [4, 4, 4, 4]}, "stem": "small"}
    model = architectures.build(settings, (3, 32, 32), 10, 0)
    assert model.conv1.out_channels == 4
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"model": "resnet19"}, "`resnet19` is not a timm model; similar names are resnet1"),
        ({"kwargs": {"layerz": 3}}, "timm cannot build `resnet18` with kwargs .*layerz"),
        ({"model": "convnext_atto", "kwargs": {}}, "`stem: small` is for timm's ResNets"),
    ],
)
def test_what_timm_does_not_know_is_named(change, sentence):
    with pytest.raises(RepdynError, match=sentence):
        architectures.build(RESNET | change, SHAPE, 10, 0)


def test_a_patch_that_does_not_divide_the_image_is_named_with_those_that_do():
    settings = VIT | {"kwargs": VIT["kwargs"] | {"patch_size": 3}}
    with pytest.raises(RepdynError, match="patch_size 3, which does not divide the image size 8; these do: 1, 2, 4, 8"):
        architectures.build(settings, SHAPE, 10, 0)
