"""Where a file comes from: which of the files of a study it is, of which run, at which step, made with what.

A stage declares each file that it writes as a :class:`Record`, in the module of :mod:`repdyn.records` that has the
stage's name. What a file says of its origin, in its metadata, is compared with the :class:`Origin` that the reader
expects, so that a file in another one's place is refused, whatever its settings and columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import RepdynError
from .files import damaged

if TYPE_CHECKING:
    from ..catalogue.counts import Counts
    from ..config.study import Run

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """A file that a stage writes.

    Attributes:
        name: its folder below that of the study, which is how users know it.
        stage: the stage that writes it.
        path: the method of ``Paths`` that says where it lies.
        of_run: whether each run has one, or the study has one.
        settings: whose hyperparameters it is made with, where they are not all of the stage's.
        rows: how many rows a table has in a study, or has a multiple of, where it has as many for each layer or set of
            planes; None where that is not known beforehand.
    """

    name: str
    stage: str
    path: Callable[..., str]
    of_run: bool = True
    settings: str | None = None
    rows: Callable[[Counts], int] | None = None


@dataclass(frozen=True)
class Origin:
    """What a file must say about itself.

    Attributes:
        record: which file it is.
        run: whose, None for one of the study.
        hyperparameters: what it is made with.
        step: the optimizer step, of a checkpoint.
        rows: how many rows it has, or has a multiple of; None asks nothing.
    """

    record: Record
    run: Run | None
    hyperparameters: Metadata
    step: int | None = None
    rows: int | None = None

    def at(self, step: int) -> Origin:
        """The same at an optimizer step."""
        return replace(self, step=step)

    def check(self, path: str | Path, found: Metadata) -> None:
        """Compare with what a file says about itself.

        Raises:
            RepdynError: if it is another file, or was made with other hyperparameters; it names both.
        """
        self.check_place(path, found)
        check_hyperparameters(path, found.get("hyperparameters", {}), self.hyperparameters)

    def check_place(self, path: str | Path, found: Metadata) -> None:
        """The same without the hyperparameters."""
        try:
            told = _called(found["table"], found["stage"], found["run"], found.get("step"))
        except (KeyError, TypeError):
            raise damaged(path, "its metadata do not say where it comes from") from None
        run = None if self.run is None else asdict(self.run)
        step = found.get("step") if self.step is None else self.step
        wanted = _called(self.record.name, self.record.stage, run, step)
        if told != wanted:
            raise RepdynError(
                f"`{path}` says that it is {told}, but {wanted} belongs there; move it to its place, or delete it: "
                "Snakemake makes what is missing."
            )

    def check_rows(self, path: str | Path, found: int) -> None:
        """Compare the number of rows of a file.

        Raises:
            RepdynError: if it has others.
        """
        if self.rows is not None and (not found or found % self.rows):
            raise RepdynError(
                f"`{path}` has {found:,} rows where the table `{self.record.name}` of this study has {self.rows:,}, or "
                "a multiple; delete it and run Snakemake again."
            )


def _called(name: str, stage: str, run: Mapping[str, Any] | None, step: int | None) -> str:
    """A file in words."""
    of_run = "" if run is None else f" of {run['arch']} {run['optimizer']} seed {run['seed']}"
    at_step = "" if step is None else f" at step {step}"
    return f"`{name}` (stage {stage}){of_run}{at_step}"


def check_hyperparameters(path: str | Path, found: Metadata, wanted: Metadata) -> None:
    """Raise a RepdynError naming the first setting in which a file's hyperparameters are not the ones asked for."""
    for key, here, there in _differences(found, wanted):
        raise RepdynError(
            f"`{path}` was made with {key} = {json.dumps(here)}, but {json.dumps(there)} is asked for; Snakemake makes "
            "it again when asked for it with the study's --configfile; where it does not, move the file away."
        )


def _differences(found: object, wanted: object, key: str = "") -> Iterator[tuple[str, object, object]]:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in [*wanted, *(name for name in found if name not in wanted)]:
            inner = f"{key}.{name}" if key else str(name)
            yield from _differences(found.get(name), wanted.get(name), inner)
    elif found != wanted:
        yield key, found, wanted


def metadata_of(path: str | Path, content: bytes | str | None) -> dict[str, Any]:
    """What a file says about itself.

    Args:
        path: the file.
        content: JSON, as it stands in the file; None where the file has none.

    Raises:
        RepdynError: if that is not what repdyn writes.
    """
    if content is None:
        raise damaged(path, "it carries no repdyn metadata")
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        raise damaged(path, "its metadata cannot be read") from None
    if not isinstance(found, dict):
        raise damaged(path, "its metadata are not those of repdyn")
    return found
