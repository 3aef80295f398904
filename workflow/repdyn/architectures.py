"""Networks: any timm model by name, fitted to the data set's images and classes.

``build`` makes the model of an ``archs`` entry from a seed, ``observed`` says which of its modules are looked at.
"""

from __future__ import annotations

import difflib
import fnmatch
import re
from collections.abc import Mapping
from typing import Any

import timm
import torch
from torch import nn

from .errors import RepdynError

Shape = tuple[int, int, int]


def build(settings: Mapping[str, Any], shape: Shape, classes: int, seed: int) -> nn.Module:
    """A freshly initialised model, in training mode, on the CPU.

    Args:
        settings: an ``archs`` entry: ``model``, ``kwargs``, ``stem``.
        shape: channels, height, width of the images.
        classes: number of classes.
        seed: of the initialisation; the global random state is left as it was.

    Raises:
        RepdynError: if timm does not know the model or its arguments, or images and patches do not fit.
    """
    name = settings["model"]
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=5, cutoff=0.4)
        raise RepdynError(f"`{name}` is not a timm model; similar names are {', '.join(close)}.")
    kwargs = dict(settings["kwargs"])
    if "img_size" not in kwargs and _takes_image_size(name):
        kwargs["img_size"] = shape[1:]
    _check_patches(name, kwargs, shape)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = timm.create_model(name, in_chans=shape[0], num_classes=classes, **kwargs)
        except (TypeError, ValueError, AssertionError, RuntimeError, AttributeError) as error:
            raise RepdynError(f"timm cannot build `{name}` with kwargs {kwargs}: {_line(error)}.") from None
        if settings["stem"] == "small":
            _small_stem(model, name, shape[0])
    return model


def _line(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".")


def _takes_image_size(name: str) -> bool:
    """Whether a timm model is made for one image size, which its constructor then takes."""
    cfg = timm.get_pretrained_cfg(name)
    return bool(cfg is not None and cfg.fixed_input_size)


def _check_patches(name: str, kwargs: Mapping[str, Any], shape: Shape) -> None:
    patch = kwargs.get("patch_size")
    if patch is None:
        return
    for side, length in zip(shape[1:], (patch, patch) if isinstance(patch, int) else tuple(patch), strict=False):
        if side % length:
            divisors = ", ".join(str(d) for d in range(1, side + 1) if side % d == 0)
            raise RepdynError(
                f"`{name}` has patch_size {patch}, which does not divide the image size {side}; these do: {divisors}."
            )


def _small_stem(model: nn.Module, name: str, channels: int) -> None:
    """Replace the stem of a timm ResNet by one for small images: 3 × 3, stride 1, no pooling (He et al. 2016, §4.2).

    timm fixes the stem at 64 channels; here it has as many as the first stage's inner width, so that stage's first
    block is rewired to take them, with the identity as its shortcut where the widths allow it.
    """
    if not isinstance(model, timm.models.resnet.ResNet):
        raise RepdynError(f"`stem: small` is for timm's ResNets, and `{name}` is not one; leave it out.")
    first = model.layer1[0]
    width = first.conv1.out_channels
    model.conv1 = _convolution(channels, width, kernel_size=3, padding=1)
    model.bn1 = nn.BatchNorm2d(width)
    model.maxpool = nn.Identity()
    if first.conv1.in_channels != width:
        old = first.conv1
        first.conv1 = _convolution(width, width, kernel_size=old.kernel_size, padding=old.padding)
        if width == width * first.expansion:
            first.downsample = None
        else:
            first.downsample[0] = _convolution(width, width * first.expansion, kernel_size=1, padding=0)


def _convolution(inputs: int, outputs: int, *, kernel_size: Any, padding: Any) -> nn.Conv2d:
    """A convolution without bias, initialised the way timm's ResNets are."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=kernel_size, padding=padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution


# The modules observed by default, in order of depth: stem or embedding, residual or encoder blocks, final norm or
# pooling. timm's ResNets end their stem in `maxpool`, which is the identity for small images; its column is `stem`.
_STEMS = ("maxpool", "patch_embed", "conv_stem", "stem")
_BLOCK = re.compile(r"(layer\d+|blocks|stages|layers)\.\d+(\.blocks\.\d+)?")
_ENDS = ("norm", "global_pool")


def observed(model: nn.Module, patterns: list[str] | None) -> dict[str, str]:
    """Which modules of a model are observed: the layer's name -> the module's path, in order of depth.

    Args:
        model: the network.
        patterns: module paths, which may hold wildcards (``blocks.*``), or None for the default.

    Raises:
        RepdynError: if a pattern fits no module, or nothing is known to observe by default.
    """
    paths = [path for path, _ in model.named_modules() if path]
    if patterns is None:
        layers = _observed_by_default(paths)
        if len(layers) < 2:
            raise RepdynError(
                f"It is not known which layers of a {type(model).__name__} to observe; list them under `layers`, for "
                f"example {', '.join(paths[:3])}."
            )
        return layers
    chosen: dict[str, str] = {}
    for pattern in patterns:
        depth = pattern.count(".")
        found = [path for path in paths if path.count(".") == depth and fnmatch.fnmatchcase(path, pattern)]
        if not found:
            close = difflib.get_close_matches(pattern, paths, n=5, cutoff=0.3) or paths[:5]
            raise RepdynError(f"`layers`: no module is called `{pattern}`; there are, for example: {', '.join(close)}.")
        chosen |= {path: path for path in found}
    return {path: path for path in paths if path in chosen}


def _observed_by_default(paths: list[str]) -> dict[str, str]:
    stems = [stem for stem in _STEMS if stem in paths][:1]
    blocks = [path for path in paths if _BLOCK.fullmatch(path)]
    # Of a stage that holds blocks, the blocks are observed; the last of them is the stage's own output.
    blocks = [path for path in blocks if not any(other.startswith(f"{path}.") for other in blocks)]
    ends = [end for end in _ENDS if end in paths][:1]
    layers = {("stem" if stem == "maxpool" else stem): stem for stem in stems}
    return layers | {path: path for path in [*blocks, *ends]}
