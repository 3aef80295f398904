"""Types that many modules name."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

if TYPE_CHECKING:
    import torch

Array = np.ndarray[Any, np.dtype[Any]]
Kind = Literal["images", "numbers", "tokens"]


@dataclass(frozen=True)
class Inputs:
    """What a network gets for each example, known before any is read.

    Attributes:
        shape: of one input; of an image channels, height, width.
        kind: images and other numbers are float32, tokens int64.
        vocabulary: tokens are below it; None for other kinds.
    """

    shape: tuple[int, ...]
    kind: Kind = "images"
    vocabulary: int | None = None

    @property
    def size(self) -> int:
        """Numbers in one input."""
        return math.prod(self.shape)

    def __str__(self) -> str:
        """Their kind and shape, as part of a sentence: ``images of 3 × 32 × 32``."""
        return f"{self.kind} of {' × '.join(map(str, self.shape))}"

    def sample(self, n: int, seed: int | None = None) -> torch.Tensor:
        """Random inputs, (n, *shape), on the CPU: standard normal numbers, or any tokens.

        Args:
            n: how many.
            seed: of the draw; None draws from torch's global generator.
        """
        import torch

        generator = None if seed is None else torch.Generator().manual_seed(seed)
        if self.vocabulary is not None:
            return torch.randint(self.vocabulary, (n, *self.shape), generator=generator, device="cpu")
        return torch.randn(n, *self.shape, generator=generator, dtype=torch.float32, device="cpu")

    def zeros(self, n: int, device: str) -> torch.Tensor:
        """Inputs of zeros, (n, *shape); on torch's `meta` device they take no memory."""
        import torch

        kind = torch.float32 if self.vocabulary is None else torch.int64
        return torch.zeros(n, *self.shape, dtype=kind, device=device)
