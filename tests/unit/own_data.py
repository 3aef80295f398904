"""One's own data in tests: arrays that are drawn, and what is known of a study of them once they were read."""

from pathlib import Path

import numpy as np

from repdyn.data import datasets, subsets

N, TEST = 60, 30
LABELS = np.arange(N) % 3


def draw(*shape, kind="f"):
    """Numbers of a shape: floats, or integers below 200 of some type."""
    random = np.random.default_rng(len(shape))
    return random.normal(size=shape) if kind == "f" else random.integers(0, 200, size=shape).astype(kind)


def settle(study):
    """A study whose data were read."""
    return datasets.settled(study, (".",))


def load(study, seed=0):
    """What is known of a study's data, and those of a seed."""
    settings = settle(study).data
    return settings.facts, subsets.load(settings, study_root(study), seed)


def study_root(study):
    """Where its data sets lie."""
    return Path(study.execution.data_root)
