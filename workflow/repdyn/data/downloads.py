"""Published data sets: scikit-learn's digits, and those that torchvision downloads and checks.

Files lie where torchvision puts them. Missing files are downloaded into a temporary folder and moved one by one, so a
killed download leaves nothing that looks complete. A lock lets one process download where several start at once.
MNIST and its relatives are read gzipped, too, so that a read-only folder of them suffices.

Every file's MD5 is compared on each reading. For MNIST and Fashion-MNIST it is the MD5 of the unzipped content, whoever
packed it. For KMNIST only the MD5 of the gzipped download is published.
"""

from __future__ import annotations

import gzip
import hashlib
import socket
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from ..errors import RepdynError, no_access
from ..runtime.progress import LOG
from ..storage import locks
from ..types import Array
from .images import Stored

Parts = tuple[Stored, Stored | None]
# MD5 of the unzipped files of MNIST and its relatives, by torchvision's class: training images and labels, test ones.
IDX: dict[str, tuple[str | None, ...]] = {
    "MNIST": (
        "6bbc9ace898e44ae57da46a324031adb",
        "a25bea736e30d166cdddb491f175f624",
        "2646ac647ad5339dbf082846283269ea",
        "27ae3e4e09519cfbb04c329615203637",
    ),
    "FashionMNIST": (
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
        "9018921c3c673c538a1fc5bad174d6f9",
        "8181f5470baa50b63fa0f6fddb340f0a",
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
    "KMNIST": (None, None, None, None),
}
TIMEOUT = 60.0  # seconds to wait for a server's answer


def read_digits(_: Path) -> Parts:
    """scikit-learn's 1,797 digits of 8 × 8 pixels, which come with the package, as integers from 0 to 16."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    return Stored(digits.images[:, None].astype(np.uint8), digits.target.astype(np.int64)), None


def read_mnist(name: str, root: Path) -> Parts:
    """Read MNIST or a data set in its format; ``name`` is torchvision's class."""
    from torchvision import datasets

    folder = Path(name, "raw")
    files = [f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]

    def lacking() -> list[str]:
        return [file for file in files if not _either(root / folder / file).is_file()]

    def download(there: Path) -> None:
        getattr(datasets, name)(str(there), download=True)

    zipped = [folder / f"{file}.gz" for file in files]
    _fetch(name, root, lacking, download, zipped, f"gzipped or not, into `{root / folder}`")
    arrays = [_read_idx(_either(root / folder / file), md5) for file, md5 in zip(files, IDX[name], strict=True)]
    train, test = (Stored(arrays[i][:, None], arrays[i + 1].astype(np.int64)) for i in (0, 2))
    return train, test


def read_cifar(name: str, root: Path) -> Parts:
    """Read CIFAR-10 or CIFAR-100; ``name`` is torchvision's class."""
    from torchvision import datasets

    cifar = getattr(datasets, name)
    known = [*cifar.train_list, *cifar.test_list, (cifar.meta["filename"], cifar.meta["md5"])]
    files = {Path(cifar.base_folder, file): md5 for file, md5 in known}

    def lacking() -> list[str]:
        return [] if all((root / file).is_file() for file in files) else [cifar.filename]

    def download(there: Path) -> None:
        if (root / cifar.filename).is_file():
            (there / cifar.filename).symlink_to((root / cifar.filename).resolve())
        cifar(str(there), download=True)

    _fetch(name, root, lacking, download, list(files), f"or what it holds, into `{root}`")
    for file, md5 in files.items():
        _verify(root / file, md5)
    parts = [cifar(str(root), train=train) for train in (True, False)]
    train, test = (Stored(part.data.transpose(0, 3, 1, 2), np.array(part.targets, dtype=np.int64)) for part in parts)
    return train, test


def read_svhn(root: Path) -> Parts:
    """Read Street View House Numbers: cropped digits, without the extra images."""
    from torchvision.datasets import SVHN

    files = {file: md5 for _, file, md5 in (SVHN.split_list[split] for split in ("train", "test"))}

    def lacking() -> list[str]:
        return [file for file in files if not (root / file).is_file()]

    def download(there: Path) -> None:
        for split in ("train", "test"):
            SVHN(str(there), split, download=True)

    _fetch("SVHN", root, lacking, download, [Path(file) for file in files], f"into `{root}`")
    for file, md5 in files.items():
        _verify(root / file, md5)
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
    """Download a data set's files if any is missing.

    Args:
        name: the data set's name.
        root: where data sets lie.
        lacking: returns the names of missing files.
        download: downloads the data set into an empty folder, laid out as in ``root``.
        files: the files to move, relative to that folder.
        place: where to put missing files by hand, for the message.

    Raises:
        RepdynError: if files are missing and cannot be downloaded.
    """
    if not lacking():
        return
    try:
        root.mkdir(parents=True, exist_ok=True)
        with locks.alone(root / f".{name}.lock"):
            if not lacking():  # another process has downloaded them meanwhile
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
    """Limit how long a connection may be silent; urllib sets no limit."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


def _verify(path: Path, md5: str) -> None:
    """Compare a file's checksum; torchvision's own check does not name the file."""
    found = _md5(_content(path))
    if found != md5:
        raise _damaged(path, f"its MD5 is {found}, and should be {md5}")


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise no_access(path, error) from None


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def _either(path: Path) -> Path:
    """The gzipped form of a file, which has a checksum, if it exists; else the file itself."""
    zipped = path.with_name(f"{path.name}.gz")
    return zipped if zipped.is_file() else path


def _read_idx(path: Path, md5: str | None) -> Array:
    """Read bytes in MNIST's IDX format: two zeros, 8 for bytes, the number of dimensions, their sizes, the bytes.

    Args:
        path: the file, gzipped or not.
        md5: of the unzipped content; None where it is not known.

    Raises:
        RepdynError: if it cannot be read, or is damaged.
    """
    content = _content(path)
    try:
        content = gzip.decompress(content) if path.suffix == ".gz" else content
    except (OSError, EOFError, zlib.error) as error:
        raise _damaged(path, str(error)) from None
    if len(content) < 4 or content[:3] != b"\0\0\x08":
        raise _damaged(path, "it is not an IDX file of bytes")
    dimensions = content[3]
    start = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:start], dtype=">u4").tolist())
    if len(shape) != dimensions or len(content) - start != np.prod(shape):
        raise _damaged(path, f"{len(content)} bytes do not hold {shape}")
    if md5 is None and path.suffix != ".gz":
        LOG.warning("`%s` is read unchecked: a checksum is known only of its gzipped form", path)
    if md5 not in (None, _md5(content)):
        raise _damaged(path, f"the MD5 of what it holds is {_md5(content)}, and should be {md5}")
    return np.frombuffer(content, dtype=np.uint8, offset=start).reshape(shape)


def _damaged(path: Path, reason: str) -> RepdynError:
    return RepdynError(f"`{path}` is damaged ({reason}); delete it, and it is downloaded again.")
