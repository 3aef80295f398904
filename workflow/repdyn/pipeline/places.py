"""Find folders in the place of a study's files, and files in the place of its folders.

Snakemake accepts a folder as the file that it wants, so that nothing is made, and ends with a traceback at a file in a
folder's place. Time: that of listing the results.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterator
from pathlib import PurePath

from ..catalogue.factors import FACTORS
from ..catalogue.paths import Paths
from ..errors import RepdynError

_ENDINGS = (".parquet", ".safetensors", ".html", ".png", ".svg", ".pdf", ".gif", ".log")
_PARTITIONS = tuple(f"{name}=" for name in (*FACTORS, "seed"))


def check(paths: Paths) -> None:
    """Look through the results of a study, except training's state.

    Raises:
        RepdynError: if a folder is in a file's place or a file in a folder's; names it.
    """
    folders = set(_folders())
    for entry in _entries(paths.root):
        place, is_partition = os.path.relpath(entry.path, paths.root), entry.name.startswith(_PARTITIONS)
        if entry.is_dir():
            # The logs of a run's figure lie in a folder of its name, `logs/figures/cka.png`.
            endings = (".log",) if place.startswith("logs/") else _ENDINGS
            if entry.name.endswith(endings) and not is_partition:
                raise RepdynError(f"`{entry.path}` is a folder, but a file is to be there; move the folder away.")
        elif place in folders or (is_partition and not entry.name.endswith(".log")):  # a run's log is `seed=0.log`
            what = "a link that leads nowhere" if entry.is_symlink() else "a file"
            raise RepdynError(f"`{entry.path}` is {what}, but a folder is to be there; move it away.")


def _folders() -> Iterator[str]:
    """The folders of a study above those of its runs."""
    names = {"name": "name", "extension": "png", "stage": "stage", "run": "arch=", "seed": "seed=", "step": 0}
    for method in vars(Paths).values():
        if inspect.isfunction(method) and not method.__name__.startswith("_"):
            given = {key: names[key] for key in inspect.signature(method).parameters if key in names}
            path = PurePath(method(Paths(""), **given).lstrip("/"))
            yield from map(str, path.parents)


def _entries(folder: str) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                yield entry
                if entry.is_dir(follow_symlinks=False) and entry.name not in ("state", "study"):
                    yield from _entries(entry.path)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return  # not there yet, gone meanwhile, or an error that the job writing into it will report
