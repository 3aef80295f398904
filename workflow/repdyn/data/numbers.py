"""Inputs that networks get as they are stored, floats and tokens; floats are standardised if the study asks for it.

A channel is the first dimension of an input: of a signal (channels × length) its channels, of a vector its features.
Subtraction and division round once each in float32, so a CPU and a GPU give the same bits.

Memory: the stored numbers, which may be a mapped file, and the inputs that are accessed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import RepdynError
from ..types import Array
from .images import CHUNK, Images


def per_channel(values: Array, dimensions: int) -> Array:
    """A number for each channel, (channels,), in the shape in which it meets (n, channels, …) of so many dimensions."""
    return values.reshape(-1, *(1,) * (dimensions - 2))


@dataclass(frozen=True)
class Scale:
    """Mean and standard deviation of each channel, (channels,) float64."""

    mean: Array
    std: Array

    @classmethod
    def of(cls, stored: Array, index: Array) -> Scale:
        """Those of some inputs.

        Args:
            stored: (N, channels, …) floats.
            index: (n,), which inputs.

        Raises:
            RepdynError: if all numbers of a channel are the same.
        """
        over = (0, *range(2, stored.ndim))
        parts = [index[start : start + CHUNK] for start in range(0, len(index), CHUNK)]
        n = len(index) * int(np.prod(stored.shape[2:]))
        mean = sum(stored[part].sum(axis=over, dtype=np.float64) for part in parts) / n
        centre = per_channel(np.asarray(mean), stored.ndim)
        std = np.sqrt(sum(((stored[part] - centre) ** 2).sum(axis=over) for part in parts) / n)
        if not std.all():
            raise RepdynError(
                f"All {len(index)} examples to train on have the same number in channel {std.argmin()}, so they cannot "
                "be standardised; set `data.standardise: none`."
            )
        return cls(mean, std)


@dataclass(frozen=True)
class Numbers:
    """Some of a data set's inputs: ``numbers[positions]`` is (…, *shape), float32, or int64 if they are tokens.

    Attributes:
        stored: (N, *shape), all of the data set's: float32, or tokens in a smaller type; perhaps a mapped file.
        index: (n,) int64, which of them.
        scale: standardises floats; None leaves them as they are.
    """

    stored: Array
    index: Array
    scale: Scale | None = None

    def __len__(self) -> int:
        return len(self.index)

    @property
    def shape(self) -> tuple[int, ...]:
        """Inputs, and the shape of one."""
        return len(self), *self.stored.shape[1:]

    @property
    def affine(self) -> tuple[Array, Array] | None:
        """What is subtracted, and what is divided by, each (channels, 1, …) float32; None for neither."""
        if self.scale is None:
            return None
        dimensions = self.stored.ndim
        mean, std = (per_channel(each.astype(np.float32), dimensions) for each in (self.scale.mean, self.scale.std))
        return mean, std

    def __getitem__(self, positions: Any) -> Array:
        """Inputs as networks get them; ``positions`` is an array of positions, a mask or a slice."""
        found = self.held(positions)
        if found.dtype.kind != "f":
            return found.astype(np.int64)
        affine = self.affine
        if affine is None:
            return np.array(found, dtype=np.float32)
        mean, std = affine
        standardised: Array = (found - mean) / std
        return standardised

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        """All of them, for NumPy's functions."""
        if copy is False:
            raise ValueError("inputs are made on access, so there is always a copy")
        found = self[:]
        return found.astype(dtype or found.dtype, copy=False)

    def held(self, positions: Any = slice(None)) -> Array:
        """Inputs as they are stored."""
        found: Array = self.stored[self.index[positions]]
        return found

    def subset(self, positions: Any) -> Numbers:
        """A subset of the inputs; nothing is copied."""
        return Numbers(self.stored, self.index[positions], self.scale)


Given = Images | Numbers  # what networks are given
