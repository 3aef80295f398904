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
from .images import Images, Standardisation, Stored, whitest
from .numbers import Given, Numbers, Scale

if TYPE_CHECKING:
    from ..config.sections import Data as Settings


@dataclass(frozen=True)
class Examples:
    """Some examples.

    Attributes:
        inputs: n of them; ``inputs[positions]`` is (…, *shape) as networks get them: float32, tokens int64.
        labels: (n,) int64, the true classes; -1 where there are no classes.
        given_labels: (n,) int64, the classes to train on; they differ from ``labels`` where mislabelled.
        examples: (n,) int64, the data's own ids, or else positions in the source's own training or test part.
        targets: (n, …) of any type, what the data have in place of classes; None where there are classes or nothing.
    """

    inputs: Given
    labels: Array
    given_labels: Array
    examples: Array
    targets: Array | None = None

    @property
    def mislabelled(self) -> Array:
        """(n,) bool, where the given label is wrong."""
        wrong: Array = self.labels != self.given_labels
        return wrong

    def __len__(self) -> int:
        return len(self.labels)

    def subset(self, part: Array | slice) -> Examples:
        """Some of them, by positions, mask or slice; nothing is copied of the inputs."""
        targets = None if self.targets is None else self.targets[part]
        inputs = self.inputs.subset(part)
        return Examples(inputs, self.labels[part], self.given_labels[part], self.examples[part], targets)


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
        classes: number of classes; None where there are none.
        mean, std: (channels,), undo the standardisation of inputs.
    """

    train: Examples
    test: Examples
    n_common: int
    classes: int | None
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
    drawn, known = draw(settings, seed), datasets.source(settings)
    train, test = datasets.read(settings, root)
    test = train if test is None else test
    labels, test_labels = (np.array(of.labels[index]) for of, index in ((train, drawn.train), (test, drawn.test)))
    given = labels
    if known.classes is not None:
        if not settings.is_own:
            _refuse_absent_classes(labels, known.classes, settings, seed)
        if train.given_labels is None:
            wrong = label_noise.mislabelled(labels, settings, seed)
            given = label_noise.given_labels(labels, wrong, known.classes, settings, seed)
        else:
            given = np.array(train.given_labels[drawn.train], dtype=np.int64)
    standard = _standardisation(settings, known, train.inputs, drawn.pool)

    def some(part: Stored, index: Array, labels: Array, given: Array) -> Examples:
        ids = index if part.ids is None else np.array(part.ids[index], dtype=np.int64)
        targets = None if part.targets is None else np.array(part.targets[index])
        return Examples(standard.inputs(part.inputs, index), labels, given, ids, targets)

    return StudyData(
        train=some(train, drawn.train, labels, given),
        test=some(test, drawn.test, test_labels, test_labels),
        n_common=drawn.common,
        classes=known.classes,
        mean=standard.mean,
        std=standard.std,
    )


def _refuse_absent_classes(labels: Array, classes: int, settings: Settings, seed: int) -> None:
    absent = np.setdiff1d(np.arange(classes), labels)
    if len(absent):
        of_seed = f" of seed {seed}" if settings.drawn_by == "seed" else ""
        raise RepdynError(
            f"`data.train_size` {len(labels)} leaves no training example of class {absent[0]} of `{settings.dataset}`"
            f"{of_seed}; raise it, or change `data.seed`."
        )


@dataclass(frozen=True)
class _Standard:
    """How the inputs of a study are standardised: ``mean`` and ``std`` of each channel, and a table for integers."""

    mean: Array
    std: Array
    table: Array | None
    size: int | None
    is_needed: bool

    def inputs(self, stored: Array, index: Array) -> Given:
        """Some of the stored inputs, as networks get them."""
        if self.table is not None:
            return Images(stored, index, self.size, self.table)
        return Numbers(stored, index, Scale(self.mean, self.std) if self.is_needed else None)


def _standardisation(settings: Settings, known: datasets.Source, stored: Array, pool: Array) -> _Standard:
    """By default integers of images are standardised, and nothing else (``data.standardise``)."""
    how, channels, size = settings.standardise, stored.shape[1], settings.image_size
    are_integers = known.inputs.kind == "images" and stored.dtype.kind != "f"
    if how is None:
        by_channel, mean, std = are_integers, np.zeros(channels), np.ones(channels)
    else:
        by_channel = how.by == "channel"
        mean, std = (np.array(each or [default] * channels) for each, default in ((how.mean, 0.0), (how.std, 1.0)))
        if len(mean) != channels:
            raise RepdynError(
                f"`data.standardise` gives mean and std of {len(mean)} channels, but the {known.inputs} of "
                f"`{settings.dataset}` have {channels}."
            )
    if are_integers:
        if by_channel:
            standard = Standardisation.of(stored, pool, size, known.white)
        else:
            standard = Standardisation.by(mean, std, whitest(stored, size, known.white))
        return _Standard(standard.mean, standard.std, standard.table, size, is_needed=True)
    if by_channel:
        scale = Scale.of(stored, pool)
        mean, std = scale.mean, scale.std
    return _Standard(mean, std, None, None, is_needed=how is not None and how.by != "none")
