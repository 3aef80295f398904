"""Feed images to a network: keep their bytes on the device, or stream them, and standardise batch by batch.

Images stay on the device if they take at most half of the free GPU memory; CIFAR-10 takes 184 MB. Otherwise the bytes
of each batch are gathered on the CPU and copied from page-locked memory, asynchronously, while the GPU still works on
earlier batches. Either way a batch has the same bits (``images.py`` says why).

Cost: a look-up for each number of an image. Memory: the images in bytes, and one batch in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .images import CHUNK, Images


class Feed:
    """Some images, in batches, as float32 on a device.

    Batches are channels last in memory, which makes convolutions faster on GPUs and on CPUs.
    """

    def __init__(self, images: Images, device: torch.device) -> None:
        """Put the images on the device if they fit."""
        n, channels, height, width = images.shape
        kind = torch.from_numpy(images.levels([0])).dtype
        self.device = device
        self.streamed = not _fits(n * channels * height * width * kind.itemsize, device)
        home = "cpu" if self.streamed else device
        self._levels = torch.empty((n, height, width, channels), dtype=kind, device=home)
        for start in range(0, n, CHUNK):
            part = slice(start, start + CHUNK)
            self._levels[part] = torch.from_numpy(images.levels(part)).permute(0, 2, 3, 1)
        self._table = torch.from_numpy(images.table.ravel()).to(device)  # channel after channel
        self._offsets = torch.arange(channels, dtype=torch.int32, device=device) * images.table.shape[1]

    def __len__(self) -> int:
        return len(self._levels)

    def batches(self, size: int, order: torch.Tensor | None = None) -> Iterator[torch.Tensor]:
        """Batches of (size, channels, height, width) float32; the last may be smaller.

        Args:
            size: images in a batch.
            order: (n,) int64 on the CPU, positions of the images; None for all of them, in order.
        """
        if order is None:
            for levels in self._levels.split(size):
                yield self._standardised(levels)
            return
        for positions in order.to(self._levels.device).split(size):
            yield self._standardised(self._levels[positions])

    def _standardised(self, levels: torch.Tensor) -> torch.Tensor:
        """Standardise (n, height, width, channels) integers: (n, channels, height, width) float32, channels last."""
        if self.streamed and self.device.type == "cuda":
            levels = levels.pin_memory()
        index = levels.to(self.device, non_blocking=True).int() + self._offsets
        images = self._table.index_select(0, index.ravel())
        return images.view(index.shape).permute(0, 3, 1, 2)


def _fits(bytes_needed: int, device: torch.device) -> bool:
    """Whether the images may stay on the device, beside the network, its optimizer and its activations."""
    return device.type != "cuda" or bytes_needed <= int(torch.cuda.mem_get_info(device)[0]) // 2
