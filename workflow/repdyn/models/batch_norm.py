"""Batch-norm statistics of a network's present weights, re-estimated from images.

In evaluation mode batch norm normalises by running statistics, which lag behind the weights: while these move fast, the
network that is measured is not the one that is trained. Here the statistics become those of a fixed set of images under
the weights as they are, which are exact after one forward pass of all images as one batch: every batch norm normalises
by the statistics of this batch, as in training, so those that follow see what they would see. A batch norm that is
called several times keeps the mean of its calls' statistics, to which training's running averages tend. Variances are
unbiased, as torch stores them. Everything else stays in evaluation mode, so nothing is random.

This is for every module with running statistics and a momentum that `train()` puts into training mode: torch's batch
norms in any number of dimensions and their subclasses (timm's, synchronised ones, lazy ones once they are made),
instance norms that track statistics (their mean over images), and timm's EvoNorm. Frozen batch norms have no momentum,
or stay in evaluation mode; they and batch norms without running statistics are left as they are.

Time: a forward pass. Memory: about three of the largest activations of a module, for all images.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

STATISTICS = {"running_mean": 0.0, "running_var": 1.0}  # and their values before any image was seen


def find(model: nn.Module) -> list[nn.Module]:
    """The modules of a network whose statistics can be re-estimated; each once, whatever number of names it has."""
    mode = model.training
    model.train()
    found = [module for module in model.modules() if module.training and _has_statistics(module)]
    model.train(mode)
    return found


def _has_statistics(module: nn.Module) -> bool:
    return hasattr(module, "momentum") and bool(_statistics(module))


def _statistics(module: nn.Module) -> dict[str, torch.Tensor]:
    buffers = {name: module._buffers.get(name) for name in STATISTICS}
    return {name: buffer for name, buffer in buffers.items() if buffer is not None}


def _copied(module: nn.Module) -> dict[str, torch.Tensor]:
    return {name: buffer.clone() for name, buffer in module._buffers.items() if buffer is not None}


@torch.no_grad()
def reestimate(model: nn.Module, norms: Sequence[nn.Module], images: torch.Tensor) -> None:
    """Replace running statistics by those of images.

    Args:
        model: in evaluation mode, where it stays.
        norms: those of its modules that ``find`` returned.
        images: (n, channels, height, width), on the model's device.
    """
    seen: dict[nn.Module, list[dict[str, torch.Tensor]]] = {module: [] for module in norms}

    def note(module: nn.Module, _inputs: Any, _output: Any) -> None:
        seen[module].append({name: buffer.clone() for name, buffer in _statistics(module).items()})

    before = [(module.momentum, _copied(module)) for module in norms]
    handles = [module.register_forward_hook(note) for module in norms]
    try:
        for module in norms:
            # With momentum 1 a call leaves nothing of what was there, but 0 times NaN is NaN.
            for name, buffer in _statistics(module).items():
                buffer.fill_(STATISTICS[name])
            module.momentum = 1.0
            module.training = True
        model(images)
    finally:
        for handle in handles:
            handle.remove()
        for module, (momentum, buffers) in zip(norms, before, strict=True):
            module.momentum, module.training = momentum, False
            calls = seen[module]
            for name, buffer in buffers.items():
                is_new = calls and name in STATISTICS
                value = torch.stack([call[name] for call in calls]).mean(dim=0) if is_new else buffer
                module._buffers[name].copy_(value)
