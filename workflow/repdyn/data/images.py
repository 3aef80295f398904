"""Images that are stored as integers, and as networks see them: float32, standardised for each channel.

Inputs that are stored as floats, and tokens, are in ``numbers.py``. Bytes take a quarter of the memory of float32, so
a data set stays in bytes and images are standardised on access.
An integer has few values, so standardisation is a look-up in a table of (v / white - mean) / std, computed once in
float64: the same bits on a CPU and on a GPU.

Memory: the stored integers, which may be a mapped file, and the images that are accessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import RepdynError
from ..types import Array

CHUNK = 4096  # images at a time in a pass over all of them


@dataclass(frozen=True)
class Stored:
    """Inputs and their classes as a data set stores them.

    Attributes:
        inputs: (n, *shape); images are (n, channels, height, width) integers, 0 black. Perhaps a mapped file.
        labels: (n,) int64 classes; -1 where there are none.
        given_labels: (n,) int64, classes to train on; None where these are the labels.
        targets: (n, …) of any type, what there is in place of classes; None where there is nothing.
        ids: (n,) int64, names of the examples; None where these are their positions.
    """

    inputs: Array
    labels: Array
    given_labels: Array | None = None
    targets: Array | None = None
    ids: Array | None = None


@dataclass(frozen=True)
class Standardisation:
    """Standardisation of images for each channel.

    Attributes:
        mean, std: (channels,) float64, of images scaled to [0, 1].
        table: (channels, levels) float32; the standardised value of each stored integer.
    """

    mean: Array
    std: Array
    table: Array

    @classmethod
    def of(cls, stored: Array, index: Array, size: int | None, white: int) -> Standardisation:
        """Standardise by mean and standard deviation of some images after resizing, from a histogram of integers.

        Args:
            stored: (N, channels, height, width), integers.
            index: (n,), which images.
            size: the side that they are resized to; None for as they are.
            white: the integer of the brightest pixel.

        Raises:
            RepdynError: if all pixels of a channel are the same.
        """
        white = whitest(stored, size, white)
        channels = stored.shape[1]
        counts = np.zeros((channels, white + 1), dtype=np.int64)
        for start in range(0, len(index), CHUNK):
            levels = resized(stored[index[start : start + CHUNK]], size)
            for channel in range(channels):
                counts[channel] += np.bincount(levels[:, channel].ravel(), minlength=white + 1)
        n, integers = counts[0].sum(), np.arange(white + 1)
        values = integers / white
        mean = counts @ integers / (n * white)
        std = np.sqrt((counts * (values - mean[:, None]) ** 2).sum(axis=1) / n)
        if not std.all():
            raise RepdynError(
                f"All {len(index)} images to train on have the same value in every pixel of channel {std.argmin()}, so "
                "they cannot be standardised."
            )
        return cls.by(mean, std, white)

    @classmethod
    def by(cls, mean: Array, std: Array, white: int) -> Standardisation:
        """Standardise by a given mean and standard deviation, each (channels,), of images scaled to [0, 1].

        ``white`` is the integer of the brightest pixel, after resizing.
        """
        values = np.arange(white + 1) / white
        return cls(mean, std, ((values - mean[:, None]) / std[:, None]).astype(np.float32))


@dataclass(frozen=True)
class Images:
    """Some of a data set's images: ``images[positions]`` is (…, channels, height, width) float32, standardised.

    Attributes:
        stored: (N, channels, height, width) integers, all of the data set's; perhaps a mapped file.
        index: (n,) int64, which of them.
        size: the side that they are resized to; None for as they are.
        table: see :class:`Standardisation`.
    """

    stored: Array
    index: Array
    size: int | None
    table: Array

    def __len__(self) -> int:
        return len(self.index)

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """Images, channels, height, width."""
        channels, height, width = self.stored.shape[1:]
        return len(self), channels, self.size or height, self.size or width

    def __getitem__(self, positions: Any) -> Array:
        """Standardised images; ``positions`` is an array of positions, a mask or a slice."""
        channel = np.arange(self.stored.shape[1])[:, None, None]
        images: Array = self.table[channel, self.levels(positions)]
        return images

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All of them, for NumPy's functions."""
        if copy is False:
            raise ValueError("standardised images are made on access, so there is always a copy")
        return self[:].astype(dtype or np.float32, copy=False)

    def levels(self, positions: Any = slice(None)) -> Array:
        """The integers to look up in ``table``, (…, channels, height, width)."""
        return resized(self.stored[self.index[positions]], self.size)

    def subset(self, positions: Any) -> Images:
        """A subset of the images; nothing is copied."""
        return Images(self.stored, self.index[positions], self.size, self.table)


def whitest(stored: Array, size: int | None, white: int) -> int:
    """The integer of the brightest pixel after resizing."""
    return white if size is None else white * _block(stored.shape[-1], size) ** 2


def resized(images: Array, size: int | None) -> Array:
    """Images of (size, size): padded with zeros to the next multiple of the size, then *summed* over blocks.

    Sums stay integers where means would not: white becomes ``white`` times the number of pixels in a block.
    """
    old = images.shape[-1]
    if size is None or old == size:
        return images
    block = _block(old, size)
    pad = block * size - old
    sides = (pad // 2, pad - pad // 2)
    padded = np.pad(images, ((0, 0), (0, 0), sides, sides))
    if block == 1:
        return padded
    n, channels = images.shape[:2]
    # torch can gather both types; sums over blocks of up to 11 × 11 bytes fit into 16 bits.
    kind = np.int16 if block <= 11 else np.int32
    total: Array = padded.reshape(n, channels, size, block, size, block).sum(axis=(3, 5), dtype=kind)
    return total


def _block(old: int, size: int) -> int:
    """The side of the blocks that become a pixel."""
    return -(-old // size)
