"""Orders of a factor's levels, by which levels are permuted."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence

import numpy as np


def orders(levels: int, resamples: int, seed: int) -> Iterable[Sequence[int]]:
    """Permutations of levels, the observed one first: all of them, or random ones where those are too many."""
    if math.factorial(levels) <= resamples:
        return itertools.permutations(range(levels))
    random = np.random.default_rng(seed)
    drawn = random.permuted(np.broadcast_to(np.arange(levels), (resamples, levels)), axis=1)
    drawn[0] = np.arange(levels)
    return drawn.tolist()  # type: ignore[no-any-return]
