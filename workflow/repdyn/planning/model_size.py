"""Measure the size of a study's networks, weights, activations and layers, without computing anything.

Each network is built on torch's `meta` device, where tensors have shapes but no data, and run on one batch: a ResNet of
10⁸ weights costs as little as a small one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..data import datasets
from ..models import architectures, observed_layers
from ..representations import batch_norm, extract
from . import check

if TYPE_CHECKING:
    from ..config.sections import Data
    from ..config.study import Study


@dataclass(frozen=True)
class Extent:
    """The size of one network.

    Attributes:
        stored: bytes of weights and buffers.
        tensors: number of weights and buffers.
        features: observed layer -> number of features kept per example, in order of depth.
        outputs: numbers that all of its modules return for an example, except those written over their input.
        widest: numbers in the largest output of a module for an example.
        norms: modules whose batch-norm statistics are re-estimated.
    """

    stored: int
    tensors: int
    features: dict[str, int]
    outputs: int
    widest: int
    norms: int


def of_study(study: Study, data: Data) -> dict[str, Extent]:
    """Measure each architecture on such data: name -> extent.

    Raises:
        RepdynError: if one cannot be built.
    """
    found = {}
    for arch in study.archs:
        with check.blaming(f"archs.{arch}"):
            found[arch] = measure(study, arch, data)
    return found


def measure(study: Study, arch: str, data: Data) -> Extent:
    """Measure one architecture; build it on the CPU if it needs the data of its tensors."""
    try:
        return _measure(study, arch, data, "meta")
    except Exception:  # models fail in many ways without data
        return _measure(study, arch, data, "cpu")


def _measure(study: Study, arch: str, data: Data, device: str) -> Extent:
    settings, inputs = study.archs[arch], datasets.inputs(data)
    with torch.device(device):
        classes = datasets.source(data).classes
        model = architectures.build(settings, inputs, classes, seed=0).eval()
    sizes: dict[str, int] = {}
    own: dict[str, int] = {}

    def keep(path: str) -> Any:
        def hook(module: nn.Module, entering: tuple[Any, ...], output: Any) -> None:
            tensor = observed_layers.output_of(output)
            if isinstance(tensor, torch.Tensor):
                sizes[path] = math.prod(tensor.shape[1:])
                if not list(module.children()) and not any(_shares_memory(tensor, given) for given in entering):
                    own[path] = sizes[path]

        return hook

    for path, module in model.named_modules():
        module.register_forward_hook(keep(path))
    with torch.inference_mode():
        architectures.forward(model, settings.model, inputs.zeros(2, device))
    state = model.state_dict().values()
    return Extent(
        stored=sum(tensor.numel() * tensor.element_size() for tensor in state),
        tensors=len(state),
        features={layer.name: layer.features for layer in extract.observed(study, arch, data).layers},
        outputs=sum(own.values()),
        widest=max(sizes.values()),
        norms=len(batch_norm.norms(study.activations, model)),
    )


def _shares_memory(tensor: torch.Tensor, other: Any) -> bool:
    """Whether a tensor is another one, a view of it, or overwrites it."""
    return isinstance(other, torch.Tensor) and tensor.untyped_storage()._cdata == other.untyped_storage()._cdata
