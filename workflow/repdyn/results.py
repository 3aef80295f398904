"""A study's results in a notebook: ``repdyn.load("results/digits")``.

Gives each table as one pandas data frame of all runs, or of some, and what its file says of itself. Tables are read
when they are asked for. Needs the folder of results alone, not the config that made them.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from . import records
from .catalogue.measures import ACTIVATIONS, MEASURES
from .catalogue.paths import Paths
from .config.messages import listed
from .errors import RepdynError, named
from .records.layer_names import RUN
from .storage import tables
from .storage.origin import metadata_of
from .storage.tables import Table

Level = str | int


@cache
def known() -> dict[str, Table]:
    """Every table that a stage writes, by name, in the order of stages."""
    return {table.name: table for table in records.declared() if isinstance(table, Table)}


def load(folder: str | Path) -> Results:
    """The results of a study, from their folder: ``load("results/digits")``.

    Raises:
        RepdynError: if it is no folder, or has no table of a study.
    """
    return Results(folder)


class Results:
    """The tables of a study.

    ``tables`` names those that are there, ``table`` reads one, ``matrix`` turns one layer's similarities into a square,
    and ``about`` says what a table was made with.
    """

    def __init__(self, folder: str | Path) -> None:
        """Look at a folder of results, without reading a table.

        Raises:
            RepdynError: if it is no folder, or has no table of a study.
        """
        self.folder = Path(folder)
        if not self.folder.is_dir():
            what = f"`{named(folder)}` is a file" if self.folder.exists() else f"There is no folder `{named(folder)}`"
            raise RepdynError(f"{what}; name a study by its folder of results, as in `results/digits`.")
        if not self.tables:
            inside = [path for path in sorted(self.folder.iterdir()) if path.is_dir() and _there(path)]
            hint = f"did you mean `{named(inside[0])}`?" if inside else "name one such as `results/digits`."
            raise RepdynError(f"`{named(folder)}` has no tables of a study; {hint}")

    def __repr__(self) -> str:
        return f"Results({str(self.folder)!r}), with tables {', '.join(self.tables)}"

    @property
    def tables(self) -> list[str]:
        """The names of the tables that are there, which are their folders below the study's."""
        return _there(self.folder)

    def table(
        self, name: str, columns: Collection[str] | None = None, **levels: Level | Collection[Level]
    ) -> pd.DataFrame:
        """Read a table of all runs, or of some: one row for each fact, with columns that say of which run it is.

        ``table("cka", arch="vit", seed=[0, 1])`` reads the files of these runs alone.

        Args:
            name: one of ``tables``.
            columns: of the table; by default all. Those of the run are there anyway.
            levels: factor -> its level, or several of them; by default all.

        Raises:
            RepdynError: if there is no such table, column or level, or a file is damaged, or the columns of runs
                differ, as those of ``activations`` do between architectures.
        """
        frames: list[pd.DataFrame] = []
        for path, run in self._files(name, levels):
            found = tables.open_file(path)
            _check_columns(name, columns, found.schema_arrow.names)
            with tables.damage(path):
                part: pd.DataFrame = found.read(columns=None if columns is None else list(columns)).to_pandas()
            for place, (factor, level) in enumerate(run.items()):
                part.insert(place, factor, level)
            if frames and list(part) != list(frames[0]):
                raise RepdynError(
                    f"The columns of `{name}` are not the same in all runs, as layers are not in all architectures; "
                    f"ask for some of them: `table({name!r}, arch={run.get('arch')!r})`."
                )
            frames.append(part)
        return pd.concat(frames, ignore_index=True)

    def matrix(self, measure: str = "cka", **where: Level) -> pd.DataFrame:
        """The similarity of a layer with itself at every two checkpoints, in one run.

        ``matrix("cka", layer="blocks.0", arch="vit", optimizer="sgd", seed=0)``.

        Args:
            measure: one of ``docs/measures.md``, or a measure of one's own that the study has.
            where: the layer, and the factors of the run, of which there are several.

        Returns:
            (E, E), epochs of checkpoints as index and columns.

        Raises:
            RepdynError: if there is no such measure, layer or run, or several; says which.
        """
        entry = MEASURES.get(measure)
        name, column = (entry.table, entry.column) if entry is not None else (ACTIVATIONS, measure)
        frame = self.table(name, None, **{key: level for key, level in where.items() if key != "layer"})
        measures = list(frame)[list(frame).index("epoch_b") + 1 :]  # the columns behind the keys
        if column not in measures:
            raise RepdynError(f"`{named(self.folder)}` has no measure `{measure}`; there are: {listed(measures)}.")
        frame = frame if entry is None else entry.rows(frame)
        if "layer" in where:
            _check_level("layer", [where["layer"]], list(frame["layer"].unique()), name)
            frame = frame[frame["layer"] == where["layer"]]
        for key in [key for key in (*RUN, "layer") if key in frame]:
            several = list(frame[key].unique())
            if len(several) > 1:
                raise RepdynError(
                    f"A matrix is of one layer of one run, and `{key}` is {listed(several)}; say which: "
                    f"`matrix({measure!r}, {key}={several[0]!r}, …)`."
                )
        return frame.pivot(index="epoch_a", columns="epoch_b", values=column)

    def about(self, name: str, **levels: Level | Collection[Level]) -> dict[str, Any]:
        """What the first file of a table, or of some runs of it, says of itself.

        ``units`` (of each column), ``hyperparameters`` (all settings that made it), ``run``, ``stage``, ``code`` (the
        digest of what computed it) and ``versions``.

        Raises:
            RepdynError: if there is no such table or level, or the file is damaged.
        """
        path, _ = next(self._files(name, levels))
        return metadata_of(path, (tables.open_file(path).schema_arrow.metadata or {}).get(tables.KEY))

    def _files(
        self, name: str, levels: Mapping[str, Level | Collection[Level]]
    ) -> Iterator[tuple[Path, dict[str, Level]]]:
        """The files of a table that are of some levels, and of which run each is; raises if there is none."""
        if name not in known():
            close = difflib.get_close_matches(name, known(), n=1)
            hint = f"did you mean `{close[0]}`? There are" if close else "there are"
            raise RepdynError(f"There is no table `{name}`; {hint}: {listed(self.tables)}.")
        runs = {path: _run(path) for path in _paths(self.folder, known()[name])}
        if not runs:
            stage = known()[name].stage
            raise RepdynError(
                f"`{named(self.folder)}` has no `{name}`, which the stage `{stage}` writes; there are: "
                f"{listed(self.tables)}."
            )
        for factor, level in levels.items():
            there = list(dict.fromkeys(run[factor] for run in runs.values() if factor in run))
            if not there:
                factors = list(next(iter(runs.values()))) or ["none, as it is one of the whole study"]
                raise RepdynError(f"`{name}` has no factor `{factor}`; there are: {listed(factors)}.")
            wanted: list[Any] = [level] if pd.api.types.is_scalar(level) else [*level]  # type: ignore[misc]
            _check_level(factor, wanted, there, name)
            runs = {path: run for path, run in runs.items() if run[factor] in wanted}
        if not runs:
            raise RepdynError(f"`{name}` has no run of all these levels together.")
        yield from sorted(runs.items(), key=lambda of: tuple(of[1].values()))


def _paths(folder: Path, table: Table) -> list[Path]:
    """The files of a table."""
    return list(folder.glob(table.path(Paths("."), *([] if table.scope == "study" else ["**"]))))


def _there(folder: Path) -> list[str]:
    return [name for name, table in known().items() if next(iter(_paths(folder, table)), None) is not None]


def _run(path: Path) -> dict[str, Level]:
    """Of which run a file is, from its hive partition."""
    parts = dict(part.split("=", 1) for part in path.parent.parts if part.partition("=")[0] in RUN and "=" in part)
    return {factor: int(parts[factor]) if factor == "seed" else parts[factor] for factor in RUN if factor in parts}


def _check_columns(name: str, wanted: Collection[str] | None, there: list[str]) -> None:
    for column in wanted or []:
        if column not in there:
            raise RepdynError(f"`{name}` has no column `{column}`; there are: {listed(there)}.")


def _check_level(factor: str, wanted: Collection[Level], there: Collection[Level], name: str) -> None:
    for level in wanted:
        if level not in there:
            raise RepdynError(f"`{name}` has no {factor} `{level}`; there are: {listed(there)}.")
