"""What a study's page links: its figures and its tables, by paths below the page's folder.

The rule of the page asks for these files, so that no link of it is dead. The page of a study in which runs have failed
links those that are there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..catalogue import stages
from ..figures import catalogue
from ..figures.entry import Entry
from ..records import declared
from .template import ALL_PAGES, SHOWN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..catalogue.paths import Paths
    from ..config.runs import Replicate, Run
    from ..config.study import Study
    from ..storage.origin import Record

FOREST, GRID = "findings", "cka-grid"


@dataclass(frozen=True)
class Figure:
    """A figure of the study or of a run.

    Attributes:
        name: in the catalogue.
        entry: its texts.
        files: format -> path.
    """

    name: str
    entry: Entry
    files: dict[str, str]


def figures_of_study(study: Study, paths: Paths) -> list[Figure]:
    """The figures of the study that ``rule all`` draws, in the study's formats, the one that is shown, and as a PDF."""
    entries, formats = catalogue.of_study(study), dict.fromkeys([*study.figures.formats, SHOWN, ALL_PAGES])
    return [
        Figure(name, entries[name], {extension: paths.figure(name, extension) for extension in formats})
        for name in catalogue.drawn_of_study(study)
    ]


def figures_of_run(study: Study, paths: Paths, run: Run) -> list[Figure]:
    """The figures of a run that ``rule all`` draws of it."""
    entries, formats = catalogue.of_run(study), study.figures.formats
    return [
        Figure(name, entries[name], {extension: paths.figure(name, extension, run.path) for extension in formats})
        for name in catalogue.drawn_of_run(study, run)
    ]


def files(study: Study) -> list[Record]:
    """The files that ``rule all`` makes, except figures and those that whoever needs the disk may delete."""
    made = stages.by_default(study.left_out)
    return [record for record in declared() if record.stage in made and record.path not in stages.LARGE]


def owners(study: Study, record: Record) -> Sequence[Run] | Sequence[Replicate] | list[None]:
    """The runs or seeds of which each has such a file; None for the study."""
    of: dict[str, Sequence[Run] | Sequence[Replicate] | list[None]] = {
        "run": study.runs, "seed": study.replicates, "study": [None],
    }  # fmt: skip
    return of[record.scope]


def place(paths: Paths, record: Record, owner: Run | Replicate | None) -> str:
    """The path of a file."""
    path: str = record.path(paths, *([] if owner is None else [owner.path]))
    return path


def first_missing(study: Study, paths: Paths, run: Run) -> str | None:
    """The first stage of which a run lacks a file; None if it has all of them."""
    recorded = study.recorded(run.optimizer) is not None
    for record in files(study):
        if record.scope == "run" and not Path(place(paths, record, run)).exists():
            return "record" if recorded and record.stage == "train" else record.stage
    return None
