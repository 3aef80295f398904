"""Streams of random numbers that a run's seed is divided into: one for each purpose, independent of all others.

What people's models draw from is not ours to choose: the global random numbers of Python and of NumPy are seeded,
kept and restored as torch's are.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

INITIALISATION, ORDER, NOISE, AUGMENTATION = 0, 1, 2, 3


def stream(seed: int, *purpose: int) -> int:
    """An integer seed for one purpose."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> 1)


def begin(seed: int) -> None:
    """Seed the global random numbers of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)


def state() -> dict[str, Any]:
    """Where the global random numbers are, those of GPUs left out: numbers, lists and a tensor, to be saved."""
    kind, key, *others = np.random.get_state()  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (kind, np.asarray(key).tolist(), *others),
        "torch": torch.get_rng_state(),
    }


def go_on(state: Mapping[str, Any]) -> None:
    """Put the global random numbers where they were."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed what is inside, and leave the global random numbers as they were."""
    before = state()
    try:
        begin(seed)
        yield
    finally:
        go_on(before)
