"""Streams of random numbers that a run's seed is divided into: one for each purpose, independent of all others."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

INITIALISATION, ORDER, NOISE, AUGMENTATION = 0, 1, 2, 3


def stream(seed: int, *purpose: int) -> int:
    """An integer seed for one purpose."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> 1)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global random numbers of Python, NumPy and torch (on the CPU), and leave them as they were.

    NumPy's too, although they are its old ones: what people's models draw from is not ours to choose.
    """
    of_python, of_numpy = random.getstate(), np.random.get_state()  # noqa: NPY002
    try:
        with torch.random.fork_rng(devices=[]):
            random.seed(seed)
            np.random.seed(seed % 2**32)  # noqa: NPY002
            torch.manual_seed(seed)
            yield
    finally:
        random.setstate(of_python)
        np.random.set_state(of_numpy)  # noqa: NPY002
