"""Which data sets there are, and what is known of each before it is read.

Names, shapes and numbers of examples stand here, so that a study is checked and planned without its data. Reading is
done by ``downloads.py`` (scikit-learn's and torchvision's) and ``decoded.py`` (image files, found by
``image_folders.py``). A folder of one's own is described in the config as fully as the others are here.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import RepdynError, named
from . import contents, decoded, downloads, image_folders
from .image_folders import Layout
from .images import Stored

if TYPE_CHECKING:
    from ..config.sections import Data as Settings
    from ..config.study import Study


FOLDER = "image-folder"  # a data set of one's own, described under `data.folder`


@dataclass(frozen=True)
class Source:
    """What is known of a data set before it is read.

    Attributes:
        channels, size, classes: of its square images.
        train: number of training examples.
        test: number of test examples; None where it comes in one piece, to be divided into training and test examples.
        read: from the folder of all data sets to training and test part, downloaded first where that is possible; of
            an image folder also from what should be in it.
        white: the integer that stands for the brightest pixel.
        layout: the folder of image files that it is; None where it is none.
    """

    channels: int
    size: int
    classes: int
    train: int
    test: int | None
    read: Callable[..., tuple[Stored, Stored | None]]
    white: int = 255
    layout: Layout | None = None


def _folder(layout: Layout, train: int, test: int) -> Source:
    return Source(
        layout.channels, layout.size, layout.classes, train, test, partial(decoded.read, layout), layout=layout
    )


_TINY_IMAGENET = Layout(
    "tiny-imagenet-200", 200, 3, 64, "; unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there"
)


def _mnist(torchvision: str) -> Source:
    return Source(1, 28, 10, 60_000, 10_000, partial(downloads.read_mnist, torchvision))


SOURCES: dict[str, Source] = {
    "digits": Source(1, 8, 10, 1_797, None, downloads.read_digits, white=16),
    "mnist": _mnist("MNIST"),
    "fashion-mnist": _mnist("FashionMNIST"),
    "kmnist": _mnist("KMNIST"),
    "cifar10": Source(3, 32, 10, 50_000, 10_000, partial(downloads.read_cifar, "CIFAR10")),
    "cifar100": Source(3, 32, 100, 50_000, 10_000, partial(downloads.read_cifar, "CIFAR100")),
    "svhn": Source(3, 32, 10, 73_257, 26_032, downloads.read_svhn),
    "tiny-imagenet": _folder(_TINY_IMAGENET, train=100_000, test=10_000),
}


def source(settings: Settings) -> Source:
    """The data set that the config names.

    Raises:
        RepdynError: if there is none of that name.
    """
    if settings.folder is not None:
        f = settings.folder
        return _folder(Layout(f.path, f.classes, f.channels, f.size), f.train, f.test)
    if settings.dataset not in SOURCES:
        known = ", ".join([*SOURCES, FOLDER])
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


def settled(study: Study) -> Study:
    """The study with ``data.contents``, what is in its image folder; as it is where its data come from elsewhere.

    Where the folder is gone, what was in it when it was last looked at: images that were decoded from it are still
    there to be read.

    Raises:
        RepdynError: if something about the folder is wrong, or something else is in it than the config says.
    """
    settings, root = study.data, Path(study.execution.data_root)
    layout = source(settings).layout
    if layout is None:
        if settings.contents is not None:
            raise RepdynError(f"`data.contents` is for image folders, and `{settings.dataset}` is none; leave it out.")
        return study
    folder = layout.folder(root)
    there = str(contents.look(layout, root)) if os.path.lexists(folder) else contents.last(layout, root)
    if settings.contents is None:
        return study.model_copy(update={"data": settings.model_copy(update={"contents": there})})
    if os.path.lexists(folder) and there != settings.contents:
        raise RepdynError(
            f"The images in `{named(folder)}` are not those of the study: `data.contents` is {settings.contents}, and "
            f"theirs would be {there}; put the others back, or change `data.contents`."
        )
    return study


def remarks(study: Study) -> list[str]:
    """What is worth saying of the files that a study's images are read from, if they are there, in sentences.

    Raises:
        RepdynError: if something about them is wrong.
    """
    layout, root = source(study.data).layout, Path(study.execution.data_root)
    if layout is None or not os.path.lexists(layout.folder(root)):
        return []
    return image_folders.listing(layout, root).remarks()


def read(settings: Settings, root: Path) -> tuple[Stored, Stored | None]:
    """Training and test part of a data set; only the first where it comes in one piece.

    Args:
        settings: the ``data`` section of the config.
        root: where data sets lie.

    Raises:
        RepdynError: if it is missing and cannot be downloaded, or is not what is known of it.
    """
    known = source(settings)
    parts = known.read(root) if known.layout is None else known.read(root, settings.contents)
    for name, part, count in zip(("training", "test"), parts, (known.train, known.test), strict=True):
        if part is None or count is None:
            continue
        wanted = (count, known.channels, known.size, known.size)
        if part.images.shape != wanted or part.labels.shape != (count,):
            has, known_to_have = (" × ".join(map(str, shape)) for shape in (part.images.shape, wanted))
            remedy = "correct `data.folder`" if settings.folder else "delete it, and put the right one there"
            raise RepdynError(
                f"The {name} part of `{settings.dataset}` under `{root}` has {has} (images × channels × height × "
                f"width) with {len(part.labels)} labels, where {known_to_have} should be; {remedy}."
            )
        missing = np.setdiff1d(np.arange(known.classes), part.labels)
        if len(missing) or part.labels.min() < 0 or part.labels.max() >= known.classes:
            what = f"no image of class {missing[0]}" if len(missing) else "labels beyond its classes"
            raise RepdynError(f"The {name} part of `{settings.dataset}` under `{root}` has {what}.")
    return parts
