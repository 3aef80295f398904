"""Read what studies found from their folders of results alone: the tables say what made them."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..catalogue.claims import CLAIMS
from ..catalogue.paths import Paths
from ..catalogue.scores import SCORES
from ..errors import RepdynError, named
from ..records.findings import FINDINGS
from ..storage import tables
from ..storage.files import damaged
from ..storage.origin import Metadata, Origin, metadata_of

Row = Mapping[Hashable, Any]
SETTINGS = {"archs", "optimizers", "seeds", "data", "findings"}  # the settings of findings that are compared


@dataclass(frozen=True)
class Found:
    """What a study found.

    Attributes:
        name: of the study, from its folder; with folders before it where two studies have one name.
        rows: the primary rows of its findings, column -> value, None for null.
        settings: the hyperparameters that its findings were made with.
        code: the digest of the code that made them.
        versions: of the packages beneath.
    """

    name: str
    rows: Sequence[Row]
    settings: Metadata
    code: str
    versions: Mapping[str, str]

    @property
    def seeds(self) -> list[int]:
        """Its replicates."""
        return list(self.settings["seeds"])


def names_of(folders: Sequence[Path]) -> list[str]:
    """The name of each study: its folder's, or as many of the last parts of its path as tell it from the others.

    Raises:
        RepdynError: if a folder comes twice.
    """
    parts = [Path(os.path.realpath(folder)).parts for folder in folders]
    for i, path in enumerate(parts):
        if path in parts[:i]:
            raise RepdynError(f"The study `{named(folders[i])}` comes twice.")
    names = []
    for path in parts:
        length = 1
        while sum(other[-length:] == path[-length:] for other in parts) > 1:
            length += 1
        names.append(named("/".join(path[-length:])))
    return names


def read(folder: Path, name: str) -> Found:
    """Read the findings of a study.

    Args:
        folder: its folder of results.
        name: what it is called.

    Raises:
        RepdynError: if the folder is none, or has no findings, or those of another version of repdyn.
    """
    path, shown = Path(Paths(str(folder)).findings()), named(folder)
    if not folder.is_dir():
        what = f"`{shown}` is a file" if folder.exists() else f"There is no folder `{shown}`"
        raise RepdynError(f"{what}; name a study by its folder of results, as in `results/digits`.")
    if not path.exists():
        raise RepdynError(
            f"`{shown}` has no findings of a study; `snakemake --cores all --configfile CONFIG -- {named(path)}` makes "
            "them, where CONFIG is the study's YAML file."
        )
    table = tables.read(path)
    metadata = metadata_of(path, (table.schema.metadata or {}).get(tables.KEY))
    Origin(FINDINGS, None, {}).check_place(path, metadata)
    FINDINGS.check_schema(path, table.schema)
    rows = [row for row in table.to_pylist() if row["primary"]]
    _check_names(path, rows)
    settings = metadata.get("hyperparameters")
    if not isinstance(settings, dict) or not settings.keys() >= SETTINGS or not metadata.keys() >= {"code", "versions"}:
        raise damaged(path, "its metadata do not say what made it")
    return Found(name, rows, settings, metadata["code"], metadata["versions"])


def _check_names(path: Path, rows: Sequence[Row]) -> None:
    """Raise a RepdynError if a claim or a score is one of another version of repdyn."""
    for what, known in (("claim", CLAIMS), ("score", SCORES)):
        for name in (row[what] for row in rows):
            if name is not None and name not in known:
                raise RepdynError(
                    f"`{path}` has the {what} `{name}`, which this version of repdyn does not have; run the study "
                    "again, or compare with the version that made it."
                )
