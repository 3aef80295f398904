import pytest
import torch
from torch import nn

from repdyn.config.sections import Architecture
from repdyn.errors import RepdynError
from repdyn.models import architectures, observed_layers
from repdyn.representations import extract
from repdyn.types import Inputs

SHAPE = Inputs((1, 8, 8))


def of(model, stem="native", width=None, **kwargs):
    return Architecture(model=model, kwargs=kwargs, stem=stem, width=width)


RESNET = of("resnet18", "small", layers=[1, 1, 1, 1], channels=[4, 8, 8, 8])
VIT = of("vit_tiny_patch16_224", patch_size=2, embed_dim=16, depth=2, num_heads=2)


def same(one, other):
    return all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


@pytest.mark.parametrize("settings", [RESNET, VIT])
def test_a_seed_is_an_initialisation_and_leaves_the_global_random_state(settings):
    state = torch.get_rng_state()
    first, again, other = (architectures.build(settings, SHAPE, 10, seed) for seed in (0, 0, 1))
    assert same(first, again)
    assert not same(first, other)
    assert torch.equal(torch.get_rng_state(), state)


SWIN = {"window_size": 4, "embed_dim": 8, "depths": (1, 1), "num_heads": (2, 2)}
MIXER = {"patch_size": 8, "num_blocks": 2, "embed_dim": 16}
TORCHVISION_VIT = {"patch_size": 8, "num_layers": 2, "num_heads": 2, "hidden_dim": 16, "mlp_dim": 32}
NASNET = {"stem_size": 12, "num_features": 96}
TWINS = {"embed_dims": (8, 8), "num_heads": (1, 1), "depths": (1, 1), "mlp_ratios": (1, 1)}
VOLO = {"layers": (1, 1, 1, 1), "embed_dims": (8,) * 4, "num_heads": (1,) * 4, "stem_hidden_dim": 8}
# Small variants, with random weights, of every kind of network, and what is observed of them.
FAMILIES = [
    (
        of("timm.models.vgg:VGG", cfg=[8, "M", 16, "M", 16], mlp_ratio=0.01),
        ["features.1", "features.4", "features.7", "pre_logits.act1", "pre_logits.act2"],
        5,
    ),
    (
        of("densenet121", growth_rate=4, block_config=(2, 2)),
        ["features.pool0", "features.denseblock1", "features.denseblock2", "features.norm5"],
        4,
    ),
    (
        of("convnext_atto", depths=(1, 2, 1, 1), dims=(8, 8, 16, 16)),
        ["stem", "stages.0.blocks.0", "stages.1.blocks.0", "stages.1.blocks.1", "stages.2.blocks.0"],
        7,
    ),
    (of("timm.models.mlp_mixer:MlpMixer", **MIXER), ["stem", "blocks.0", "blocks.1", "norm"], 4),
    (
        of("swin_tiny_patch4_window7_224", **SWIN),
        ["patch_embed", "layers.0.blocks.0", "layers.1.blocks.0", "norm"],
        4,
    ),
    (of("efficientnet_b0"), ["bn1", "blocks.0.0", "blocks.1.0"], 18),
    (
        of("torchvision:resnet18", stem="small"),
        ["stem", *(f"layer{i}.{j}" for i in (1, 2, 3, 4) for j in (0, 1)), "avgpool"],
        10,
    ),
    (
        of("torchvision.models.vision_transformer:VisionTransformer", **TORCHVISION_VIT),
        ["conv_proj", "encoder.layers.encoder_layer_0", "encoder.layers.encoder_layer_1", "encoder.ln"],
        4,
    ),
    (of("torchvision:mobilenet_v2", width_mult=0.1), ["features.0", "features.1", "features.2"], 19),
    (
        of("torchvision:googlenet"),
        ["maxpool2", "inception3a", "inception3b", "inception4a", "inception4b", "inception4c", "inception4d"],
        11,
    ),
    (of("timm.models.nasnet:NASNetALarge", **NASNET), ["conv0", "cell_stem_0", "cell_stem_1", "cell_0"], 24),
    (of("dla34", channels=(8,) * 6, levels=(1,) * 6), ["level1", "level2.tree1", "level2.tree2"], 10),
    (of("selecsls42"), ["stem", "features.0", "features.1"], 8),
    (of("swiftformer_xs", embed_dims=(8,) * 4), ["stem", "stages.0.blocks.0", "stages.0.blocks.1"], 18),
    (of("timm.models.twins:Twins", **TWINS), ["pos_drops.0", "blocks.0.0", "blocks.1.0", "norm"], 4),
    (of("timm.models.volo:VOLO", **VOLO), ["patch_embed", "network.0.0", "network.2.0", "network.3.0"], 8),
    (of("qwen3_vit_88m", embed_dim=64, depth=2, num_heads=1), ["encoder.patch_embed", "encoder.blocks.0"], 4),
]


@pytest.mark.parametrize(("settings", "first", "count"), FAMILIES, ids=[family[0].model for family in FAMILIES])
def test_every_kind_of_network_is_built_run_and_observed(settings, first, count):
    model = architectures.build(settings, Inputs((1, 32, 32)), 7, 0).eval()
    layers = observed_layers.observed(model, None)
    assert list(layers)[: len(first)] == first
    assert len(layers) == count
    with extract.tap(model, layers) as outputs, torch.inference_mode():
        logits = model(torch.randn(3, 1, 32, 32))
    assert logits.shape == (3, 7)
    assert logits.isfinite().all()
    assert outputs.keys() == layers.keys()
    assert all(len(output) == 3 for output in outputs.values())
    assert list(outputs) == list(layers), "in order of depth"


@pytest.mark.parametrize("patch", [1, 2, 4, 8])
def test_a_vit_takes_any_patch_that_divides_the_image(patch):
    settings = VIT.model_copy(update={"kwargs": VIT.kwargs | {"patch_size": patch}})
    model = architectures.build(settings, SHAPE, 10, 0)
    assert model.patch_embed.num_patches == (8 // patch) ** 2
    assert model(torch.zeros(2, *SHAPE.shape)).shape == (2, 10)


def test_a_width_is_that_of_the_stem_and_the_first_stage_and_64_is_the_usual_resnet():
    narrow = architectures.build(of("resnet18", "small", 5), Inputs((3, 32, 32)), 10, 0)
    blocks = [narrow.layer1[0], narrow.layer2[0], narrow.layer3[0], narrow.layer4[0]]
    assert [block.conv1.out_channels for block in blocks] == [5, 10, 20, 40]
    assert narrow.conv1.out_channels == 5
    usual, wide = (architectures.build(of("resnet18", "small", k), Inputs((3, 32, 32)), 10, 0) for k in (None, 64))
    assert same(usual, wide)


def test_a_model_of_one_s_own_gets_its_width(tmp_path, monkeypatch):
    code = (
        "from torch import nn\n\n\ndef wide(width=3):\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, width))\n"
    )
    (tmp_path / "widths_of_one_s_own.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    model = architectures.build(of("widths_of_one_s_own:wide", width=5), SHAPE, 10, 0)
    assert model[1].out_features == 5
    with pytest.raises(RepdynError, match=r"`width` is 5 and `kwargs.width` 4; give one of them"):
        architectures.build(
            of("widths_of_one_s_own:wide", width=5).model_copy(update={"kwargs": {"width": 4}}), SHAPE, 10, 0
        )
    (tmp_path / "narrow_of_one_s_own.py").write_text(
        code.replace("width=3", "").replace("width", "7"), encoding="utf-8"
    )
    with pytest.raises(RepdynError, match=r"cannot be built with kwargs .*width"):
        architectures.build(of("narrow_of_one_s_own:wide", width=5), SHAPE, 10, 0)


def test_a_colour_model_that_cannot_be_told_otherwise_sees_a_grey_image_as_the_same_grey_in_colour():
    grey = architectures.build(of("torchvision:resnet18"), Inputs((1, 32, 32)), 10, 0).eval()
    colour = architectures.build(of("torchvision:resnet18"), Inputs((3, 32, 32)), 10, 0).eval()
    images = torch.randn(2, 1, 32, 32)
    torch.testing.assert_close(grey(images), colour(images.expand(-1, 3, -1, -1)), rtol=1e-4, atol=1e-5)


def test_a_network_without_blocks_is_observed_at_its_nonlinearities_and_without_those_one_is_asked():
    plain = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 3), nn.Tanh(), nn.Linear(3, 2))
    assert list(observed_layers.observed(plain, None)) == ["2", "4"]
    with pytest.raises(RepdynError, match="not known which layers of a Linear to observe; list them under `layers`"):
        observed_layers.observed(nn.Linear(3, 2), None)


@pytest.mark.parametrize(
    ("settings", "layers"),
    [
        (RESNET, ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0", "global_pool"]),
        (VIT, ["patch_embed", "blocks.0", "blocks.1", "norm"]),
    ],
)
def test_stem_blocks_and_end_are_observed_in_order_of_depth(settings, layers):
    model = architectures.build(settings, SHAPE, 10, 0)
    assert list(observed_layers.observed(model, None)) == layers


def test_layers_may_be_named_with_wildcards_and_come_in_order_of_depth():
    model = architectures.build(VIT, SHAPE, 10, 0)
    assert list(observed_layers.observed(model, ["norm", "blocks.*"])) == ["blocks.0", "blocks.1", "norm"]
    with pytest.raises(RepdynError, match=r"no module is called `blokcs.0`; there are, for example: blocks.0"):
        observed_layers.observed(model, ["blokcs.0"])


def test_a_small_stem_keeps_the_resolution_and_its_width_is_the_first_stage_s():
    model = architectures.build(RESNET, SHAPE, 10, 0).eval()
    images = torch.zeros(2, *SHAPE.shape)
    assert model.maxpool(model.act1(model.bn1(model.conv1(images)))).shape == (2, 4, 8, 8)
    assert model.layer1[0].downsample is None
    assert model(images).shape == (2, 10)


def test_a_small_stem_fits_bottlenecks_too():
    settings = of("resnet50", "small", layers=[1, 1, 1, 1], channels=[4, 4, 4, 4])
    model = architectures.build(settings, Inputs((3, 32, 32)), 10, 0)
    assert model.conv1.out_channels == 4
    assert model(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"model": "resnet19"},
            "`resnet19` is not a timm model; similar names are resnet1.*written `torchvision:resnet19`",
        ),
        ({"kwargs": {"layerz": 3}}, "timm cannot build `resnet18` with kwargs .*layerz"),
        ({"model": "torchvision:resnet19"}, "`resnet19` is not a torchvision model; similar names are resnet1"),
        ({"model": "torchvision:resnet18"}, "torchvision cannot build `resnet18` with kwargs .*channels"),
        ({"width": 4}, "`width` is 4 and `kwargs.channels` .4, 8, 8, 8.; give one of them"),
        ({"width": 4, "stem": "native"}, "`width` is 4, but is for timm's ResNets with `stem: small`"),
        ({"width": 4, "model": "vgg11"}, "write the widths of `vgg11` into `kwargs`"),
        ({"model": "convnext_atto", "kwargs": {}}, "`stem: small` is for ResNets of timm and torchvision"),
    ],
)
def test_what_timm_does_not_know_is_named(change, sentence):
    with pytest.raises(RepdynError, match=sentence):
        architectures.build(RESNET.model_copy(update=change), SHAPE, 10, 0)


def test_a_patch_that_does_not_divide_the_image_is_named_with_those_that_do():
    settings = VIT.model_copy(update={"kwargs": VIT.kwargs | {"patch_size": 3}})
    with pytest.raises(RepdynError, match="patch_size 3, which does not divide the image size 8; these do: 1, 2, 4, 8"):
        architectures.build(settings, SHAPE, 10, 0)


@pytest.mark.parametrize("patch", ["x", [2, "x"], 2.0, {}])
def test_a_patch_that_is_no_size_is_refused_by_the_model_in_one_sentence(patch):
    settings = VIT.model_copy(update={"kwargs": VIT.kwargs | {"patch_size": patch}})
    with pytest.raises(RepdynError, match="timm cannot build `vit_tiny_patch16_224` with kwargs"):
        architectures.build(settings, SHAPE, 10, 0)


class Greedy(nn.Sequential):
    """Takes what it uses out of the mapping that it is given."""

    def __init__(self, sizes):
        super().__init__(nn.Flatten(), nn.Linear(64, sizes.pop("hidden")), nn.LazyLinear(10))


def test_a_model_that_changes_its_arguments_changes_no_setting():
    settings = of(f"{__name__}:Greedy", sizes={"hidden": 3})
    for _ in range(2):
        assert architectures.build(settings, SHAPE, 10, 0)[1].out_features == 3
    assert settings.kwargs == {"sizes": {"hidden": 3}}
