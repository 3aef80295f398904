"""Folders of image files as data sets: their files, classes and order.

    train/CLASS/…                        any depth below the class, such as Tiny ImageNet's CLASS/images
    val/val_annotations.txt, val/images  each line a file's name and its class: Tiny ImageNet's
    test/CLASS/… or val/CLASS/…          otherwise; test where both have classes

Classes are numbered in the order of their folders' names, and images follow the order of theirs, both byte by byte, the
same in every locale and on every disk. An image is a regular file, or a link to one, with an ending of ``pixels.py``.
Names that begin with a dot, and ``__MACOSX``, are not data. Links to folders are followed. Other files are left out and
counted.

``contents.py`` digests the files, ``decoded.py`` decodes them.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import RepdynError, named, no_access
from .pixels import ENDINGS

Listing = list[tuple[str, int]]  # paths of files and their classes; strings, since there may be a million
PARTS = ("train", "test")
ANNOTATIONS = "val_annotations.txt"
KINDS = 8  # kinds of left-out files that a remark lists


@dataclass(frozen=True)
class Layout:
    """An image folder as the config, or a published data set, describes it.

    Attributes:
        path: the folder, relative to where data sets lie.
        classes: the expected number of classes.
        channels: 3 for colour, 1 for grey.
        size: the side that images are scaled to, in pixels.
        origin: how to get the folder, for the message that it is missing.
    """

    path: str
    classes: int
    channels: int
    size: int
    origin: str = ""

    def folder(self, root: Path) -> Path:
        """Where the images lie."""
        return root / self.path

    def store(self, root: Path) -> Path:
        """Where digests and decoded images lie."""
        folder = self.folder(root).absolute()
        return folder.with_name(f"{folder.name}-{self.channels}x{self.size}")


@dataclass
class Found:
    """The files of an image folder.

    Attributes:
        folder: the folder.
        parts: part -> its files with their classes, in order.
        left_out: kind of file -> number of files that are not data.
        unused: folders that have images but are not used.
    """

    folder: Path
    parts: dict[str, Listing] = field(default_factory=dict)
    left_out: Counter[str] = field(default_factory=Counter)
    unused: list[Path] = field(default_factory=list)

    def name(self, file: str) -> bytes:
        """A file's path below the folder."""
        return os.fsencode(file.removeprefix(str(self.folder / "_")[:-1]))

    def remarks(self) -> list[str]:
        """Sentences about what is left out."""
        said = [f"`{named(folder)}` is not used" for folder in self.unused]
        if self.left_out:
            count, kinds = self.left_out.total(), self.left_out.most_common(KINDS)
            others = count - sum(number for _, number in kinds)
            listed = [f"{number:,} {kind}" for kind, number in kinds] + [f"{others:,} of other kinds"] * (others > 0)
            said.append(f"left out {count:,} file{'s' * (count > 1)} under `{named(self.folder)}`: {', '.join(listed)}")
        return said


def listing(layout: Layout, root: Path) -> Found:
    """List the files of training and test part, with their classes.

    Raises:
        RepdynError: if the folder is not laid out as it should be.
    """
    found = Found(layout.folder(root))
    train = found.folder / "train"
    try:
        if not train.is_dir():
            raise RepdynError(f"There is no folder `{train}`, with a folder of images for each class{layout.origin}.")
        names = [entry.name for entry in _classes(train)]
        if len(names) != layout.classes:
            raise RepdynError(
                f"`{named(train)}` has {len(names)} folders, but there should be {layout.classes}, one a class."
            )
        found.parts["train"] = _by_class(train, names, found.left_out)
        found.parts["test"] = _testing(found, names)
    except OSError as error:
        raise no_access(error.filename or train, error) from None
    return found


def class_names(part: Path) -> list[str]:
    """The names of the folders of a part, which are its classes, in order.

    Raises:
        RepdynError: if it cannot be read.
    """
    try:
        return [named(entry.name) for entry in _classes(part)]
    except OSError as error:
        raise no_access(part, error) from None


def _testing(found: Found, names: Sequence[str]) -> Listing:
    val, test = found.folder / "val", found.folder / "test"
    if (val / ANNOTATIONS).is_file():
        return _annotated(val, names, found.left_out)
    parts = [part for part in (test, val) if part.is_dir() and {entry.name for entry in _classes(part)} & set(names)]
    if parts:
        found.unused += parts[1:]
        return _by_class(parts[0], names, found.left_out)
    raise RepdynError(
        f"`{named(found.folder)}` has no images for testing: neither `val/{ANNOTATIONS}`, nor folders of the classes "
        "in `test` or `val`."
    )


def _entries(folder: Path) -> list[os.DirEntry[str]]:
    """The entries of a folder, in order."""
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: os.fsencode(entry.name))


def _is_hidden(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is not data but left behind by an editor, a file manager or an archiver."""
    return entry.name.startswith(".") or entry.name == "__MACOSX"


def _classes(part: Path) -> list[os.DirEntry[str]]:
    return [entry for entry in _entries(part) if entry.is_dir() and not _is_hidden(entry)]


def _images(folder: Path, left_out: Counter[str], above: tuple[tuple[int, int], ...] = ()) -> Iterator[str]:
    """The images at any depth below a folder, in order.

    Args:
        folder: where to look.
        left_out: counts files that are not images.
        above: device and inode of the folders on the way to it.
    """
    status = folder.stat()
    here = (status.st_dev, status.st_ino)
    if here in above:
        raise RepdynError(f"`{named(folder)}` is a link to a folder that it lies in; remove it.")
    for entry in _entries(folder):
        ending = "".join(entry.name.lower().rpartition(".")[1:]) if "." in entry.name else ""
        if _is_hidden(entry):
            left_out["hidden"] += 1
        elif entry.is_dir():
            yield from _images(Path(entry.path), left_out, (*above, here))
        elif ending not in ENDINGS:
            left_out[named(ending) or "without ending"] += 1
        elif entry.is_file():
            yield entry.path
        else:
            what = "a link to nothing" if entry.is_symlink() else "a pipe, a socket or a device"
            raise RepdynError(f"`{named(entry.path)}` has the name of an image and is {what}; remove it.")


def _by_class(part: Path, names: Sequence[str], left_out: Counter[str]) -> Listing:
    there = {entry.name for entry in _classes(part)}
    strangers = sorted(there - set(names), key=os.fsencode)
    if strangers:
        stranger = named(strangers[0])
        raise RepdynError(f"`{named(part)}` has a folder `{stranger}`, but `train` has no such class.")
    for entry in _entries(part):
        if entry.name not in there:
            left_out["hidden" if _is_hidden(entry) else "beside the folders of the classes"] += 1
    found: Listing = []
    for label, name in enumerate(names):
        files = list(_images(part / name, left_out)) if name in there else []
        if not files:
            raise RepdynError(f"`{named(part / name)}` has no images; every class needs some.")
        found += [(file, label) for file in files]
    return found


def _annotated(part: Path, names: Sequence[str], left_out: Counter[str]) -> Listing:
    """List Tiny ImageNet's validation part; a file gives name, class and bounding box, separated by tabs."""
    labels = {os.fsencode(name): label for label, name in enumerate(names)}
    images = part / "images"
    there = {os.fsencode(file.removeprefix(f"{images}/")): file for file in _images(images, left_out)}
    found: Listing = []
    for number, line in enumerate((part / ANNOTATIONS).read_bytes().splitlines(), start=1):
        name, _, rest = line.partition(b"\t")
        label = labels.get(rest.split(b"\t")[0])
        if name not in there or label is None:
            raise RepdynError(
                f"`{named(part / ANNOTATIONS)}`, line {number}: '{named(os.fsdecode(line))}' must begin with the name "
                "of an image in `images`, each once, and a class that `train` has, with a tab between."
            )
        found.append((there.pop(name), label))
    if there:
        left_out["without a class in val_annotations.txt"] += len(there)
    return sorted(found, key=lambda image: os.fsencode(image[0]).split(b"/"))
