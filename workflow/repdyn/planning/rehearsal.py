"""Rehearse on a few images, before training, what the later stages do with a network.

A slightly trained network is saved in a checkpoint, built anew and loaded, and observed as the stages will measure it:
in batches of several sizes, alone, and as a point of a plane. Whatever would fail after hours, or silently give wrong
numbers, is reported now.

Cost: a second network, a checkpoint in the folder for temporary files, and forward passes of some fourteen images.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..data import datasets
from ..errors import RepdynError, one_line
from ..models import memory_layouts
from ..models.batch_norm import reestimate
from ..models.pooling import Reducer
from ..records.layer_names import OUTPUT
from ..regions.labelling import Labeller, Readout
from ..representations import batch_norm, extract
from ..training import checkpoints
from ..types import Array
from ..user_code import load

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Data
    from ..config.study import Study

Seen = Mapping[str, torch.Tensor]
IMAGES = 3  # a batch, which is also divided into two images and one alone
SHARE = 0.01  # of the difference between images: a harmless deviation
CPU = torch.device("cpu")
_OF_ALL_MODULES = frozenset(vars(nn.Module()))


@dataclass(frozen=True)
class Observer:
    """Observes networks of one architecture as the stages do; logits are a layer called ``output``.

    Attributes:
        name: the model's name in the config.
        layers: observed layers and the output, name -> module path.
        reduction: how activations are reduced.
    """

    name: str
    layers: Mapping[str, str]
    reduction: Reducer

    def __call__(self, model: nn.Module, images: Array) -> dict[str, torch.Tensor]:
        """Each layer's activations, (n, features).

        Raises:
            RepdynError: if the model, or a layer, fails on a batch of this size.
        """
        try:
            found: dict[str, torch.Tensor] = extract.forward(model.eval(), self.layers, images, CPU, self.reduction)
        except RepdynError:
            raise
        except Exception as error:  # models refuse images in their own ways
            words = load.in_words(error, self.name)
            size = "one image" if len(images) == 1 else f"{len(images)} images"
            raise RepdynError(f"the model cannot be measured on a batch of {size}: {words}.") from None
        return found


def check_measuring(
    study: Study, run: Run, trained: nn.Module, layers: Mapping[str, str], resolution: float
) -> str | None:
    """Check that a network can be measured, and that the measured network is the trained one.

    Args:
        study: the study.
        run: one of its runs.
        trained: the network of the run, after training steps; its weights are changed.
        layers: its observed layers, name -> module path.
        resolution: machine epsilon of the coarsest numbers that the network computes with.

    Returns:
        A remark where several layers are one.

    Raises:
        RepdynError: naming the layer, or the attribute missing from the state.
    """
    _move(trained)
    settings, data = study.archs[run.arch], study.data_of(run)
    model = extract.model_of(study, run, CPU)
    _check_state(trained, model)
    with tempfile.TemporaryDirectory(prefix="repdyn-") as folder:
        path = Path(folder) / "step=0.safetensors"
        checkpoints.save(path, trained, {})
        checkpoints.load(path, model)
    reduction = extract.reducer(study, run.arch, model)
    has_classes = datasets.source(data).classes is not None  # if not, nobody reads the output
    observed = {**layers, OUTPUT: ""} if has_classes else dict(layers)
    observe = Observer(settings.model, observed, reduction)
    images: Array = datasets.inputs(data).sample(IMAGES, seed=1).numpy()
    memory_layouts.lay_out(
        trained, torch.contiguous_format
    )  # the memory layout of training would round sums differently
    before, found = observe(trained, images), observe(model, images)
    layer = _first_difference(before, found)
    if layer is not None:
        _check_repeatable(before, observe(trained, images))
        _check_restored(layer, before, found, list(_outside_state(trained, model)), resolution)
    for part in (slice(0, 2), slice(2, 3)):
        _check_alone(found, observe(model, images[part]), part, resolution)
    _reestimate(study, model, images)
    if "regions" not in study.left_out:
        _label(model, layers, observe.reduction, images, {layer: found[layer].shape[1] for layer in layers})
    return _same(found)


def remark(study: Study, arch: str, data: Data, model: nn.Module, layers: Mapping[str, str]) -> str | None:
    """A remark where several layers of a network are one; changes the network's weights."""
    _move(model)
    reduction = extract.reducer(study, arch, model)
    images: Array = datasets.inputs(data).sample(IMAGES, seed=1).numpy()
    return _same(Observer(study.archs[arch].model, layers, reduction)(model, images))


@torch.no_grad()
def _move(model: nn.Module) -> None:
    """Move a network's weights away from initialisation, whatever the optimizer did.

    At initialisation, a residual branch may be zero, and a block the identity.
    """
    for weights in model.train().parameters():
        weights.mul_(0.9).add_(0.001)


def _same(found: Seen) -> str | None:
    """A remark on layers that give the same numbers for each image, unless all images are alike there."""
    groups: dict[bytes, list[str]] = {}
    for layer, values in found.items():
        if layer != OUTPUT and _spread(values) > 0:
            groups.setdefault(values.numpy().tobytes(), []).append(layer)
    sentences = [
        f"{' and '.join(same)} give the same numbers for every image: they are one layer, observed {len(same)} times"
        for same in groups.values()
        if len(same) > 1
    ]
    return "; ".join(sentences) or None


def _reestimate(study: Study, model: nn.Module, images: Array) -> None:
    """Re-estimate batch-norm statistics as at each checkpoint."""
    norms = batch_norm.norms(study.activations, model)
    try:
        reestimate(model.eval(), norms, torch.from_numpy(images))
    except Exception as error:  # networks of one's own may do anything
        words = one_line(error)
        raise RepdynError(
            f"batch-norm statistics cannot be re-estimated: {words}; set `activations.batch_norm` to stored."
        ) from None


def _check_state(trained: nn.Module, model: nn.Module) -> None:
    """Check that a checkpoint can store a trained network's state, and that a network built anew can load it."""
    state, there = trained.state_dict(), model.state_dict()
    for name, value in state.items():
        if not isinstance(value, torch.Tensor) or value.layout != torch.strided or value.is_quantized:
            kind = f"{value.dtype}, {value.layout}" if isinstance(value, torch.Tensor) else type(value).__name__
            raise RepdynError(f"its state holds `{name}` ({kind}), but checkpoints hold dense tensors only.")
    for name in [*state, *there]:
        shapes = [tuple(of[name].shape) if name in of else None for of in (state, there)]
        if shapes[0] != shapes[1]:
            words = ["nothing" if shape is None else f"a tensor of {shape}" for shape in shapes]
            raise RepdynError(
                f"`{name}` is {words[0]} after an optimizer step, but {words[1]} where the model is built anew; its "
                "state must keep its shape."
            )


def _check_repeatable(first: Seen, second: Seen) -> None:
    layer = _first_difference(first, second)
    if layer is not None:
        raise RepdynError(
            f"{_called(layer)} in evaluation mode are not the same when the same images are shown again: something is "
            "drawn at random, or kept from one batch to the next, whether or not the model is in training."
        )


def _check_restored(layer: str, before: Seen, found: Seen, others: list[str], resolution: float) -> None:
    """Raise if a layer differs in the network built anew by more than rounding, and say why."""
    if not others and all(
        _difference(found[name], before[name]) <= _rounding(before[name], resolution) for name in found
    ):
        return
    what = (
        f"{', '.join(f'`{name}`' for name in others)}, of which no checkpoint knows: keep it in the state, as a "
        "parameter or a persistent buffer"
        if others
        else "something of which no checkpoint knows, and that is not drawn from the seeded random numbers of Python, "
        "NumPy or torch"
    )
    raise RepdynError(f"{_called(layer)} are others where the model is built anew and loaded, because of {what}.")


def _check_alone(whole: Seen, some: Seen, part: slice, resolution: float) -> None:
    """Check that images give the same activations as in a larger batch, up to rounding."""
    for layer, expected in whole.items():
        found = some[layer]
        if found.shape[1] != expected.shape[1]:
            raise RepdynError(
                f"{_called(layer)} are {expected.shape[1]} numbers an image in a batch of {len(expected)}, but "
                f"{found.shape[1]} in a batch of {len(found)}; their number must not depend on the batch."
            )
        difference = _difference(found, expected[part])
        if difference > _rounding(expected, resolution):
            raise RepdynError(
                f"{_called(layer)} for an image depend on the other images of its batch (by {difference:.2g}, where "
                f"images differ by {_spread(expected):.2g}), as with batch norm without running statistics; so they "
                "cannot be compared."
            )


def _difference(found: torch.Tensor, expected: torch.Tensor) -> float:
    return float((found - expected).abs().max())


def _spread(images: torch.Tensor) -> float:
    """The largest difference between images in any feature; ``images`` is (n, features)."""
    return float((images.amax(dim=0) - images.amin(dim=0)).max())


def _rounding(images: torch.Tensor, resolution: float) -> float:
    """A tolerance for rounding in activations (n, features).

    Sums in another order differ by a few units in the last place, which a deep network amplifies. The tolerance is half
    of the digits, and a hundredth of the differences between images. Of 23 families of timm and torchvision, at
    224 × 224, none used more than a three-hundredth of it.
    """
    return max(math.sqrt(resolution) * float(images.abs().max()), SHARE * _spread(images))


def _called(layer: str) -> str:
    return "the model's logits" if layer == OUTPUT else f"`layers`: activations of {layer}"


def _first_difference(first: Seen, second: Seen) -> str | None:
    """The first layer that differs in any bit; NaN equals NaN."""
    for layer, values in first.items():
        other = second[layer]
        if values.shape != other.shape or not torch.equal(values.view(torch.int32), other.view(torch.int32)):
            return layer
    return None


def _outside_state(first: nn.Module, second: nn.Module) -> Iterator[str]:
    """Names of attributes outside the state that differ between two networks of one class."""
    twins = dict(second.named_modules())
    for path, module in first.named_modules():
        twin = twins.get(path)
        for name, value in _attributes(module).items():
            if twin is None or not _alike(value, _attributes(twin).get(name)):
                yield f"{path}.{name}" if path else name


def _attributes(module: nn.Module) -> dict[str, Any]:
    buffers = {name: module._buffers[name] for name in sorted(module._non_persistent_buffers_set)}
    return buffers | {name: value for name, value in vars(module).items() if name not in _OF_ALL_MODULES}


def _alike(value: Any, other: Any) -> bool:
    """Whether two values contain the same numbers."""
    if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
        return bool(value.dtype == other.dtype) and torch.equal(value, other)
    if isinstance(value, np.ndarray) and isinstance(other, np.ndarray):
        return bool(np.array_equal(value, other))
    if isinstance(value, list | tuple) and isinstance(other, list | tuple):
        return len(value) == len(other) and all(map(_alike, value, other))
    if isinstance(value, dict) and isinstance(other, dict):
        return bool(value.keys() == other.keys()) and all(_alike(value[key], other[key]) for key in value)
    if isinstance(value, bool | int | float | str | None):
        return bool(value == other)
    return type(value) is type(other)


def _label(
    model: nn.Module, layers: Mapping[str, str], reduction: Reducer, images: Array, features: Mapping[str, int]
) -> None:
    """Label an image, as if it were a point of a plane, by probes with zero weights."""
    weights = tuple(torch.zeros(2, features[layer]) for layer in layers)
    readout = Readout(tuple(layers), weights, tuple(torch.zeros(2, 1) for _ in layers), classes=2)
    labeller = Labeller(model, layers, images.shape[1:], 1, reduction)
    labeller.label(readout, iter([torch.from_numpy(images[:1]).flatten(1)]), total=1, with_halves=False)
