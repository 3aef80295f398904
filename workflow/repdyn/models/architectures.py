"""Networks: models of timm and torchvision by name, the user's own by import path, fitted to inputs and classes.

``model: resnet18`` is timm's, ``model: torchvision:resnet18`` torchvision's, and ``model: my_package.models:MyNet`` is
``MyNet`` of that module. Keyword arguments are passed on untouched, and those that the data decide are filled in (see
``_from_path`` for the user's own). ``of_run`` builds the model of a run before training. Every call gives the same
model, including random parts that its state does not hold. Calling it gives logits, whatever its forward returns
(``outputs.py``), unless the examples have no classes: then nobody reads what it returns.
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
from ..types import Inputs
from ..user_code import load
from . import outputs

with importing_timm():
    import timm
    from timm.models import adapt_input_conv, model_entrypoint

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Architecture
    from ..config.study import Study


def of_run(study: Study, run: Run, inputs: Inputs, classes: int | None) -> nn.Module:
    """The network of a run at initialisation, for training and for loading checkpoints.

    Args:
        study: the study.
        run: one of its runs.
        inputs: what it gets for each example.
        classes: number of classes; None where the examples have none.

    Raises:
        RepdynError: like ``build``.
    """
    return build(study.archs[run.arch], inputs, classes, seeds.stream(run.seed, seeds.INITIALISATION))


def build(settings: Architecture, inputs: Inputs, classes: int | None, seed: int) -> nn.Module:
    """A freshly initialised model, in training mode, on the CPU.

    Args:
        settings: an entry of ``archs``.
        inputs: what it gets for each example.
        classes: number of classes; None where the examples have none.
        seed: of the initialisation; the global random states do not change.

    Raises:
        RepdynError: if there is no such model, or it does not take its arguments or such inputs.
    """
    name, kwargs = settings.model, copy.deepcopy(settings.kwargs)  # models may change them
    is_own = load.is_import_path(name) and not name.startswith("torchvision:")
    if not is_own:
        _refuse_what_is_no_image(name, inputs)
    if inputs.kind == "images":
        _check_patches(name, kwargs, inputs.shape)
    if is_own:
        with seeds.seeded(seed):  # random numbers drawn at import must not shift those of the class
            load.load(name)
    if settings.logits is not None:
        with seeds.seeded(seed):
            load.load(settings.logits)
    with seeds.seeded(seed):
        if settings.width is not None:
            kwargs |= _width(name, kwargs, settings.width, settings.stem, is_own)
        source, _, attribute = name.rpartition(":")
        if not source:
            model = _from_timm(name, kwargs, inputs.shape, classes)
        elif source == "torchvision":
            model = _from_torchvision(attribute, kwargs, inputs.shape, classes)
        else:
            model = _from_path(name, kwargs, inputs, classes)
        if settings.stem == "small":
            _small_stem(model, name, inputs.shape[0])
        if classes is not None:
            outputs.give_logits(model, settings.logits)
        _complete(model, name, inputs)
    return model.train()


def _complete(model: nn.Module, name: str, inputs: Inputs) -> None:
    """Run a first forward pass, in which models create lazy layers, weights and tables of positions.

    So an optimizer finds all weights, and all stages find the same. In eval mode, and without ``inference_mode``, whose
    tensors cannot be trained.
    """
    some = inputs.sample(2).to(torch.get_default_device())
    with torch.no_grad():
        forward(model.eval(), name, some)


def forward(model: nn.Module, name: str, inputs: torch.Tensor) -> Any:
    """A model's output for a batch.

    Raises:
        RepdynError: if it does not take them; ``name`` is the model's name in the config.
    """
    try:
        return model(inputs)
    except RepdynError:  # of what observes it
        raise
    except Exception as error:  # models refuse inputs in their own ways
        words = load.in_words(error, name)
        what = "images" if inputs.is_floating_point() and inputs.dim() == 4 else "inputs"
        raise RepdynError(f"the model does not take {what} of {tuple(inputs.shape[1:])}: {words}.") from None


def _from_timm(name: str, kwargs: dict[str, Any], shape: tuple[int, ...], classes: int | None) -> nn.Module:
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
        model: nn.Module = timm.create_model(name, in_chans=shape[0], **_outputs(classes), **kwargs)
    except Exception as error:  # models check their arguments in their own ways
        raise RepdynError(f"timm cannot build `{name}` with kwargs {kwargs}: {one_line(error)}.") from None
    return model


def _refuse_what_is_no_image(name: str, inputs: Inputs) -> None:
    if inputs.kind != "images":
        raise RepdynError(
            f"`{name}` takes images, but the examples are {inputs}; name a model of your own, as `my_code:MyNet`."
        )


def _outputs(classes: int | None) -> dict[str, Any]:
    """The argument for the number of classes, where the examples have any."""
    return {} if classes is None else {"num_classes": classes}


def _takes_image_size(name: str) -> bool:
    """Whether a timm model has a fixed image size, which its constructor takes."""
    cfg = timm.get_pretrained_cfg(name)
    return bool(cfg is not None and cfg.fixed_input_size)


# Prefix of torchvision models with a fixed image size -> their keyword for it; others take any size.
_TORCHVISION_SIZES = {"vit_": "image_size", "maxvit": "input_size"}
# Networks need one output here, and torchvision warns if ``init_weights`` is not given.
_TORCHVISION_DEFAULTS = {name: {"aux_logits": False, "init_weights": True} for name in ("googlenet", "inception_v3")}


def _from_torchvision(name: str, kwargs: dict[str, Any], shape: tuple[int, ...], classes: int | None) -> nn.Module:
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
        model: nn.Module = torchvision.models.get_model(name, **_outputs(classes), **kwargs)
    except Exception as error:  # models check their arguments in their own ways
        raise RepdynError(f"torchvision cannot build `{name}` with kwargs {kwargs}: {one_line(error)}.") from None
    return _fit_channels(model, shape[0])


def _from_path(path: str, kwargs: dict[str, Any], inputs: Inputs, classes: int | None) -> nn.Module:
    """A model of the user's own. It gets the following arguments if its signature names them and ``kwargs`` do not.

    ``num_classes`` where there are classes; ``input_shape``, of an example; ``in_chans``, its first dimension, of
    numbers with more than one; ``img_size`` or ``image_size`` of images, an integer if they are square, else (height,
    width); ``vocab_size`` of tokens. These are the names of timm, torchvision and transformers.
    """
    create = load.load(path)
    known = {"input_shape": inputs.shape, **_outputs(classes)}
    if inputs.kind == "tokens":
        known["vocab_size"] = inputs.vocabulary
    elif len(inputs.shape) > 1:
        known["in_chans"] = inputs.shape[0]
    if inputs.kind == "images":
        _, height, width = inputs.shape
        known["img_size"] = known["image_size"] = height if height == width else (height, width)
    try:
        named = inspect.signature(create).parameters
        asks = "num_classes" in named and named["num_classes"].default is inspect.Parameter.empty
        if asks and classes is None and "num_classes" not in kwargs:
            raise RepdynError(
                f"`{path}` takes `num_classes`, and the data have no classes; say in `kwargs` how many outputs it has."
            )
        model = create(**{key: value for key, value in known.items() if key in named} | kwargs)
    except RepdynError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise RepdynError(f"`{path}` cannot be built with kwargs {kwargs}: {load.blame(error)}.") from None
    if not isinstance(model, nn.Module):
        raise RepdynError(f"`{path}` makes a {type(model).__name__}, but must make a torch.nn.Module.")
    return model if "in_chans" in named or inputs.kind != "images" else _fit_channels(model, inputs.shape[0])


def _fit_channels(model: nn.Module, channels: int) -> nn.Module:
    """Adapt a model of colour images that has no argument for the number of channels.

    For grey images the first convolution's weights are summed over colours, as in timm: the same function as of the
    grey image in all three channels.
    """
    first = next((module for module in model.modules() if isinstance(module, nn.Conv2d)), None)
    if first is not None and first.in_channels == 3 != channels:
        first.weight = nn.Parameter(adapt_input_conv(channels, first.weight.detach()))
        first.in_channels = channels
    return model


def _check_patches(name: str, kwargs: Mapping[str, Any], shape: tuple[int, ...]) -> None:
    patch = kwargs.get("patch_size")
    sides = (patch, patch) if isinstance(patch, int) else patch
    if not isinstance(sides, list | tuple) or not all(isinstance(length, int) for length in sides):
        return  # not set, or no integers: the model itself checks it
    for side, length in zip(shape[1:], sides, strict=False):
        if length < 1 or side % length:
            divisors = ", ".join(str(d) for d in range(1, side + 1) if side % d == 0)
            raise RepdynError(
                f"`{name}` has patch_size {patch}, which does not divide the image size {side}; these do: {divisors}."
            )


def _width(name: str, kwargs: Mapping[str, Any], width: int, stem: str, is_own: bool) -> dict[str, Any]:
    """Keyword arguments of a network of width k.

    A ResNet has stages of k, 2k, 4k, 8k channels (Nakkiran et al. 2019), usually 64. Theirs applies the activation
    before the convolution, timm's after it (He et al. 2016 have both). A model of the user's own gets ``width``.
    """
    is_resnet = not is_own and timm.is_model(name) and model_entrypoint(name).__module__ == "timm.models.resnet"
    if not is_own and not (is_resnet and stem == "small"):
        raise RepdynError(
            f"`width` is {width}, but is for timm's ResNets with `stem: small` (their native stem has 64 channels "
            f"whatever the width), and for models of your own; write the widths of `{name}` into `kwargs`."
        )
    key = "width" if is_own else "channels"
    if key in kwargs:
        raise RepdynError(f"`width` is {width} and `kwargs.{key}` {kwargs[key]}; give one of them.")
    return {"width": width} if is_own else {"channels": [width, 2 * width, 4 * width, 8 * width]}


def _small_stem(model: Any, name: str, channels: int) -> None:
    """Replace the stem of a ResNet by one for small images: 3 × 3, stride 1, no pooling (He et al. 2016, §4.2).

    timm fixes the stem at 64 channels; here it has the first stage's inner width. So that stage's first block is
    rebuilt for this input, with an identity shortcut if the widths allow it. torchvision's ResNets, and others whose
    parts have these names, are changed in the same way.
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
    """A convolution without bias, initialised as in timm's ResNets."""
    convolution = nn.Conv2d(inputs, outputs, kernel_size=kernel_size, padding=padding, bias=False)
    nn.init.kaiming_normal_(convolution.weight, mode="fan_out", nonlinearity="relu")
    return convolution
