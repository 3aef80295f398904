"""Derive independent streams of random numbers from a run's seed, one for each purpose.

Users' models may draw from any generator, so the global ones of Python, NumPy and torch are all seeded, saved and
restored.
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
    """Derive an integer seed for one purpose."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> 1)


def begin(seed: int) -> None:
    """Seed the global random numbers of Python, NumPy and torch."""
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002
    torch.manual_seed(seed)


def state() -> dict[str, Any]:
    """The state of the global generators, without those of GPUs, as numbers, lists and a tensor to be saved."""
    kind, key, *others = np.random.get_state()  # noqa: NPY002
    return {
        "python": random.getstate(),
        "numpy": (kind, np.asarray(key).tolist(), *others),
        "torch": torch.get_rng_state(),
    }


def go_on(state: Mapping[str, Any]) -> None:
    """Restore the state of the global generators."""
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])  # noqa: NPY002
    torch.set_rng_state(state["torch"])


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Seed the global generators inside, and restore them afterwards."""
    before = state()
    try:
        begin(seed)
        yield
    finally:
        go_on(before)
