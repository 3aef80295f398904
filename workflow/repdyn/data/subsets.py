"""A study's data: for each seed a training set with some wrong labels, and a test set.

Runs of one seed share all of it. Each seed draws its own training examples, and which of them are mislabelled, so that
seeds are replicates of these draws, too. Examples on which *runs* are compared are common to all seeds, drawn from
``data.seed``, and no run trains on them:

- all test examples of a data set that has a test part;
- of one that the study divides, a block that is set aside before any seed draws. A seed draws from the rest, and the
  remainder of its test set is what it does not train on.

With ``drawn_by: study`` the training examples and the mislabelled ones are drawn from ``data.seed`` as well, and the
whole test set is common. Which wrong label an example gets depends on the run's seed in either case
(``label_noise.py``).

Images are scaled to [0, 1] and standardised per channel on access (``images.py``), all seeds' alike, since they are
compared on the same images: with mean and standard deviation of all examples that a seed can draw to train on. With
``drawn_by: study`` these are the training examples.

Time: a pass over the examples that can be trained on. Memory: the data set as stored, a byte for each pixel and channel
(1.4 GB for Tiny ImageNet's 110,000 images, where float32 would take 5.4 GB), and the images accessed at a time.
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
        inputs: n of them; ``inputs[positions]`` is (…, channels, height, width) float32, standardised.
        labels: (n,) int64, the true classes.
        given_labels: (n,) int64, the classes to train on; they differ from ``labels`` where mislabelled.
        examples: (n,) int64, positions in the source's own training or test part.
    """

    inputs: Images
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

    def subset(self, part: Array | slice) -> Examples:
        """Some of them, by positions, mask or slice; nothing is copied of the inputs."""
        return Examples(self.inputs.subset(part), self.labels[part], self.given_labels[part], self.examples[part])


@dataclass(frozen=True)
class Draw:
    """Positions of a seed's examples in the data set's own training and test part.

    Attributes:
        train: (n,) int64, examples to train on.
        test: (m,) int64, in the test part, or in the only part of a data set that the study divides.
        common: how many of ``test``, the first ones, are the same for all seeds and never trained on.
        pool: (N,) int64, examples that standardise images: all that a seed can draw to train on.
    """

    train: Array
    test: Array
    common: int
    pool: Array


@dataclass(frozen=True)
class StudyData:
    """A training and a test set.

    Attributes:
        train, test: its examples.
        n_common: how many of the test examples, the first ones, are the same for all seeds and never trained on.
        classes: number of classes.
        mean, std: (channels,), undo the standardisation of images.
    """

    train: Examples
    test: Examples
    n_common: int
    classes: int
    mean: Array
    std: Array

    @property
    def common(self) -> Examples:
        """The examples on which runs are compared."""
        return self.test.subset(slice(self.n_common))

    @property
    def mislabelled(self) -> Array:
        """(n,) bool over the training examples."""
        return self.train.mislabelled


def draw(settings: Settings, seed: int) -> Draw:
    """Draw a seed's examples, without reading any.

    Args:
        settings: the ``data`` section of the config.
        seed: the run's.

    Raises:
        RepdynError: if the data set is unknown or too small.
    """
    known = datasets.source(settings)
    (n_train, n_test), common = datasets.sizes(settings), datasets.common_size(settings)
    of_study = np.random.default_rng([settings.seed, 0])
    order = of_study.permutation(known.train)
    of_part = None if known.test is None else of_study.permutation(known.test)[:n_test]
    if settings.drawn_by == "study":
        train = order[:n_train]
        test = order[n_train : n_train + n_test] if of_part is None else of_part
        return Draw(train, test, common, train)
    # A larger common block holds the smaller, whatever the size of the training set.
    aside, pool = (order[:common], order[common:]) if of_part is None else (of_part, order)
    of_seed = np.random.default_rng([settings.seed, 4, seed]).permutation(pool)
    test = np.concatenate([aside, of_seed[n_train : n_train + n_test - common]])
    return Draw(of_seed[:n_train], test, common, pool)


def load(settings: Settings, root: Path, seed: int) -> StudyData:
    """Read a data set, draw a seed's examples and mislabel some.

    Args:
        settings: the ``data`` section of the config.
        root: where data sets lie.
        seed: the run's.

    Raises:
        RepdynError: if the data set is unknown, missing, damaged or too small.
    """
    drawn, known, classes = draw(settings, seed), datasets.source(settings), datasets.classes(settings)
    train, test = datasets.read(settings, root)
    test = train if test is None else test
    labels, test_labels = train.labels[drawn.train], test.labels[drawn.test]
    absent = np.setdiff1d(np.arange(classes), labels)
    if len(absent):
        of_seed = f" of seed {seed}" if settings.drawn_by == "seed" else ""
        raise RepdynError(
            f"`data.train_size` {len(labels)} leaves no training example of class {absent[0]} of `{settings.dataset}`"
            f"{of_seed}; raise it, or change `data.seed`."
        )
    wrong = label_noise.mislabelled(labels, settings, seed)
    given = label_noise.given_labels(labels, wrong, classes, settings, seed)
    size = settings.image_size or known.inputs.shape[-1]
    standard = Standardisation.of(train.inputs, drawn.pool, size, known.white)

    def images(stored: Array, index: Array) -> Images:
        return Images(stored, index, size, standard.table)

    return StudyData(
        train=Examples(images(train.inputs, drawn.train), labels, given, drawn.train),
        test=Examples(images(test.inputs, drawn.test), test_labels, test_labels, drawn.test),
        n_common=drawn.common,
        classes=classes,
        mean=standard.mean,
        std=standard.std,
    )
