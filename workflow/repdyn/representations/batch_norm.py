"""Batch-norm statistics re-estimated at each checkpoint, before anything is measured, and how much this changes.

The images are drawn from the run's training images by ``data.seed``, stream 5, the same for every checkpoint and stage.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..data import subsets
from ..models import batch_norm
from ..similarity import cka
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import Activations as Settings


@dataclass(frozen=True)
class Reestimation:
    """What is needed to re-estimate a network's statistics, once a checkpoint is loaded.

    Attributes:
        norms: modules of the network.
        inputs: (n, *shape), on its device.
    """

    norms: list[nn.Module]
    inputs: torch.Tensor

    def __call__(self, model: nn.Module) -> None:
        """Re-estimate them."""
        batch_norm.reestimate(model, self.norms, self.inputs)


def norms(settings: Settings, model: nn.Module) -> list[nn.Module]:
    """The modules of a network whose statistics are re-estimated; none where stored ones are asked for."""
    return batch_norm.find(model) if settings.batch_norm == "reestimated" else []


def prepare(
    settings: Settings, model: nn.Module, examples: Callable[[], subsets.StudyData], seed: int, device: torch.device
) -> Reestimation | None:
    """Draw the images; None where stored statistics are asked for, or the network has none.

    Args:
        settings: the section ``activations``.
        model: in evaluation mode.
        examples: reads the run's examples; called only if images are needed.
        seed: of the study's data.
        device: of the network.
    """
    found = norms(settings, model)
    if not found:
        return None
    inputs = examples().train.inputs
    chosen = np.sort(np.random.default_rng([seed, 5]).permutation(len(inputs))[: settings.batch_norm_images])
    return Reestimation(found, torch.from_numpy(inputs[chosen]).to(device))


class _Two:
    """Two representations of the same examples; a ``gram.RepresentationSource``."""

    def __init__(self, stored: Array, reestimated: Array) -> None:
        self._arrays = (stored, reestimated)
        self.examples = len(stored)
        self.features: Sequence[int] = [stored.shape[1], reestimated.shape[1]]

    def read(self, e: int, start: int, stop: int) -> Array:
        """See ``gram.RepresentationSource``."""
        return self._arrays[e][:, start:stop]

    def name(self, e: int) -> str:
        """See ``gram.RepresentationSource``."""
        return f"a layer with {('stored', 're-estimated')[e]} batch-norm statistics"


def similarity(
    stored: Mapping[str, torch.Tensor], reestimated: Mapping[str, torch.Tensor], budget: float
) -> dict[str, float]:
    """Layer -> CKA of its activations (n, features) with stored and with re-estimated statistics; NaN if undefined."""
    return {
        layer: float(cka.similarities(_Two(stored[layer].numpy(), found.numpy()), budget).biased[0, 1])
        for layer, found in reestimated.items()
    }
