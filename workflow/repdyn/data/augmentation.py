"""Random crops and horizontal flips of training images, as tensors on the device.

Each image is padded with black, cropped to its size at a random place, then mirrored with probability one half: the
standard augmentation for CIFAR since He et al. 2016 (§4.2). An epoch's crops and flips are drawn at its start from a
generator of their own, so that interrupted training continues with the same ones. Off by default, because with it the
training set may never be fitted perfectly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from ..config.sections import Augmentation as Settings


class Augmenter:
    """What an epoch does to each training image."""

    def __init__(self, settings: Settings, black: torch.Tensor, n: int) -> None:
        """Change nothing yet.

        Args:
            settings: the section ``training.augmentation``.
            black: (channels,), the value of black after standardisation, on the device.
            n: number of training images.
        """
        self._padding, self._flips, self._black, self._n = settings.padding, settings.flip, black, n
        self._places = torch.zeros(2, n, dtype=torch.int64, device=black.device)
        self._mirrored = torch.zeros(n, dtype=torch.bool, device=black.device)

    def draw(self, generator: torch.Generator) -> None:
        """Draw an epoch's crops and flips, one for each image, from a generator on the CPU."""
        places = torch.randint(0, 2 * self._padding + 1, (2, self._n), generator=generator)
        mirrored = torch.rand(self._n, generator=generator) < (0.5 if self._flips else 0.0)
        self._places, self._mirrored = places.to(self._black.device), mirrored.to(self._black.device)

    def __call__(self, images: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        """Images as this epoch sees them.

        Args:
            images: (batch, channels, height, width), standardised.
            positions: (batch,), their positions among the n, on the device.

        Returns:
            The same shape, channels last in memory.
        """
        (batch, channels, height, width), pad = images.shape, self._padding
        # Channels last, so that one gather takes whole pixels.
        padded = self._black.to(images).expand(batch, height + 2 * pad, width + 2 * pad, channels).clone()
        padded[:, pad : pad + height, pad : pad + width] = images.permute(0, 2, 3, 1)
        example, row, column = (torch.arange(side, device=padded.device) for side in (batch, height, width))
        column = torch.where(self._mirrored[positions, None], width - 1 - column, column)
        rows = (self._places[0, positions, None] + row)[:, :, None]
        columns = (self._places[1, positions, None] + column)[:, None, :]
        return padded[example[:, None, None], rows, columns].permute(0, 3, 1, 2)
