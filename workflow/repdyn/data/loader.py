"""Images on their way to a network: in bytes on the device, or streamed there, and standardised batch by batch.

On the device as long as they take no more than half of the GPU memory that is free; CIFAR-10 takes 184 MB. Where they
do not fit, the bytes of each batch are gathered on the CPU and copied while the GPU still works on the batches before:
it does not wait for a copy out of page-locked memory. Either way a batch is the same bits: ``images.py`` says why.

Cost: a look-up for each number of an image. Memory: the images in bytes, and one batch in float32.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch

from .images import CHUNK, Images


class Feed:
    """Some images, in batches, as float32 on a device.

    Batches are channels last in memory: convolutions are faster so, on GPUs and on CPUs.
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
            order: (n,) int64 on the CPU, which images in which order; None for all of them as they stand.
        """
        if order is None:
            for levels in self._levels.split(size):
                yield self._standardised(levels)
            return
        for positions in order.to(self._levels.device).split(size):
            yield self._standardised(self._levels[positions])

    def _standardised(self, levels: torch.Tensor) -> torch.Tensor:
        """(n, height, width, channels) integers as (n, channels, height, width) float32, channels last in memory."""
        if self.streamed and self.device.type == "cuda":
            levels = levels.pin_memory()
        index = levels.to(self.device, non_blocking=True).int() + self._offsets
        images = self._table.index_select(0, index.ravel())
        return images.view(index.shape).permute(0, 3, 1, 2)


def _fits(bytes_needed: int, device: torch.device) -> bool:
    """Whether images may live on the device, which must hold the network, its optimizer and its activations, too."""
    return device.type != "cuda" or bytes_needed <= int(torch.cuda.mem_get_info(device)[0]) // 2
