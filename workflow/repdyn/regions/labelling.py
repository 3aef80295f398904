"""Labels of grid points: one forward pass feeds the probes of all layers.

Hooks read the activations of a checkpoint's network at its observed layers. Each layer's activations of a batch are
multiplied by its classifiers side by side (the probe, and those of the two halves), in float32, standardisation folded
in. Points are computed on the device, batch by batch across planes, so planes and resolution cost no memory.

Probes get the network's float32 activations, even if they were trained on stored float16. Rounding first would cost
time and change 0.01 to 0.03 % of the labels (digits, ResNet and ViT, 120,000 points a layer), far below a probe's noise
floor. Compared with float64 and standardisation not folded in, one label in 1.4 million differed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from ..models.pooling import Reducer
from ..probes.probe_weights import Probe
from ..representations import extract
from ..types import Array
from . import planes
from .label_table import kind

# Points in a forward pass: enough to keep the arithmetic units busy, few enough to stay in the caches.
BATCH = {"cpu": 512, "cuda": 4096, "mps": 1024}


@dataclass(frozen=True)
class Readout:
    """All probes of one checkpoint on the device, standardisation folded in.

    Attributes:
        layers: names of the layers, in order of depth.
        weights: for each layer (K C, p): K classifiers (the probe and those of two halves), C classes.
        biases: for each layer (K C, 1).
        classes: C.
    """

    layers: tuple[str, ...]
    weights: tuple[torch.Tensor, ...]
    biases: tuple[torch.Tensor, ...]
    classes: int

    @classmethod
    def of(cls, probes: Mapping[str, Probe], device: torch.device) -> Readout:
        """The probes of a checkpoint, layer -> probe in order of depth."""
        folded = [tuple(torch.tensor(array, device=device) for array in probe.folded()) for probe in probes.values()]
        classes = next(iter(probes.values())).bias.shape[1]
        return cls(tuple(probes), tuple(w for w, _ in folded), tuple(b[:, None] for _, b in folded), classes)

    def decide(self, outputs: Mapping[str, torch.Tensor], classifiers: int) -> torch.Tensor:
        """Classes (L, K, B) of the first K of each layer's classifiers, from its activations (B, p)."""
        rows = classifiers * self.classes
        # Points last: the product and the search for the largest score take half the time of points first.
        stored = zip(self.layers, self.weights, self.biases, strict=True)
        scores = torch.stack([torch.addmm(b[:rows], w[:rows], outputs[layer].T) for layer, w, b in stored])
        return scores.unflatten(1, (-1, self.classes)).max(dim=2).indices


class Points:
    """The grid points of some planes, computed on demand on the device."""

    def __init__(self, chosen: planes.PlaneSet, device: torch.device) -> None:
        """Copy the planes' definitions to the device."""
        arrays = (chosen.origin, chosen.a, chosen.b, chosen.x.astype(np.float32), chosen.y.astype(np.float32))
        self._origin, self._a, self._b, self._x, self._y = (torch.tensor(array, device=device) for array in arrays)
        self._resolution = chosen.resolution

    def batches(self, part: slice, size: int) -> Iterator[torch.Tensor]:
        """Points of the planes ``part``, plane by plane and row by row, in batches (B, d)."""
        points = self._resolution**2
        for start in range(part.start * points, part.stop * points, size):
            index = torch.arange(start, min(start + size, part.stop * points), device=self._origin.device)
            plane, position = index // points, index % points
            x = self._x[plane, position % self._resolution, None]
            y = self._y[plane, position // self._resolution, None]
            yield self._origin[plane] + x * self._a[plane] + y * self._b[plane]


@dataclass(frozen=True)
class Labeller:
    """The network of a run, whose weights change from checkpoint to checkpoint.

    Attributes:
        model: in eval mode, on its device.
        layers: observed layers, name -> module path.
        shape: of an input.
        batch: points in a forward pass.
        reduction: of activations, as the probes saw them in training; None if whole.
    """

    model: nn.Module
    layers: Mapping[str, str]
    shape: tuple[int, ...]
    batch: int
    reduction: Reducer | None = None

    @torch.inference_mode()
    def label(
        self, readout: Readout, batches: Iterator[torch.Tensor], total: int, with_halves: bool
    ) -> tuple[Array, Array]:
        """Label ``total`` points, which come in batches, in one pass.

        Returns:
            Labels by each layer's probe and, last, by the network, (L + 1, total); labels by the probes of the two
            halves, (L, 2, total), or (L, 0, total) without halves.
        """
        classifiers = 3 if with_halves else 1
        labels = np.empty((len(readout.layers) + 1, total), dtype=kind(readout.classes))
        halves = np.empty((len(readout.layers), classifiers - 1, total), dtype=labels.dtype)
        done = 0
        with extract.tap(self.model, self.layers, self.reduction) as outputs:
            for batch in batches:
                logits = self.model(batch.unflatten(1, self.shape))
                found = readout.decide(outputs, classifiers).cpu().numpy()
                here = slice(done, done + len(batch))
                labels[:-1, here], halves[:, :, here] = found[:, 0], found[:, 1:]
                labels[-1, here] = logits.argmax(dim=1).cpu().numpy()
                done = here.stop
        return labels, halves


def batch_size(features: Sequence[int], pixels: int, device: torch.device, budget: float) -> int:
    """Points in a forward pass: the device's batch size, or as many as fit.

    A point takes twice its observed activations (computed and copied) and a few times its widest layer inside the
    network. They may take a quarter of a GPU's free memory, which other jobs may need at the same time, whatever the
    budget; elsewhere, a quarter of the budget.

    On a GPU, fewer than the device's batch size are rounded down to a power of two: the same while free memory changes
    little. Kernels may sum in another order in batches of another size, so that scores differ in their last bits, and
    labels of points where two scores are equal but for these.

    Args:
        features: of each observed layer.
        pixels: numbers in an input.
        device: that computes.
        budget: bytes.
    """
    each = 4 * (2 * sum(features) + 8 * max(features) + 8 * pixels)
    if device.type != "cuda":
        return int(max(1, min(BATCH[device.type], budget / 4 / each)))
    free, _ = torch.cuda.mem_get_info(device)
    fit = max(1, min(BATCH[device.type], free // (4 * each)))
    return 1 << (int(fit).bit_length() - 1)
