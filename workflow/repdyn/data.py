"""Data sets as arrays: a training subset with some labels wrong, and a test set.

Everything that is drawn is drawn from ``data.seed`` and so is the same for every run of a study: which examples are
in the training set and which of them are mislabelled. Only *which* wrong label a mislabelled example gets depends on
the run's seed, so that seeds are replicates while planes through mislabelled images are shared by all runs (chosen).
Images are scaled to [0, 1], then standardised per channel with mean and standard deviation of the training subset.

Memory: the data set as float32, twice while it is being standardised.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .errors import RepdynError

if TYPE_CHECKING:
    from .study import Data as Settings

Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True)
class Source:
    """What is known of a data set before it is read.

    ``test`` is None where a data set comes in one piece, to be divided into training and test examples.
    """

    channels: int
    size: int
    classes: int
    train: int
    test: int | None
    read: Callable[[Path], tuple[Array, Array, Array | None, Array | None]]


@dataclass(frozen=True)
class Examples:
    """Some labelled images.

    Attributes:
        images: (n, channels, height, width) float32, standardised.
        labels: (n,) int64, the true classes.
        given_labels: (n,) int64, the classes that are trained on; other than ``labels`` where mislabelled.
        examples: (n,) int64, positions in the source's own training or test part.
    """

    images: Array
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
class Data:
    """A training and a test set. ``mean`` and ``std``, one for each channel, turn images back to [0, 1]."""

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


def _read_digits(_: Path) -> tuple[Array, Array, Array | None, Array | None]:
    from sklearn.datasets import load_digits

    digits = load_digits()
    return digits.images[:, None] / 16.0, digits.target, None, None


def _read_fashion_mnist(root: Path) -> tuple[Array, Array, Array | None, Array | None]:
    from torchvision.datasets import FashionMNIST

    parts: list[Array] = []
    for train in (True, False):
        try:
            dataset = FashionMNIST(str(root), train=train, download=True)
        except (RuntimeError, OSError) as error:
            folder = root / "FashionMNIST" / "raw"
            reason = str(error).splitlines()[0].rstrip(".")
            raise RepdynError(
                f"The data set `fashion-mnist` is not under `{root}` and cannot be downloaded ({reason}); put its four "
                f"IDX files, gzipped or not, into `{folder}`."
            ) from None
        parts += [dataset.data.numpy()[:, None] / 255.0, dataset.targets.numpy()]
    return parts[0], parts[1], parts[2], parts[3]


SOURCES: dict[str, Source] = {
    "digits": Source(channels=1, size=8, classes=10, train=1797, test=None, read=_read_digits),
    "fashion-mnist": Source(channels=1, size=28, classes=10, train=60_000, test=10_000, read=_read_fashion_mnist),
}


def source(settings: Settings) -> Source:
    """The data set that the config names.

    Raises:
        RepdynError: if there is none of that name.
    """
    if settings.dataset not in SOURCES:
        known = ", ".join(SOURCES)
        raise RepdynError(f"`data.dataset` is {settings.dataset!r}, but must be one of: {known}.")
    return SOURCES[settings.dataset]


def sizes(settings: Settings) -> tuple[int, int]:
    """Numbers of training and of test examples, without reading anything.

    Raises:
        RepdynError: if the data set has fewer examples than the config asks for.
    """
    known = source(settings)
    train, test = settings.train_size, settings.test_size
    if known.test is None:
        train = known.train * 4 // 5 if train is None else train
        left = known.train - train
        test = left if test is None else test
        if train >= known.train or test > left:
            raise RepdynError(
                f"`data.train_size` {train} and `data.test_size` {test} do not both fit into the {known.train} "
                f"examples of `{settings.dataset}`."
            )
        return train, test
    for key, wanted, there in (("train_size", train, known.train), ("test_size", test, known.test)):
        if wanted is not None and wanted > there:
            raise RepdynError(f"`data.{key}` is {wanted}, but `{settings.dataset}` has only {there} such examples.")
    return train or known.train, test or known.test


def shape(settings: Settings) -> tuple[int, int, int]:
    """Channels, height and width of the images, without reading anything."""
    known = source(settings)
    size = settings.image_size or known.size
    return known.channels, size, size


def load(settings: Settings, root: Path, seed: int = 0) -> Data:
    """Read a data set, choose its examples and mislabel some.

    Args:
        settings: the ``data`` section of the config.
        root: where data sets lie.
        seed: the run's; decides which wrong labels are given.

    Raises:
        RepdynError: if the data set is unknown, missing or too small.
    """
    known = source(settings)
    n_train, n_test = sizes(settings)
    images, labels, test_images, test_labels = known.read(root)
    choose = np.random.default_rng([settings.seed, 0])
    order = choose.permutation(len(images))
    if test_images is None or test_labels is None:
        test_order = order[n_train : n_train + n_test]
        test_images, test_labels = images, labels
    else:
        test_order = choose.permutation(len(test_images))[:n_test]
    order = order[:n_train]

    train_images = _resized(images[order], settings.image_size)
    mean = train_images.mean(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    std = train_images.std(axis=(0, 2, 3), keepdims=True, dtype=np.float64)
    true = labels[order].astype(np.int64)
    wrong = _mislabelled(n_train, settings)
    return Data(
        train=Examples(
            images=((train_images - mean) / std).astype(np.float32),
            labels=true,
            given_labels=_with_wrong_labels(true, wrong, known.classes, settings.seed, seed),
            examples=order.astype(np.int64),
        ),
        test=Examples(
            images=((_resized(test_images[test_order], settings.image_size) - mean) / std).astype(np.float32),
            labels=test_labels[test_order].astype(np.int64),
            given_labels=test_labels[test_order].astype(np.int64),
            examples=test_order.astype(np.int64),
        ),
        classes=known.classes,
        mean=mean.ravel(),
        std=std.ravel(),
    )


def _mislabelled(n: int, settings: Settings) -> Array:
    """(n,) bool: exactly the configured fraction of the examples, rounded."""
    wrong = np.zeros(n, dtype=bool)
    chosen = np.random.default_rng([settings.seed, 1]).permutation(n)
    wrong[chosen[: round(settings.label_noise * n)]] = True
    return wrong


def _with_wrong_labels(labels: Array, wrong: Array, classes: int, data_seed: int, run_seed: int) -> Array:
    """Symmetric noise: each mislabelled example gets one of the other classes, all equally likely."""
    shift = np.random.default_rng([data_seed, 2, run_seed]).integers(1, classes, size=len(labels))
    given: Array = np.where(wrong, (labels + shift) % classes, labels)
    return given


def _resized(images: Array, size: int | None) -> Array:
    """Images of (size, size): padded with zeros to the next multiple of the size, then averaged over blocks."""
    if size is None or size == images.shape[-1]:
        return images
    old = images.shape[-1]
    block = -(-old // size)
    pad = block * size - old
    before, after = pad // 2, pad - pad // 2
    padded = np.pad(images, ((0, 0), (0, 0), (before, after), (before, after)))
    n, c = images.shape[:2]
    mean: Array = padded.reshape(n, c, size, block, size, block).mean(axis=(3, 5))
    return mean
