"""Locate a module without importing it, and tell whose it is: Python's own, installed, or the user's.

Jobs search modules where Python does, and only then in the study's own folders: beside its config, and in the working
directory. So a file called ``types.py`` or ``torch.py`` there shadows nothing.

A module counts as installed if it lies in any folder ``site-packages`` or ``dist-packages`` (an environment's, a
user's, Debian's, a cluster's), in a folder that a ``.pth`` file adds to the path, or in a distribution's record. A
project installed in editable mode (``pip install --editable``) is the user's.
"""

from __future__ import annotations

import json
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path
from typing import Literal

Whose = Literal["Python's", "installed", "user's"]
_SITES = frozenset({"site-packages", "dist-packages"})
_TAKEN: list[str] = []
_EDITED = ("easy-install.pth", "conda.pth")  # of `setup.py develop` and `conda develop`


@dataclass(frozen=True)
class Found:
    """A module that was found.

    Attributes:
        name: its full name.
        whose: whether it is Python's own, installed, or the user's.
        file: its file, perhaps within a zip file; None if it has none.
        folders: where a package's modules are searched; None if it is not a package.
        content: its file's bytes, if it is the user's.
    """

    name: str
    whose: Whose
    file: str | None
    folders: tuple[str, ...] | None
    content: bytes | None = None

    @property
    def is_followed(self) -> bool:
        """Whether its imports and submodules may be the user's: if it is itself, or is a namespace package."""
        return self.whose == "user's" or (self.file is None and self.folders is not None)

    @property
    def is_source(self) -> bool:
        """Whether its file is Python source, rather than compiled."""
        return self.file is not None and self.file.endswith((".py", ".pyw"))

    @property
    def package(self) -> str:
        """Where its relative imports start from."""
        return self.name if self.folders is not None else self.name.rpartition(".")[0]


def own_folders(folders: Iterable[str | Path]) -> list[str]:
    """A study's own folders, resolved: the given ones in order, then the working directory."""
    return list(dict.fromkeys(os.path.realpath(folder) for folder in (*folders, Path.cwd())))


def search_path(own: Sequence[str]) -> list[str]:
    """Python's path with the study's own folders, from :func:`own_folders`, at its end."""
    return [entry for entry in sys.path if os.path.realpath(entry) not in own] + list(own)


def take_in(folders: Iterable[str | Path]) -> None:
    """Let this process import a study's own modules, from the given folders and the working directory."""
    _TAKEN[:] = own_folders(folders)
    sys.path[:] = search_path(_TAKEN)


def taken() -> tuple[str, ...]:
    """The study's own folders that this process imports from."""
    return tuple(_TAKEN)


def find(name: str, own: Sequence[str]) -> Found | None:
    """Find a module as a job of a study with these own folders would; None if there is none."""
    top, *rest = name.split(".")
    for finder in (BuiltinImporter, FrozenImporter):
        if finder.find_spec(top) is not None:
            return Found(top, "Python's", None, None)
    spec, entry = _spec(top, search_path(own))
    spec = _asked_of_others(top) if spec is None else spec
    full = top
    for part in rest:
        folders = None if spec is None else spec.submodule_search_locations
        if folders is None:
            return None
        full = f"{full}.{part}"
        spec, _ = _spec(full, list(folders))
    return None if spec is None else _found(spec, entry, own)


def stands_behind(top: str, own: Sequence[str]) -> str | None:
    """The file of a top-level module in the study's own folders that another one shadows; None if none does."""
    found = find(top, own)
    if found is None or found.whose == "user's":
        return None
    places = [Path(folder, *parts) for folder in own for parts in ((top, "__init__.py"), (f"{top}.py",))]
    files = [file for file in places if file.is_file()]
    is_it = found.file is not None and any(file.samefile(found.file) for file in files)
    return None if is_it or not files else str(files[0])


def _asked_of_others(name: str) -> ModuleSpec | None:
    """Ask the finders of other packages, such as those for editable installs; Python asks them last."""
    for finder in sys.meta_path:
        if finder not in (BuiltinImporter, FrozenImporter, PathFinder):
            try:
                spec = finder.find_spec(name, None)
            except Exception:  # a finder may raise anything; Python reports it on import
                continue
            if spec is not None:
                return spec
    return None


def _spec(name: str, path: Iterable[str]) -> tuple[ModuleSpec | None, str | None]:
    """The spec from Python's ``PathFinder``, and the path entry where it lies; works in unimported packages, too."""
    portions: list[str] = []
    for entry in path:
        finder = pkgutil.get_importer(entry)
        spec = None if finder is None else finder.find_spec(name)
        if spec is None:
            continue
        if spec.loader is not None:
            return spec, entry
        portions.extend(spec.submodule_search_locations or [])
    if not portions:
        return None, None
    spec = ModuleSpec(name, None)
    spec.submodule_search_locations = portions
    return spec, None


def _found(spec: ModuleSpec, entry: str | None, own: Sequence[str]) -> Found:
    folders = None if spec.submodule_search_locations is None else tuple(spec.submodule_search_locations)
    file = spec.origin if spec.has_location else None
    place = file or (folders[0] if folders else None)
    whose = "Python's" if place is None else _whose(place, entry, spec.name.partition(".")[0], own)
    loader = spec.loader if file is not None and whose == "user's" else None
    content = None if loader is None else loader.get_data(file)  # type: ignore[attr-defined]
    return Found(spec.name, whose, file, folders, content)


def _whose(place: str, entry: str | None, top: str, own: Sequence[str]) -> Whose:
    path = Path(place)
    if not _SITES.isdisjoint(path.parts):
        return "installed"
    if entry in own:
        return "user's"
    if any(path.is_relative_to(folder) for folder in _standard_library()):
        return "Python's"
    if entry is not None and (os.path.realpath(entry) in _added() or _is_recorded(top, entry)):
        return "installed"
    return "user's"


@cache
def _standard_library() -> tuple[str, ...]:
    return tuple(sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib"))


@cache
def _added() -> frozenset[str]:
    """Folders that ``.pth`` files add to the path, except those of editable installs."""
    found = set[str]()
    for site in filter(os.path.isdir, {entry for entry in sys.path if Path(entry).name in _SITES}):
        edited = {*_EDITED, *_edited(site)}
        for file in Path(site).glob("*.pth"):
            if file.name not in edited and not file.name.startswith("__editable__"):
                lines = file.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
                found.update(os.path.realpath(Path(site, line.strip())) for line in lines if line.strip())
    return frozenset(found)


def _edited(site: str) -> Iterator[str]:
    """Names of the ``.pth`` files of editable installs."""
    for distribution in metadata.distributions(path=[site]):
        try:
            is_edited = json.loads(distribution.read_text("direct_url.json") or "{}")["dir_info"]["editable"]
        except (KeyError, TypeError, ValueError):
            continue
        if is_edited:
            yield from (Path(line.partition(",")[0]).name for line in _record(distribution) if ".pth" in line)


def _is_recorded(top: str, entry: str) -> bool:
    """Whether the record of a distribution in a path entry lists a module."""
    for distribution in metadata.distributions(path=[entry]):
        for line in _record(distribution):
            if line.startswith((f"{top}/", f"{top}.")):
                return True
    return False


def _record(distribution: metadata.Distribution) -> list[str]:
    """The files that an installer recorded; none for an ``.egg-info`` that only lies beside its source."""
    return (distribution.read_text("RECORD") or distribution.read_text("installed-files.txt") or "").splitlines()
