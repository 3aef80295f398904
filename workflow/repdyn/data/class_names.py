"""What the classes of a data set are called: by the config, by who published them, by folders, or by their numbers."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RepdynError
from ..runtime.progress import LOG
from . import datasets, image_folders, own_sources

if TYPE_CHECKING:
    from ..config.sections import Data as Settings

# Of data sets whose files do not say them, or say them in other words than their authors.
PUBLISHED = {
    "fashion-mnist": (
        "T-shirt/top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
    ),
    "kmnist": ("o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"),
    "cifar10": ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
}  # fmt: skip


def of(settings: Settings, root: Path) -> list[str]:
    """The name of each class, in the order of their numbers; none where examples have no classes.

    Names that nobody gives are the numbers. Those of CIFAR-100 are read from its files, those of an image folder are
    the names of its classes' folders, and those of a folder of Hugging Face's the ones in its schema.

    Args:
        settings: a section ``data`` of the config, with its facts.
        root: where data sets lie.

    Raises:
        RepdynError: if the config names another number of classes than there are.
    """
    source = datasets.source(settings)
    numbers = [str(label) for label in range(source.classes or 0)]
    check(settings)
    if settings.class_names is not None:
        return settings.class_names
    found = list(PUBLISHED.get(settings.dataset, ()))
    if settings.dataset == "cifar100":
        found = _of_cifar100(root)
    elif source.layout is not None:
        found = _of_folders(source.layout, root)
    elif settings.is_own:
        found = own_sources.class_names(settings)
    return found if len(found) == len(numbers) else numbers


def check(settings: Settings) -> None:
    """Check that the config names each class.

    Raises:
        RepdynError: if it names another number of them.
    """
    number, given = datasets.source(settings).classes or 0, settings.class_names
    if given is not None and len(given) != number:
        raise RepdynError(
            f"`data.class_names` has {len(given)} names, but `{settings.dataset}` has {number or 'no'} classes; give "
            "one a class, in the order of their numbers."
        )


def _of_cifar100(root: Path) -> list[str]:
    from torchvision.datasets import CIFAR100

    return [name.replace("_", " ") for name in CIFAR100(str(root), train=False).classes]


def _of_folders(layout: image_folders.Layout, root: Path) -> list[str]:
    """Names of the folders of classes; none if they are gone, as they may be once images are decoded."""
    train = layout.folder(root) / "train"
    if not os.path.lexists(train):
        LOG.info("`%s` is not there, so classes are called by their numbers", train)
        return []
    return image_folders.class_names(train)
