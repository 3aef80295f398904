"""Folders of image files as data sets: Tiny ImageNet's layout, and the plain one.

    train/CLASS/…                        any depth below the class, such as Tiny ImageNet's CLASS/images
    val/val_annotations.txt, val/images  each line a file's name and its class: Tiny ImageNet's
    test/CLASS/… or val/CLASS/…          otherwise; test where both have classes

Classes are numbered in the order of their folders' names, images ordered by theirs. They are decoded once, into a file
of bytes for each part beside the folder, under a lock, so that jobs map it and read the images they need. Its name
holds a digest of the images' names: a folder with other images is decoded anew. Images of another size are scaled so
that the shorter side fits, by bicubic interpolation, and cropped around the centre (chosen).

Time: a millisecond or less for each small image, once, and a walk through the folders each time. Memory: one image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock

from .errors import RepdynError, one_line
from .files import atomic
from .images import Stored
from .progress import LOG, track

Array = np.ndarray[Any, np.dtype[Any]]
Listing = list[tuple[Path, int]]  # files and their classes
ENDINGS = {".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"}
ANNOTATIONS = "val_annotations.txt"


def read_folder(path: str, classes: int, channels: int, size: int, origin: str, root: Path) -> tuple[Stored, Stored]:
    """Training and test part of a folder of images.

    Args:
        path: the folder, relative to ``root``.
        classes: how many there should be.
        channels: 3 for colour, 1 for grey.
        size: the side that images are brought to.
        origin: where the folder is from, for the message that it is not there.
        root: where data sets lie.

    Raises:
        RepdynError: if something about the folder is wrong.
    """
    folder = root / path
    train, test = listing(folder, classes, origin)
    return _stored(folder, "train", train, channels, size), _stored(folder, "test", test, channels, size)


def listing(folder: Path, classes: int, origin: str = "") -> tuple[Listing, Listing]:
    """The files of training and test part, with their classes.

    Raises:
        RepdynError: if something about the folder is wrong.
    """
    if not (folder / "train").is_dir():
        raise RepdynError(f"There is no folder `{folder / 'train'}`, with a folder of images for each class{origin}.")
    names = _folders(folder / "train")
    if len(names) != classes:
        raise RepdynError(f"`{folder / 'train'}` has {len(names)} folders, but there should be {classes}, one a class.")
    train = _by_class(folder / "train", names)
    if (folder / "val" / ANNOTATIONS).is_file():
        return train, _annotated(folder / "val", names)
    for part in (folder / "test", folder / "val"):
        if part.is_dir() and set(_folders(part)) & set(names):
            return train, _by_class(part, names)
    raise RepdynError(
        f"`{folder}` has no images for testing: neither `val/{ANNOTATIONS}`, nor folders of the classes in `test` or "
        "`val`."
    )


def _folders(part: Path) -> list[str]:
    return sorted(entry.name for entry in part.iterdir() if entry.is_dir())


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def _by_class(part: Path, names: Sequence[str]) -> Listing:
    strangers = sorted(set(_folders(part)) - set(names))
    if strangers:
        raise RepdynError(f"`{part}` has a folder `{strangers[0]}`, which is none of the classes in `train`.")
    found: Listing = []
    for label, name in enumerate(names):
        files = _images(part / name)
        if not files:
            raise RepdynError(f"`{part / name}` has no images; every class needs some.")
        found += [(file, label) for file in files]
    return found


def _annotated(part: Path, names: Sequence[str]) -> Listing:
    """Tiny ImageNet's validation part, whose classes stand in a file: name, class, bounding box, by tabs."""
    labels = {name: label for label, name in enumerate(names)}
    there = {file.name: file for file in _images(part / "images")}
    found: Listing = []
    for number, line in enumerate((part / ANNOTATIONS).read_text().splitlines(), start=1):
        words = line.split("\t")
        if len(words) < 2 or words[0] not in there or words[1] not in labels:
            raise RepdynError(
                f"`{part / ANNOTATIONS}`, line {number}: {line!r} must begin with the name of an image in `images` and "
                "a class that `train` has, with a tab between."
            )
        found.append((there[words[0]], labels[words[1]]))
    return sorted(found)


def _stored(folder: Path, part: str, files: Listing, channels: int, size: int) -> Stored:
    """One part, decoded if that has not been done yet, as a mapped file."""
    names = "\n".join(f"{file.relative_to(folder)}\t{label}" for file, label in files)
    digest = hashlib.sha256(names.encode()).hexdigest()[:16]
    place = folder.with_name(f"{folder.name}-{channels}x{size}")
    path = place / f"{part}-{digest}.npy"
    if not path.is_file():
        try:
            place.mkdir(exist_ok=True)
            with FileLock(place / f".{part}.lock"):
                if not path.is_file():  # another process may have been at it meanwhile
                    for old in place.glob(f"{part}-*.npy"):
                        old.unlink()
                    _decode(files, channels, size, path)
        except OSError as error:
            raise RepdynError(f"`{place}`, for the decoded images, cannot be written: {error.strerror}.") from None
    rows = np.load(path, mmap_mode="r")
    return Stored(rows["image"], np.array(rows["label"]))


def _decode(files: Listing, channels: int, size: int, path: Path) -> None:
    """Write images and labels, row by row."""
    row = np.dtype([("label", np.int64), ("image", np.uint8, (channels, size, size))])
    with atomic(path) as temporary:
        rows = np.lib.format.open_memmap(temporary, mode="w+", dtype=row, shape=(len(files),))
        for i, (file, label) in enumerate(track(files, len(files), "image")):
            rows[i] = (label, _pixels(file, channels, size))
        rows.flush()
    LOG.info("decoded %d images into %s", len(files), path)


def _pixels(file: Path, channels: int, size: int) -> Array:
    """(channels, size, size) bytes."""
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            image = opened.convert("RGB" if channels == 3 else "L")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = one_line(error)
        raise RepdynError(f"`{file}` is not an image that can be read ({reason}).") from None
    if image.size != (size, size):
        image = ImageOps.fit(image, (size, size), method=Image.Resampling.BICUBIC)
    pixels = np.asarray(image)
    return pixels.reshape(size, size, channels).transpose(2, 0, 1)
