"""What is observed by default of networks as other packages have them; classes here are called as theirs are."""

import pytest
import torch
from named_networks import WIDTH, Unit, coarse, linear, norm, of, several
from torch import nn

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.models import coverage, observed_layers
from repdyn.planning import check, layers
from repdyn.representations import extract


def attention(model):
    return of(f"{model}Attention", query=linear(), key=linear(), value=linear(), dense=linear())


def layer(model):
    mlp = of(f"{model}MLP", fc1=linear(), activation_fn=nn.GELU(), fc2=linear())
    return of(f"{model}Layer", layernorm_before=norm(), attention=attention(model), layernorm_after=norm(), mlp=mlp)


def vit():
    """Hugging Face's ViTForImageClassification, in a wrapper of one's own, as version 5 has it."""
    embeddings = of("ViTEmbeddings", patch_embeddings=of("ViTPatchEmbeddings", projection=linear()))
    model = of("ViTModel", embeddings=embeddings, layers=several(lambda: layer("ViT")), layernorm=norm())
    return of("Logits", net=of("ViTForImageClassification", vit=model, classifier=linear()))


def bert():
    """With an encoder between model and layers, as version 4 has ViT and DINOv2, too; its first is pooled."""
    encoder = of("BertEncoder", layer=several(lambda: layer("Bert")))
    pooler = of("BertPooler", dense=linear(), activation=nn.Tanh())
    return of(
        "BertModel", embeddings=of("BertEmbeddings", dense=linear(), LayerNorm=norm()), encoder=encoder, pooler=pooler
    )


def swin():
    stages = several(lambda: of("SwinStage", blocks=several(lambda: layer("Swin"), 2), downsample=linear()), 2)
    embeddings = of("SwinEmbeddings", projection=linear())
    return of("SwinModel", embeddings=embeddings, encoder=of("SwinEncoder", layers=stages), layernorm=norm())


def convnext():
    def stage(downsampling):
        return of("ConvNextStage", downsampling_layer=nn.ModuleList(downsampling), layers=several(inner, 2))

    def inner():
        return of("ConvNextLayer", dwconv=linear(), layernorm=of("ConvNextLayerNorm", norm=norm()), pwconv1=linear())

    stages = nn.ModuleList([stage([]), stage([norm(), linear()])])
    embeddings = of("ConvNextEmbeddings", patch_embeddings=linear())
    return of("ConvNextModel", embeddings=embeddings, encoder=of("ConvNextEncoder", stages=stages), layernorm=norm())


def resnet():
    def convolution():
        return of("ResNetConvLayer", convolution=linear(), normalization=norm(), activation=nn.ReLU())

    def inner():
        return of("ResNetBasicLayer", layer=nn.Sequential(convolution(), convolution()), activation=nn.ReLU())

    stages = several(lambda: of("ResNetStage", layers=nn.Sequential(inner(), inner())), 2)
    embedder = of("ResNetEmbeddings", embedder=convolution())
    pooler = nn.AdaptiveAvgPool1d(WIDTH)
    return of("ResNetModel", embedder=embedder, encoder=of("ResNetEncoder", stages=stages), pooler=pooler)


def mobilenet():
    def convolution():
        return of("MobileNetV1ConvLayer", convolution=linear(), activation=nn.ReLU())

    return of("MobileNetV1Model", conv_stem=convolution(), layer=several(convolution))


def official_swin():
    """Microsoft's, whose stages are called layers."""
    stages = several(lambda: of("BasicLayer", blocks=several(lambda: of("SwinTransformerBlock", mlp=linear()), 2)), 2)
    return of("SwinTransformer", patch_embed=of("PatchEmbed", proj=linear()), layers=stages, norm=norm())


class Pairs(nn.Module):
    def forward(self, x):
        for attend, feed_forward in self.layers:
            x = attend(x) + x
            x = feed_forward(x) + x
        return self.norm(x)


def vit_pytorch():
    """Whose blocks are pairs in a list, after a norm that comes after them."""

    def pair():
        feed_forward = of("FeedForward", net=nn.Sequential(norm(), linear(), nn.GELU(), linear()))
        return nn.ModuleList([of("Attention", norm=norm(), to_qkv=linear(), to_out=linear()), feed_forward])

    transformer = of("Transformer", base=Pairs, norm=norm(), layers=several(pair))
    patches = nn.Sequential(nn.Identity(), norm(), linear(), norm())
    return of("ViT", to_patch_embedding=patches, dropout=nn.Dropout(0.0), transformer=transformer, mlp_head=linear())


class Residuals(nn.Module):
    def forward(self, x):
        for norms, block, residual in self.layers:
            x = residual(block(norms[0](x)) + x)
        return self.final_norm(x)


def x_transformers():
    """Whose parts stand in threes: norms, what is done, and what adds the residual."""

    def three():
        return nn.ModuleList([nn.ModuleList([norm(), None]), of("Attention", to_out=linear()), of("Residual")])

    attn_layers = of("Encoder", base=Residuals, layers=several(three), final_norm=norm())
    return of("ViTransformerWrapper", patch_to_embedding=linear(), attn_layers=attn_layers, mlp_head=linear())


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (vit, ["net.vit.embeddings", *(f"net.vit.layers.{i}" for i in range(3)), "net.vit.layernorm"]),
        (bert, ["embeddings", *(f"encoder.layer.{i}" for i in range(3)), "pooler"]),
        (swin, ["embeddings", *(f"encoder.layers.{i}.blocks.{j}" for i in (0, 1) for j in (0, 1)), "layernorm"]),
        (convnext, ["embeddings", *(f"encoder.stages.{i}.layers.{j}" for i in (0, 1) for j in (0, 1)), "layernorm"]),
        (resnet, ["embedder", *(f"encoder.stages.{i}.layers.{j}" for i in (0, 1) for j in (0, 1)), "pooler"]),
        (mobilenet, ["conv_stem", "layer.0", "layer.1", "layer.2"]),
        (official_swin, ["patch_embed", *(f"layers.{i}.blocks.{j}" for i in (0, 1) for j in (0, 1)), "norm"]),
        (vit_pytorch, ["dropout", *(f"transformer.layers.{i}.1" for i in range(3)), "transformer.norm"]),
        (
            x_transformers,
            ["patch_to_embedding", *(f"attn_layers.layers.{i}.2" for i in range(3)), "attn_layers.final_norm"],
        ),
    ],
)
def test_blocks_are_found_that_are_called_layers_or_stand_in_lists_of_lists(make, expected):
    model = make().eval()
    found = observed_layers.observed(model, None)
    images = torch.randn(2, WIDTH)
    with extract.tap(model, found) as outputs:
        model(images)
    assert list(outputs) == expected
    assert coverage.remark(model, found, images) is None


def test_a_network_of_which_nothing_is_known_is_refused_with_what_to_write():
    model = of("Net", embed=linear(), units=several(Unit), head=linear())
    with pytest.raises(RepdynError, match=r'It is not known .* list them under `layers`, for example \["units\.\*"\]'):
        observed_layers.observed(model, None)
    pairs = nn.ModuleList([nn.ModuleList([linear(), linear()]) for _ in range(3)])
    assert coverage.example(dict(of("Net", pairs=pairs).named_modules()), ["pairs.1.0", "pairs.2.1"]) == '["pairs.*.1"]'


class Coarse(nn.Module):
    def __init__(self, in_chans, num_classes, img_size):
        super().__init__()
        self.stem, self.net = nn.Linear(in_chans * img_size**2, WIDTH), coarse()
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, images):
        return self.head(self.net(self.stem(images.flatten(1))))


@pytest.mark.parametrize("chosen", [None, ["stem", "net"]])
def test_check_and_layers_say_so_unless_layers_were_chosen(chosen, config, capsys, caplog):
    config["archs"] = {"coarse": {"model": f"{__name__}:Coarse", "layers": chosen}}
    study = studies.parse(config)
    layers.main(study)
    with caplog.at_level("WARNING", logger="repdyn"):
        check.main(study)
    said = 'for example ["net.encoder.units.*"]'
    assert (said in capsys.readouterr().out) == (chosen is None)
    assert (said in caplog.text) == (chosen is None)
