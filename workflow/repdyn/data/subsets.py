"""A study's data: a training subset with some wrong labels, and a test set.

The training examples and the mislabelled ones among them are drawn from ``data.seed``, so they are the same for every
run of a study. Only *which* wrong label a mislabelled example gets depends on the run's seed (``label_noise.py``).
Images are scaled to [0, 1] and standardised per channel, with mean and standard deviation of the training subset, on
access (``images.py``).

Memory: the data set as stored, a byte for each pixel and channel (1.4 GB for Tiny ImageNet's 110,000 images, where
float32 would take 5.4 GB), and the images accessed at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import datasets, label_noise
from .images import Images, Standardisation

if TYPE_CHECKING:
    from ..config.sections import Data as Settings


@dataclass(frozen=True)
class Examples:
    """Some labelled images.

    Attributes:
        images: n of them; ``images[positions]`` is (…, channels, height, width) float32, standardised.
        labels: (n,) int64, the true classes.
        given_labels: (n,) int64, the classes to train on; they differ from ``labels`` where mislabelled.
        examples: (n,) int64, positions in the source's own training or test part.
    """

    images: Images
    labels: Array
    given_labels: Array
    examples: Array

    @property
    def mislabelled(self) -> Array:
        """(n,) bool, where the given label is wrong."""
        wrong: Array = self.labels != self.given_labels
        return wrong

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class StudyData:
    """A training and a test set. ``mean`` and ``std``, one per channel, undo the standardisation of images."""

    train: Examples
    test: Examples
    classes: int
    mean: Array
    std: Array

    @property
    def mislabelled(self) -> Array:
        """(n,) bool over the training examples."""
        return self.train.mislabelled

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.train.images.shape[1:]
        return channels, height, width


def load(settings: Settings, root: Path, seed: int = 0) -> StudyData:
    """Read a data set, choose its examples and mislabel some.

    Args:
        settings: the ``data`` section of the config.
        root: where data sets lie.
        seed: the run's; determines the wrong labels.

    Raises:
        RepdynError: if the data set is unknown, missing, damaged or too small.
    """
    known = datasets.source(settings)
    n_train, n_test = datasets.sizes(settings)
    train, test = datasets.read(settings, root)
    choose = np.random.default_rng([settings.seed, 0])
    order = choose.permutation(len(train.labels))
    if test is None:
        test, test_order = train, order[n_train : n_train + n_test]
    else:
        test_order = choose.permutation(len(test.labels))[:n_test]
    order = order[:n_train]

    labels, test_labels = train.labels[order], test.labels[test_order]
    absent = np.setdiff1d(np.arange(known.classes), labels)
    if len(absent):
        raise RepdynError(
            f"`data.train_size` {n_train} leaves no training example of class {absent[0]} of `{settings.dataset}`; "
            "raise it, or change `data.seed`."
        )
    wrong = label_noise.mislabelled(labels, settings)
    given = label_noise.given_labels(labels, wrong, known.classes, settings, seed)
    size = settings.image_size or known.size
    standard = Standardisation.of(train.images, order, size, known.white)
    return StudyData(
        train=Examples(Images(train.images, order, size, standard.table), labels, given, order),
        test=Examples(Images(test.images, test_order, size, standard.table), test_labels, test_labels, test_order),
        classes=known.classes,
        mean=standard.mean,
        std=standard.std,
    )
