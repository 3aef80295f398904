"""A file's origin: which file of a study it is, of which run, at which step, and the settings that made it.

A stage declares each file that it writes as a :class:`Record`, in the module of :mod:`repdyn.records` that has the
stage's name. Readers compare the origin in a file's metadata with the :class:`Origin` that they expect, so a file in
another one's place is refused, whatever its settings and columns.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from ..catalogue.factors import FACTORS
from ..errors import RepdynError
from .files import damaged

if TYPE_CHECKING:
    from ..catalogue.counts import Counts
    from ..config.runs import Replicate, Run

Metadata = Mapping[str, Any]


@dataclass(frozen=True)
class Record:
    """A file that a stage writes.

    Attributes:
        name: its folder below the study's, by which users know it.
        stage: the stage that writes it.
        path: the method of ``Paths`` that returns its path.
        scope: whether there is one for each run, for each seed, or for the study.
        settings: the name under which ``Study.hyperparameters`` has its settings, where they are not the stage's.
        rows: the number of rows of a table in a study, or a divisor of it where there are that many for each layer or
            set of planes; None where it is not known beforehand.
    """

    name: str
    stage: str
    path: Callable[..., str]
    scope: Literal["run", "seed", "study"] = "run"
    settings: str | None = None
    rows: Callable[[Counts], int] | None = None


@dataclass(frozen=True)
class Origin:
    """What a file must say about itself.

    Attributes:
        record: which file it is.
        run: its run, or its seed; None for a file of the whole study.
        hyperparameters: the settings that made it.
        step: the optimizer step of a checkpoint.
        rows: its number of rows, or a divisor of it; None accepts any.
    """

    record: Record
    run: Run | Replicate | None
    hyperparameters: Metadata
    step: int | None = None
    rows: int | None = None

    def at(self, step: int) -> Origin:
        """The same origin at an optimizer step."""
        return replace(self, step=step)

    def check(self, path: str | Path, found: Metadata) -> None:
        """Compare with a file's metadata.

        Raises:
            RepdynError: if it is another file, or was made with other hyperparameters; names both.
        """
        self.check_place(path, found)
        check_hyperparameters(path, found.get("hyperparameters", {}), self.hyperparameters)

    def check_place(self, path: str | Path, found: Metadata) -> None:
        """Compare everything but the hyperparameters."""
        try:
            told = _called(found["table"], found["stage"], found["run"], found.get("step"))
        except (KeyError, TypeError):
            raise damaged(path, "its metadata do not say which file it is") from None
        run = None if self.run is None else self.run.facts
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
            RepdynError: if it has none, or not a multiple of ``rows``.
        """
        if self.rows is not None and (not found or found % self.rows):
            raise RepdynError(
                f"`{path}` has {found:,} rows where the table `{self.record.name}` of this study has {self.rows:,}, or "
                "a multiple; delete it and run Snakemake again."
            )


def _called(name: str, stage: str, run: Mapping[str, Any] | None, step: int | None) -> str:
    """A file in words."""
    levels = [] if run is None else [run[factor] for factor in FACTORS if factor in run]
    of_run = "" if run is None else " ".join([" of", *levels, f"seed {run['seed']}"])
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
    """Parse a file's metadata.

    Args:
        path: the file.
        content: the JSON in the file; None where it has none.

    Raises:
        RepdynError: if it is not what repdyn writes.
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
