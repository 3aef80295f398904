"""The data sets, and what is known of each before it is read.

Names, shapes and numbers of examples stand here, so that a study can be checked and planned without its data.
``downloads.py`` reads scikit-learn's and torchvision's data sets, ``decoded.py`` image files, which
``image_folders.py`` finds. For a folder of the user's, the config states the same facts; for arrays of the user's,
``own.py`` fills them in.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import RepdynError, named
from ..types import Inputs
from ..user_code import locate
from . import contents, decoded, downloads, image_folders, own
from .image_folders import Layout
from .images import Stored
from .own_arrays import WHITEST

if TYPE_CHECKING:
    from ..config.sections import Data as Settings
    from ..config.study import Study


FOLDER = "image-folder"  # the user's own data set, described under `data.folder`


@dataclass(frozen=True)
class Source:
    """What is known of a data set before it is read.

    Attributes:
        inputs: what networks get, before resizing.
        classes: number of classes; None where examples have none.
        train: number of training examples.
        test: number of test examples; None for a data set without a test part, which the study divides.
        read: reads training and test part, given the folder of all data sets; downloads them first where possible. For
            an image folder it also takes the digest of the expected contents.
        white: the integer of the brightest pixel.
        layout: the layout of an image folder; None for other data sets.
    """

    inputs: Inputs
    classes: int | None
    train: int
    test: int | None
    read: Callable[..., tuple[Stored, Stored | None]]
    white: int = 255
    layout: Layout | None = None

    @property
    def can_be_mixed(self) -> bool:
        """Whether mixtures of inputs are inputs, as points of a plane through three of them are."""
        return self.inputs.kind != "tokens"


def _images(channels: int, size: int) -> Inputs:
    """Square images."""
    return Inputs((channels, size, size))


def _folder(layout: Layout, train: int, test: int) -> Source:
    images = _images(layout.channels, layout.size)
    return Source(images, layout.classes, train, test, partial(decoded.read, layout), layout=layout)


_TINY_IMAGENET = Layout(
    "tiny-imagenet-200", 200, 3, 64, "; unpack http://cs231n.stanford.edu/tiny-imagenet-200.zip there"
)


def _mnist(torchvision: str) -> Source:
    return Source(_images(1, 28), 10, 60_000, 10_000, partial(downloads.read_mnist, torchvision))


SOURCES: dict[str, Source] = {
    "digits": Source(_images(1, 8), 10, 1_797, None, downloads.read_digits, white=16),
    "mnist": _mnist("MNIST"),
    "fashion-mnist": _mnist("FashionMNIST"),
    "kmnist": _mnist("KMNIST"),
    "cifar10": Source(_images(3, 32), 10, 50_000, 10_000, partial(downloads.read_cifar, "CIFAR10")),
    "cifar100": Source(_images(3, 32), 100, 50_000, 10_000, partial(downloads.read_cifar, "CIFAR100")),
    "svhn": Source(_images(3, 32), 10, 73_257, 26_032, downloads.read_svhn),
    "tiny-imagenet": _folder(_TINY_IMAGENET, train=100_000, test=10_000),
}


def source(settings: Settings) -> Source:
    """Look up the data set that the config names.

    Raises:
        RepdynError: if it is unknown.
    """
    if settings.folder is not None:
        f = settings.folder
        return _folder(Layout(f.path, f.classes, f.channels, f.size), f.train, f.test)
    if settings.is_own:
        return _own(settings)
    if settings.dataset not in SOURCES:
        known = ", ".join([*SOURCES, FOLDER])
        raise RepdynError(
            f"`data.dataset` is {settings.dataset!r}, but must be one of: {known}; or your own: a function such as "
            "`my_data:load`, an `.npz`, or a folder that Hugging Face's `datasets` saved, written with a slash."
        )
    return SOURCES[settings.dataset]


def _own(settings: Settings) -> Source:
    facts = settings.facts
    if facts is None:
        raise RepdynError(
            f"`data.dataset` is `{settings.dataset}`, of which nothing is known before it is read; `python -m repdyn "
            "fetch` reads it."
        )
    white = 255 if facts.dtype == "uint8" else WHITEST
    return Source(own.inputs(facts), facts.classes, facts.train, facts.test, partial(own.read, settings), white)


def classes(settings: Settings) -> int:
    """The number of classes, for what cannot do without.

    Raises:
        RepdynError: if the examples have none.
    """
    number = source(settings).classes
    if number is None:
        raise RepdynError(f"The examples of `{settings.dataset}` have no classes, which this needs.")
    return number


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


def common_size(settings: Settings) -> int:
    """The number of test examples that are the same for all seeds, and that no run trains on.

    All of a test part. Of a data set that the study divides, ``data.common``, by default half of the test examples,
    rounded up; where the study draws for all seeds, all of them.

    Raises:
        RepdynError: if the config asks for another number than there can be.
    """
    test = sizes(settings)[1]
    if settings.drawn_by == "study":
        return test
    if source(settings).test is not None:
        if settings.common is not None:
            raise RepdynError(
                f"`data.common` is for data sets without a test part, and that of `{settings.dataset}` is common to "
                "all seeds; leave it out."
            )
        return test
    common = (test + 1) // 2 if settings.common is None else settings.common
    if common > test:
        raise RepdynError(
            f"`data.common` is {common}, but must be at most the number of test examples, {test}, of which these are."
        )
    return common


def inputs(settings: Settings) -> Inputs:
    """What a network gets for each example, without reading anything."""
    known = source(settings).inputs
    return known if settings.image_size is None else _images(known.shape[0], settings.image_size)


def described(study: Study, folders: tuple[str, ...] | None = None, fetch: Callable[[], None] | None = None) -> Study:
    """Fill in ``data.facts`` of the user's own arrays, which are read unless they were before.

    Args:
        study: the study; other data stay as they are.
        folders: where modules of the user's are searched; by default the folders that this process imports from.
        fetch: as for ``own.look``.

    Raises:
        RepdynError: if the data cannot be read, are not what they should be, or are others than in the config.
    """
    root = Path(study.execution.data_root)
    return _with_each(study, lambda settings: _described(settings, root, folders, fetch))


def _with_each(study: Study, filled: Callable[[Settings], Settings]) -> Study:
    """A study with each section of its data filled in; the study itself where that changes nothing."""
    found: dict[str | None, Settings] = {}
    for level, settings in study.data_levels.items():
        with naming(level):
            found[level] = filled(settings)
    return study if found == study.data_levels else study.with_data(found)


@contextmanager
def naming(level: str | None) -> Iterator[None]:
    """Name a level of the data in what an error inside says of the section ``data``."""
    try:
        yield
    except RepdynError as error:
        if level is None:
            raise
        raise RepdynError(str(error).replace("`data.", f"`data.{level}.")) from None


def _described(
    settings: Settings, root: Path, folders: tuple[str, ...] | None, fetch: Callable[[], None] | None
) -> Settings:
    if not settings.is_own:
        return settings
    places = locate.taken() if folders is None else folders
    there = own.look(settings, root, places, fetch)
    if settings.facts not in (None, there):
        raise RepdynError(
            f"`data.facts` says that `{settings.dataset}` has other data than it gives now; leave it out, and it is "
            "filled in."
        )
    if settings.label_noise and (there.classes is None or there.given_labels):
        why = "has labels of its own that are wrong" if there.given_labels else "has no classes"
        raise RepdynError(
            f"`data.label_noise` is {settings.label_noise}, but `{settings.dataset}` {why}; leave it out."
        )
    if there.kind == "tokens" and settings.standardise is not None and settings.standardise.by != "none":
        raise RepdynError("`data.standardise` is for numbers, and the inputs are tokens; leave it out.")
    return settings.model_copy(update={"facts": there})


def settled(study: Study, folders: tuple[str, ...] | None = None, fetch: Callable[[], None] | None = None) -> Study:
    """Fill in the digest of the study's data: ``data.contents`` of an image folder, ``data.facts`` of own arrays.

    Other data sets leave the study as it is. If an image folder is gone, take its digest at the last look: the images
    decoded from it can still be read.

    Args:
        study: the study.
        folders: as for :func:`described`.
        fetch: as for ``own.look``.

    Raises:
        RepdynError: like :func:`described`, or if the image folder is not laid out as it should be, or its contents are
            not those in the config.
    """
    root = Path(study.execution.data_root)
    return _with_each(study, lambda settings: _settled(settings, root, folders, fetch))


def _settled(
    settings: Settings, root: Path, folders: tuple[str, ...] | None, fetch: Callable[[], None] | None
) -> Settings:
    if settings.is_own:
        return _described(settings, root, folders, fetch)
    layout = source(settings).layout
    if layout is None:
        if settings.contents is not None:
            raise RepdynError(f"`data.contents` is for image folders, which `{settings.dataset}` is not; leave it out.")
        return settings
    folder = layout.folder(root)
    there = str(contents.look(layout, root)) if os.path.lexists(folder) else contents.last(layout, root)
    if settings.contents is None:
        return settings.model_copy(update={"contents": there})
    if os.path.lexists(folder) and there != settings.contents:
        raise RepdynError(
            f"The images in `{named(folder)}` are not those of the study: `data.contents` is {settings.contents}, and "
            f"theirs would be {there}; put the others back, or change `data.contents`."
        )
    return settings


def remarks(study: Study) -> list[str]:
    """Remarks, each a sentence, on the files that a study's images are read from, if they are there.

    Raises:
        RepdynError: if something about them is wrong.
    """
    root = Path(study.execution.data_root)
    layouts = dict.fromkeys(source(settings).layout for settings in study.data_levels.values())
    there = [layout for layout in layouts if layout is not None and os.path.lexists(layout.folder(root))]
    return [remark for layout in there for remark in image_folders.listing(layout, root).remarks()]


def alike(study: Study) -> list[list[str | None]]:
    """The levels of a study's data in groups that are alike in what networks get, in classes and in numbers.

    What depends on nothing else, such as whether a network can be built and how large it is, is found out once a group.
    """
    groups: dict[object, list[str | None]] = {}
    for level, settings in study.data_levels.items():
        groups.setdefault((inputs(settings), source(settings).classes, sizes(settings)), []).append(level)
    return list(groups.values())


def read(settings: Settings, root: Path) -> tuple[Stored, Stored | None]:
    """Read the training and the test part of a data set; None for the latter where there is no test part.

    Args:
        settings: the ``data`` section of the config.
        root: where data sets lie.

    Raises:
        RepdynError: if it is missing and cannot be downloaded, or has other shapes or classes than it should.
    """
    known = source(settings)
    parts = known.read(root) if known.layout is None else known.read(root, settings.contents)
    if settings.is_own:  # checked before they were stored
        return parts
    for name, part, count in zip(("training", "test"), parts, (known.train, known.test), strict=True):
        if part is None or count is None:
            continue
        wanted = (count, *known.inputs.shape)
        if part.inputs.shape != wanted or part.labels.shape != (count,):
            has, known_to_have = (" × ".join(map(str, shape)) for shape in (part.inputs.shape, wanted))
            remedy = "correct `data.folder`" if settings.folder else "delete it, and put the right one there"
            raise RepdynError(
                f"The {name} part of `{settings.dataset}` under `{root}` has {has} (images × channels × height × "
                f"width) with {len(part.labels)} labels, where {known_to_have} should be; {remedy}."
            )
        number = classes(settings)
        missing = np.setdiff1d(np.arange(number), part.labels)
        if len(missing) or part.labels.min() < 0 or part.labels.max() >= number:
            what = f"no image of class {missing[0]}" if len(missing) else "labels beyond its classes"
            raise RepdynError(f"The {name} part of `{settings.dataset}` under `{root}` has {what}.")
    return parts
