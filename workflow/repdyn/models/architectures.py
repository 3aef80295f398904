"""Networks: models of timm and torchvision by name, one's own by import path, fitted to the images and classes.

``model: resnet18`` is timm's, ``model: torchvision:resnet18`` torchvision's, ``model: my_package.models:MyNet`` what
that module calls so. All get their keyword arguments untouched; what the data decide is filled in (``_from_path``
says what that is for one's own). ``of_run`` makes the model of a run as it is before training: the same one wherever
it is asked for, in what is drawn at random and is no part of its state too.
"""

from __future__ import annotations

import copy
import difflib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import RepdynError, one_line
from ..runtime import seeds
from ..runtime.lazy_imports import importing_timm
from ..user_code import load

with importing_timm():
    import timm
    from timm.models import adapt_input_conv, model_entrypoint

if TYPE_CHECKING:
    from ..config.sections import Architecture
    from ..config.study import Run, Study

Shape = tuple[int, int, int]


def of_run(study: Study, run: Run, shape: Shape, classes: int) -> nn.Module:
    """The network of a run at initialisation: the one that is trained, and measured with the weights of checkpoints.

    Args:
        study: the study.
        run: which of its runs.
        shape: channels, height, width of the images.
        classes: number of classes.

    Raises:
        RepdynError: as ``build`` does.
    """
    return build(study.archs[run.arch], shape, classes, seeds.stream(run.seed, seeds.INITIALISATION))


def build(settings: Architecture, shape: Shape, classes: int, seed: int) -> nn.Module:
    """A freshly initialised model, in training mode, on the CPU.

    Args:
        settings: an entry of ``archs``.
        shape: channels, height, width of the images.
        classes: number of classes.
        seed: of the initialisation; the global random states are left as they were.

    Raises:
        RepdynError: if there is no such model, it does not take its arguments, or images and patches do not fit.
    """
    name, kwargs = settings.model, copy.deepcopy(settings.kwargs)  # which models may change
    _check_patches(name, kwargs, shape)
    if load.is_import_path(name) and not name.startswith("torchvision:"):
        with seeds.seeded(seed):  # what a module draws when it is imported must not shift what its class draws
            load.load(name)
    with seeds.seeded(seed):
        if settings.width is not None:
            kwargs |= _channels(name, kwargs, settings.width, settings.stem)
        source, _, attribute = name.rpartition(":")
        if not source:
            model = _from_timm(name, kwargs, shape, classes)
        elif source == "torchvision":
            model = _from_torchvision(attribute, kwargs, shape, classes)
        else:
            model = _from_path(name, kwargs, shape, classes)
        if settings.stem == "small":
            _small_stem(model, name, shape[0])
        _complete(model, name, shape)
    return model.train()


def _complete(model: nn.Module, name: str, shape: Shape) -> None:
    """Let a model make what it leaves to its first forward pass: sizes of lazy layers, weights, tables of positions.

    So that an optimizer finds all weights, and all stages the same. In evaluation mode, and without ``inference_mode``,
    whose tensors cannot be trained with.
    """
    images = torch.randn(2, *shape, dtype=torch.float32, device="cpu").to(torch.get_default_device())
    with torch.no_grad():
        forward(model.eval(), name, images)


def forward(model: nn.Module, name: str, images: torch.Tensor) -> Any:
    """What a model returns for a batch of images.

    Raises:
        RepdynError: if it does not take them; ``name`` says whose code it is.
    """
    try:
        return model(images)
    except Exception as error:  # models refuse images in their own ways
        words = load.blame(error) if load.is_import_path(name) else one_line(error)
        raise RepdynError(f"the model does not take images of {tuple(images.shape[1:])}: {words}.") from None


def _from_timm(name: str, kwargs: dict[str, Any], shape: Shape, classes: int) -> nn.Module:
    if not timm.is_model(name):
        close = difflib.get_close_matches(name, timm.list_models(), n=5, cutoff=0.4)
        similar = f"; similar names are {', '.join(close)}" if close else ""
        raise RepdynError(
            f"`{name}` is not a timm model{similar} (torchvision's are written `torchvision:{name}`, your own "
            "`package.module:Name`)."
        )
    if "img_size" not in kwargs and _takes_image_size(name):
        kwargs["img_size"] = shape[1:]
    try:
        model: nn.Module = timm.create_model(name, in_chans=shape[0], num_classes=classes, **kwargs)
    except Exception as error:  # models check their arguments in their own ways
        raise RepdynError(f"timm cannot build `{name}` with kwargs {kwargs}: {one_line(error)}.") from None
    return model


def _takes_image_size(name: str) -> bool:
    """Whether a timm model is made for one image size, which its constructor then takes."""
    cfg = timm.get_pretrained_cfg(name)
    return bool(cfg is not None and cfg.fixed_input_size)


# What torchvision's models of one image size call it; others take any.
_TORCHVISION_SIZES = {"vit_": "image_size", "maxvit": "input_size"}
# A network has one output here, and torchvision warns where its initialisation is left to it.
_TORCHVISION_DEFAULTS = {name: {"aux_logits": False, "init_weights": True} for name in ("googlenet", "inception_v3")}


def _from_torchvision(name: str, kwargs: dict[str, Any], shape: Shape, classes: int) -> nn.Module:
    import torchvision

    known = torchvision.models.list_models(module=torchvision.models)
    if name not in known:
        close = difflib.get_close_matches(name, known, n=5, cutoff=0.4) or known[:5]
        raise RepdynError(f"`{name}` is not a torchvision model; similar names are {', '.join(close)}.")
    for prefix, key in _TORCHVISION_SIZES.items():
        if name.startswith(prefix):
            kwargs.setdefault(key, shape[1] if key == "image_size" else shape[1:])
    kwargs = _TORCHVISION_DEFAULTS.get(name, {}) | kwargs
    try:
        model: nn.Module = torchvision.models.get_model(name, num_classes=classes, **kwargs)
    except Exception as error:  # models check their arguments in their own ways
        raise RepdynError(f"torchvision cannot build `{name}` with kwargs {kwargs}: {one_line(error)}.") from None
    return _fit_channels(model, shape[0])


def _from_path(path: str, kwargs: dict[str, Any], shape: Shape, classes: int) -> nn.Module:
    """A model of the user's own, called with those of these that its signature names, unless ``kwargs`` gives them.

    ``in_chans``, ``num_classes`` and ``img_size`` (an integer), or ``image_size``: timm's words and torchvision's.
    """
    create = load.load(path)
    known = {"in_chans": shape[0], "num_classes": classes, "img_size": shape[1], "image_size": shape[1]}
    try:
        named = set(inspect.signature(create).parameters)
        model = create(**{key: value for key, value in known.items() if key in named} | kwargs)
    except Exception as error:  # whatever the user's code raises
        raise RepdynError(f"`{path}` cannot be built with kwargs {kwargs}: {load.blame(error)}.") from None
    if not isinstance(model, nn.Module):
        raise RepdynError(f"`{path}` makes a {type(model).__name__}, but must make a torch.nn.Module.")
    return model if "in_chans" in named else _fit_channels(model, shape[0])


def _fit_channels(model: nn.Module, channels: int) -> nn.Module:
    """Let a model of colour images, which cannot be told otherwise, take images of other channels.

    For grey images the first convolution's weights are summed over colours, as timm does it: the same function as the
    grey image three times over.
    """
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is not None and first.in_channels == 3 != channels:
        first.weight = nn.Parameter(adapt_input_conv(channels, first.weight.detach()))
        first.in_channels = channels
    return model


def _check_patches(name: str, kwargs: Mapping[str, Any], shape: Shape) -> None:
    patch = kwargs.get("patch_size")
    sides = (patch, patch) if isinstance(patch, int) else patch
    if not isinstance(sides, list | tuple) or not all(isinstance(length, int) for length in sides):
        return  # none, or nothing that could be divided by: the model itself says what it takes
    for side, length in zip(shape[1:], sides, strict=False):
        if length < 1 or side % length:
            divisors = ", ".join(str(d) for d in range(1, side + 1) if side % d == 0)
            raise RepdynError(
                f"`{name}` has patch_size {patch}, which does not divide the image size {side}; these do: {divisors}."
            )


def _channels(name: str, kwargs: Mapping[str, Any], width: int, stem: str) -> dict[str, Any]:
    """Keyword arguments of a ResNet of width k: stages of k, 2k, 4k, 8k channels (Nakkiran et al. 2019); usual is 64.

    Theirs has the activation before the convolution, timm's after it (He et al. 2016 had both).
    """
    is_resnet = timm.is_model(name) and model_entrypoint(name).__module__ == "timm.models.resnet"
    if not is_resnet or stem != "small":
        raise RepdynError(
            f"`width` is {width}, but is for timm's ResNets with `stem: small` (their native stem has 64 channels "
            f"whatever the width); write the widths of `{name}` into `kwargs`."
        )
    if "channels" in kwargs:
        raise RepdynError(f"`width` is {width} and `kwargs.channels` {kwargs['channels']}; give one of them.")
    return {"channels": [width, 2 * width, 4 * width, 8 * width]}


def _small_stem(model: Any, name: str, channels: int) -> None:
    """Replace the stem of a ResNet by one for small images: 3 × 3, stride 1, no pooling (He et al. 2016, §4.2).

    timm fixes the stem at 64 channels; here it has as many as the first stage's inner width, so that stage's first
    block is rewired to take them, with the identity as its shortcut where the widths allow it. torchvision's ResNets,
    and others whose parts have these names, are changed in the same way.
    """
    if not all(hasattr(model, part) for part in ("conv1", "bn1", "maxpool", "layer1")):
        raise RepdynError(
            f"`stem: small` is for ResNets of timm and torchvision, and `{name}` is not one; leave it out."
        )
    first = model.layer1[0]
    width = first.conv1.out_channels
    model.conv1 = _convolution(channels, width, kernel_size=3, padding=1)
    model.bn1 = nn.BatchNorm2d(width)
    model.maxpool = nn.Identity()
    if first.conv1.in_channels != width:
        old = first.conv1
        first.conv1 = _convolution(width, width, kernel_size=old.kernel_size, padding=old.padding)
        if first.conv1.out_channels == width * first.expansion:
            first.downsample = None
        else:
            first.downsample[0] = _convolution(width, width * first.expansion, kernel_size=1, padding=0)


def _convolution(inputs: int, outputs: int, *, kernel_size: Any, padding: Any) -> nn.Conv2d:
    """A convolution without bias, initialised the way timm's ResNets are."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=kernel_size, padding=padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
