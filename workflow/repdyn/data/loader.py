"""Feed inputs to a network: keep them as stored on the device, or stream them, and standardise batch by batch.

Inputs stay on the device if they take at most half of the free GPU memory; CIFAR-10 takes 184 MB. Otherwise those of
each batch are gathered on the CPU and copied from page-locked memory, asynchronously, while the GPU still works on
earlier batches. Either way a batch has the same bits (``images.py`` and ``numbers.py`` say why).

Cost: a look-up for each number of an image. Memory: the inputs as stored, and one batch as the network gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch

from .images import CHUNK, Images
from .numbers import Given, Numbers


class Feed:
    """Some inputs, in batches, as networks get them, on a device.

    Batches of images that are stored as integers are channels last in memory, which makes convolutions faster on GPUs
    and on CPUs.
    """

    def __init__(self, inputs: Given, device: torch.device) -> None:
        """Put the inputs on the device if they fit."""
        self.device = device
        self._standardised = _by_table(inputs, device) if isinstance(inputs, Images) else _by_scale(inputs, device)
        n, first = len(inputs), _rows(inputs, slice(0, 1))
        shape = first.shape[1:]
        self.streamed = not _fits(n * shape.numel() * first.dtype.itemsize, device)
        self._held = torch.empty((n, *shape), dtype=first.dtype, device="cpu" if self.streamed else device)
        for start in range(0, n, CHUNK):
            part = slice(start, start + CHUNK)
            self._held[part] = _rows(inputs, part)

    def __len__(self) -> int:
        return len(self._held)

    def batches(self, size: int, order: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """Batches of (size, *shape); the last may be smaller.

        Args:
            size: inputs in a batch.
            order: (n,) int64 on the CPU, positions of the inputs; None for all of them, in order.
        """
        if order is None:
            for held in self._held.split(size):
                yield self._ready(held)
            return
        for positions in order.to(self._held.device).split(size):
            yield self._ready(self._held[positions])

    def _ready(self, held: torch.Tensor) -> torch.Tensor:
        if self.streamed and self.device.type == "cuda":
            held = held.pin_memory()
        return self._standardised(held.to(self.device, non_blocking=True))


def _rows(inputs: Given, part: slice) -> torch.Tensor:
    """Some inputs as they are stored, images (n, height, width, channels)."""
    if isinstance(inputs, Images):
        return torch.from_numpy(inputs.levels(part)).permute(0, 2, 3, 1)
    return torch.from_numpy(inputs.held(part))


def _by_table(images: Images, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """Standardise (n, height, width, channels) integers: (n, channels, height, width) float32, channels last."""
    channels, levels = images.table.shape
    table = torch.from_numpy(images.table.ravel()).to(device)  # channel after channel
    offsets = torch.arange(channels, dtype=torch.int32, device=device) * levels

    def standardised(held: torch.Tensor) -> torch.Tensor:
        index = held.int() + offsets
        return table.index_select(0, index.ravel()).view(index.shape).permute(0, 3, 1, 2)

    return standardised


def _by_scale(numbers: Numbers, device: torch.device) -> Callable[[torch.Tensor], torch.Tensor]:
    """Standardise (n, *shape) floats, if they are to be; tokens become int64."""
    if numbers.stored.dtype.kind != "f":
        return lambda held: held.long()
    if numbers.affine is None:
        return lambda held: held
    mean, std = (torch.from_numpy(each).to(device) for each in numbers.affine)
    return lambda held: (held - mean) / std


def _fits(bytes_needed: int, device: torch.device) -> bool:
    """Whether the inputs may stay on the device, beside the network, its optimizer and its activations."""
    return device.type != "cuda" or bytes_needed <= int(torch.cuda.mem_get_info(device)[0]) // 2
