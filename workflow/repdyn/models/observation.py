"""What would be observed of a network, known before anything runs: its layers in order of depth, and their parts.

Observed layers that hold the same numbers whatever the weights (``value_numbers.py``) are one layer, such as a last
block with 1 × 1 maps and its pooling: the later one is left out, unless ``layers`` names it in full. A network is run
once, on two images, on torch's `meta` device, where tensors have no data, or on the CPU if it needs them. So planning
and stages find the same layers, on any machine and for every seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from ..runtime.lazy_imports import without_compiler
from ..types import Inputs
from . import architectures, observed_layers
from .pooling import Reducer
from .value_numbers import ValueNumbers

if TYPE_CHECKING:
    from ..config.sections import Architecture, Reduction

Part = Literal["stem", "body", "head"]


@dataclass(frozen=True)
class Layer:
    """An observed layer.

    Attributes:
        name: in tables.
        path: of its module.
        kind: its module's class.
        features: numbers kept for an image.
        part: ``stem`` is the first observed layer, ``head`` a norm or pooling behind the last block, else ``body``.
    """

    name: str
    path: str
    kind: str
    features: int
    part: Part


@dataclass(frozen=True)
class Copy:
    """A layer that is left out, because it always holds the numbers of another one.

    Attributes:
        path: of its module.
        of: the name of the observed layer with the same numbers.
    """

    path: str
    of: str


@dataclass(frozen=True)
class Observation:
    """The observed layers of a network.

    Attributes:
        layers: in order of depth.
        copies: the name that a layer would have -> what it is a copy of.
    """

    layers: tuple[Layer, ...]
    copies: Mapping[str, Copy]

    @property
    def paths(self) -> dict[str, str]:
        """Name -> module path, in order of depth."""
        return {layer.name: layer.path for layer in self.layers}

    @property
    def remark(self) -> str | None:
        """A remark on what is left out."""
        sentences = [
            f"{name} always gives the same numbers as {copy.of} and is left out" for name, copy in self.copies.items()
        ]
        return "; ".join(sentences) or None


@without_compiler()  # which torch imports for what looks at operations, in two seconds
def observe(
    settings: Architecture,
    reduction: Reduction,
    inputs: Inputs,
    classes: int | None,
    patterns: list[str] | None,
) -> Observation:
    """Find the observed layers of an architecture.

    Args:
        settings: an entry of ``archs``.
        reduction: of activations, such as the section ``activations.reduction``.
        inputs: what the network gets for each example.
        classes: number of classes; None where the examples have none.
        patterns: module paths, with wildcards if wanted; None for the default.

    Raises:
        RepdynError: like ``architectures.build`` and ``observed_layers.observed``.
    """
    try:
        return _observe(settings, reduction, inputs, classes, patterns, "meta")
    except Exception:  # models fail in many ways without data
        return _observe(settings, reduction, inputs, classes, patterns, "cpu")


def _observe(
    settings: Architecture,
    reduction: Reduction,
    inputs: Inputs,
    classes: int | None,
    patterns: list[str] | None,
    device: str,
) -> Observation:
    with torch.device(device):
        model = architectures.build(settings, inputs, classes, seed=0).eval()
    layers = observed_layers.observed(model, patterns)
    reduce = Reducer(reduction, model, settings.batch_dimension)
    blocks = observed_layers.blocks(model)
    calls: dict[str, None] = {}  # modules in order of their last calls
    seen: dict[str, tuple[int, int]] = {}  # path -> number and features of its last output

    def keep(path: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            observed_layers.keep_last(calls, path, None)
            tensor = observed_layers.output_of(output)
            if path in layers.values() and isinstance(tensor, torch.Tensor):
                kept = reduce(tensor)
                seen[path] = numbers.of(kept.flatten(1)), math.prod(kept.shape[1:])

        return hook

    for path in {*layers.values(), *blocks.values()}:
        model.get_submodule(path).register_forward_hook(keep(path))
    with torch.no_grad(), ValueNumbers() as numbers:
        architectures.forward(model, settings.model, inputs.zeros(2, device))
    names = {path: name for name, path in layers.items()}
    ordered = {names[path]: path for path in calls if path in seen}
    copies = _copies(ordered, {name: seen[path][0] for name, path in ordered.items()}, patterns or [])
    kept = {name: path for name, path in ordered.items() if name not in copies}
    parts = _parts(model, kept, list(calls), blocks)
    return Observation(
        tuple(
            Layer(name, path, type(model.get_submodule(path)).__name__, seen[path][1], parts[name])
            for name, path in kept.items()
        ),
        copies,
    )


def _copies(layers: Mapping[str, str], numbers: Mapping[str, int], patterns: list[str]) -> dict[str, Copy]:
    """The layers that hold the numbers of an earlier one, unless their paths are among the patterns as they are."""
    first: dict[int, str] = {}
    copies: dict[str, Copy] = {}
    for name, path in layers.items():
        of = first.setdefault(numbers[name], name)
        if of != name and path not in patterns:
            copies[name] = Copy(path, of)
    return copies


def _parts(model: nn.Module, layers: Mapping[str, str], calls: list[str], blocks: Mapping[str, str]) -> dict[str, Part]:
    """Name -> part.

    A head is a norm or pooling outside of all blocks that is called after the last of them. Where no block is known,
    the observed layers of other kinds stand for them.
    """
    ends = {name for name, path in layers.items() if observed_layers.is_end(model, path, blocks)}
    before = [path for path in blocks.values() if path in calls]
    before = before or [path for name, path in layers.items() if name not in ends]
    last = max(map(calls.index, before), default=len(calls))
    parts: dict[str, Part] = {
        name: "head" if name in ends and calls.index(path) > last else "body" for name, path in layers.items()
    }
    return parts | dict.fromkeys(list(layers)[:1], "stem")
