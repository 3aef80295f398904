"""What is in an image folder: a digest of its files' names, classes and bytes, by which a study knows its data.

A part's digest is over its files in order, each with its path below the folder, its class and the SHA-256 of its bytes;
the folder's is that of the training part and that of the test part. Digests of files are kept beside the folder, each
with size, times of change and inode of the file, so that a second look reads no images. As in git's index, nothing is
kept of a file that changed so shortly before it was read that a further change might not show in its times. What is
kept has a checksum: damaged, it is worked out anew.

Time: that of reading all images, once; later about two seconds for 100,000 files on a local disk.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile

from ..errors import RepdynError, no_access
from ..runtime.progress import track
from ..storage import locks
from ..storage.files import atomic, checksum
from .image_folders import PARTS, Found, Layout, listing

KEPT = "files"  # name of the file in which digests are kept
SLACK = 3 * 10**9  # nanoseconds by which times of change may be off: FAT's tick is two seconds
Stamp = tuple[int, int, int, int]  # size, times of change of content and of entry, inode


@dataclass(frozen=True)
class Contents:
    """What is in an image folder.

    Attributes:
        found: its files.
        digests: part -> SHA-256 of each of its files, in order, in hexadecimal.
        parts: part -> its digest, 16 hexadecimal digits.
    """

    found: Found
    digests: Mapping[str, list[str]]
    parts: Mapping[str, str]

    def __str__(self) -> str:
        return "-".join(self.parts[part] for part in PARTS)


@dataclass(frozen=True)
class _Kept:
    """What is kept beside a folder: what was in it last time, and name -> stamp and digest of a file."""

    contents: str | None = None
    files: dict[str, tuple[Stamp, str]] = field(default_factory=dict)

    def lacks(self, stamps: Mapping[str, Stamp]) -> list[str]:
        """The names of files that have changed, or are new."""
        return [name for name, stamp in stamps.items() if name not in self.files or self.files[name][0] != stamp]


def look(layout: Layout, root: Path) -> Contents:
    """What is in an image folder now.

    Raises:
        RepdynError: if something about the folder is wrong, or a file cannot be read.
    """
    found, store = listing(layout, root), layout.store(root)
    # A letter for each byte: the same in every locale, and JSON holds it.
    names = {part: [found.name(file).decode("latin-1") for file, _ in found.parts[part]] for part in PARTS}
    files = {name: file for part in PARTS for name, (file, _) in zip(names[part], found.parts[part], strict=True)}
    stamps = {name: _stamp(file) for name, file in files.items()}
    kept = _read(store)
    with _locked(store) if kept.lacks(stamps) else nullcontext():
        if kept.lacks(stamps):
            kept = _read(store)  # another process may have been at it meanwhile
        lacking = kept.lacks(stamps)
        now = _clock(store) if lacking else 0
        fresh = {name: (stamps[name], _digest(files[name])) for name in track(lacking, len(lacking), "file")}
        known = {name: fresh[name] if name in fresh else kept.files[name] for name in files}
        digests = {part: [known[name][1] for name in names[part]] for part in PARTS}
        parts = {part: _of_part(names[part], found, part, digests[part]) for part in PARTS}
        contents = Contents(found, digests, parts)
        lasting = {name for name, (stamp, _) in fresh.items() if max(stamp[1:3]) < now - SLACK}
        if lasting or str(contents) != kept.contents:
            entries = {name: entry for name, entry in known.items() if name not in fresh or name in lasting}
            _write(store, _Kept(str(contents), entries))
    return contents


def last(layout: Layout, root: Path) -> str | None:
    """What was in a folder when it was last looked at; None where that is not kept."""
    return _read(layout.store(root)).contents


def _stamp(file: str) -> Stamp:
    try:
        status = os.stat(file)  # noqa: PTH116  a path for each of a million files takes as long as all the rest
    except OSError as error:
        raise no_access(file, error) from None
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _digest(file: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    except OSError as error:
        raise no_access(file, error) from None


def _of_part(names: list[str], found: Found, part: str, digests: list[str]) -> str:
    whole = hashlib.sha256()
    for name, (_, label), digest in zip(names, found.parts[part], digests, strict=True):
        # Lengths first: a name may hold anything but a zero and a slash.
        whole.update(len(name).to_bytes(8, "little") + name.encode("latin-1") + label.to_bytes(8, "little"))
        whole.update(bytes.fromhex(digest))
    return whole.hexdigest()[:16]


@contextmanager
def _locked(store: Path) -> Iterator[None]:
    """One process at a time reads the images; where nothing can be written, each does."""
    with ExitStack() as stack:
        with suppress(OSError):
            store.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locks.alone(store / f".{KEPT}.lock"))
        yield


def _clock(store: Path) -> int:
    """Now, in nanoseconds, by the clock that stamps files there, or by this machine's, whichever is behind."""
    try:
        with TemporaryFile(dir=store) as file:
            return min(time.time_ns(), os.fstat(file.fileno()).st_mtime_ns)
    except OSError:
        return 0


def _read(store: Path) -> _Kept:
    """What is kept; nothing where it is damaged."""
    try:
        known_sum, content = (store / KEPT).read_bytes().split(b"\n", 1)
        if int(known_sum) != checksum([content]):
            return _Kept()
        kept = json.loads(content)
        return _Kept(kept["contents"], {name: ((*stamp,), digest) for name, (*stamp, digest) in kept["files"].items()})
    except (OSError, ValueError, KeyError):
        return _Kept()


def _write(store: Path, kept: _Kept) -> None:
    files = {name: [*stamp, digest] for name, (stamp, digest) in kept.files.items()}
    content = json.dumps({"contents": kept.contents, "files": files}).encode()
    # Where nothing can be written, the images are read again next time.
    with suppress(OSError, RepdynError), atomic(store / KEPT) as temporary:
        temporary.write_bytes(f"{checksum([content])}\n".encode() + content)
