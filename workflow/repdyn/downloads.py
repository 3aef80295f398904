"""Data sets that others publish: scikit-learn's digits, and what torchvision downloads and checks.

Files lie where torchvision puts them. What is missing is downloaded into a folder beside and moved, file by file, so
that a killed download leaves nothing that looks whole; a lock makes one process download where several start at once.
MNIST and its relatives are read gzipped, too, so that a read-only folder of them will do.
"""

from __future__ import annotations

import gzip
import socket
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from filelock import FileLock

from .errors import RepdynError
from .images import Stored
from .progress import LOG

Array = np.ndarray[Any, np.dtype[Any]]
Parts = tuple[Stored, Stored | None]
TIMEOUT = 60.0  # seconds without an answer after which a server is given up


def read_digits(_: Path) -> Parts:
    """scikit-learn's 1,797 digits of 8 × 8, which it ships, with integers from 0 to 16."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Stored(digits.images[:, None].astype(np.uint8), digits.target.astype(np.int64)), None


def read_mnist(name: str, root: Path) -> Parts:
    """MNIST or a data set in its format; ``name`` is torchvision's class."""
    from torchvision import datasets

    folder = Path(name, "raw")
    files = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]

    def lacking() -> list[str]:
        return [file for file in files if not _either(root / folder / file).is_file()]

    def download(there: Path) -> None:
        getattr(datasets, name)(str(there), download=True)

    _fetch(name, root, lacking, download, [folder / file for file in files], f"gzipped or not, into `{root / folder}`")
    arrays = [_read_idx(_either(root / folder / file)) for file in files]
    train, test = (Stored(arrays[i][:, None], arrays[i + 1].astype(np.int64)) for i in (0, 2))
    return train, test


def read_cifar(name: str, root: Path) -> Parts:
    """CIFAR-10 or CIFAR-100; ``name`` is torchvision's class."""
    from torchvision import datasets

    cifar = getattr(datasets, name)
    files = [Path(cifar.base_folder, file) for file, _ in (*cifar.train_list, *cifar.test_list)]
    files.append(Path(cifar.base_folder, cifar.meta["filename"]))

    def lacking() -> list[str]:
        return [] if all((root / file).is_file() for file in files) else [cifar.filename]

    def download(there: Path) -> None:
        if (root / cifar.filename).is_file():
            (there / cifar.filename).symlink_to((root / cifar.filename).resolve())
        cifar(str(there), download=True)

    _fetch(name, root, lacking, download, files, f"or what it holds, into `{root}`")
    with _damage_named(root / cifar.base_folder):
        parts = [cifar(str(root), train=train) for train in (True, False)]
    train, test = (Stored(part.data.transpose(0, 3, 1, 2), np.array(part.targets, dtype=np.int64)) for part in parts)
    return train, test


def read_svhn(root: Path) -> Parts:
    """Street View House Numbers, cropped digits, without the extra images."""
    from torchvision.datasets import SVHN

    files = [SVHN.split_list[split][1] for split in ("train", "test")]

    def lacking() -> list[str]:
        return [file for file in files if not (root / file).is_file()]

    def download(there: Path) -> None:
        for split in ("train", "test"):
            SVHN(str(there), split, download=True)

    _fetch("SVHN", root, lacking, download, [Path(file) for file in files], f"into `{root}`")
    with _damage_named(root / files[0]):
        parts = [SVHN(str(root), split) for split in ("train", "test")]
    train, test = (Stored(part.data, part.labels) for part in parts)
    return train, test


def _fetch(
    name: str,
    root: Path,
    lacking: Callable[[], Sequence[str]],
    download: Callable[[Path], None],
    files: Sequence[Path],
    place: str,
) -> None:
    """Make sure that a data set's files are there.

    Args:
        name: what the data set is called.
        root: where data sets lie.
        lacking: asks for the names of files that are not there.
        download: puts the data set into an empty folder, as it would into ``root``.
        files: what of it is wanted, relative to that folder.
        place: where a person would put what is lacking, for the message.

    Raises:
        RepdynError: if files are lacking and cannot be downloaded.
    """
    if not lacking():
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
        with FileLock(root / f".{name}.lock"):
            if not lacking():  # another process has been at it meanwhile
                return
            LOG.info("downloading %s into %s", name, root)
            with TemporaryDirectory(dir=root, prefix=f".{name}.") as temporary, _timeout():
                download(Path(temporary))
                for file in files:
                    (root / file).parent.mkdir(parents=True, exist_ok=True)
                    Path(temporary, file).replace(root / file)
    except (RuntimeError, OSError) as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1].strip(" .:")
        raise RepdynError(
            f"The data set {name} is not whole under `{root}` and cannot be downloaded ({reason}); put "
            f"{', '.join(lacking())}, {place}."
        ) from None


@contextmanager
def _timeout() -> Iterator[None]:
    """A limit on how long a connection may be silent; urllib has none of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


@contextmanager
def _damage_named(path: Path) -> Iterator[None]:
    """Turn what torchvision says of a wrong checksum into a sentence for the user."""
    try:
        yield
    except RuntimeError as error:
        reason = str(error).split(". You can use")[0]
        raise RepdynError(f"`{path}` is damaged ({reason}); delete it, and it is downloaded again.") from None


def _either(path: Path) -> Path:
    """A file, or its gzipped form where only that is there."""
    zipped = path.with_name(f"{path.name}.gz")
    return zipped if zipped.is_file() and not path.is_file() else path


def _read_idx(path: Path) -> Array:
    """An array of bytes in the IDX format of MNIST: two zeros, 8 for bytes, dimensions, their sizes, the bytes."""
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from None
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise _damaged(path, "no IDX file of bytes")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").tolist())
    if len(shape) != dimensions or len(content) - start != np.prod(shape):
        raise _damaged(path, f"{len(content)} bytes do not hold {shape}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _damaged(path: Path, reason: str) -> RepdynError:
    return RepdynError(f"`{path}` is damaged ({reason}); delete it, and it is downloaded again.")
