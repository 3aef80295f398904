"""Settle what a study depends on beside its config: the contents of its data, and the checkpoints of recorded runs.

It is done once, when a study is loaded to run; the copy of the config that its jobs read says what was found. So all of
them see the same, whatever is written meanwhile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..config.recorded_runs import FoundCheckpoint, RecordedOptimizer
from ..data import datasets
from ..errors import RepdynError, named
from ..recorded import found

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..config.runs import Run
    from ..config.study import Study


def settled(study: Study, folders: tuple[str, ...] | None = None, fetch: Callable[[], None] | None = None) -> Study:
    """The study with what was found; what its config states already stays.

    Args:
        study: as its config says.
        folders: as for ``datasets.described``.
        fetch: as for ``data/own.py``.

    Raises:
        RepdynError: if data or checkpoints are missing, or are not what the config says.
    """
    return with_checkpoints(datasets.settled(study, folders, fetch))


def with_checkpoints(study: Study) -> Study:
    """The study with the checkpoints of its recorded runs; raises as :func:`settled`."""
    optimizers = dict(study.optimizers)
    for name, optimizer in study.optimizers.items():
        if isinstance(optimizer, RecordedOptimizer) and optimizer.recorded.found is None:
            of_runs = {run: _checkpoints(optimizer, run) for run in study.runs if run.optimizer == name}
            _refuse_twins(of_runs)
            found_of = {run.path: there for run, there in of_runs.items()}
            recorded = optimizer.recorded.model_copy(update={"found": found_of})
            optimizers[name] = optimizer.model_copy(update={"recorded": recorded})
    return study.model_copy(update={"optimizers": optimizers})


def _checkpoints(of: RecordedOptimizer, run: Run) -> list[FoundCheckpoint]:
    try:
        there = found.find(of.recorded, run)
        # The rules ask for these, and cannot say in a sentence what is missing.
        found.history_files(of.recorded, run)
        for each in there:
            found.files(each)
    except RepdynError as error:
        raise RepdynError(f"`optimizers.{run.optimizer}.recorded`: {error}") from None
    return [FoundCheckpoint(step=each.step, epoch=each.epoch, file=str(each.file)) for each in there]


def _refuse_twins(of_runs: Mapping[Run, list[FoundCheckpoint]]) -> None:
    """Refuse a file that is of two seeds, which would count as replicates, or of two levels of the data.

    Architectures may share files: they may differ in the layers that are observed.
    """
    first: dict[tuple[str, str], Run] = {}
    for run, there in of_runs.items():
        for each in there:
            other = first.setdefault((run.arch, each.file), run)
            if other != run:
                raise RepdynError(
                    f"`optimizers.{run.optimizer}.recorded`: `{named(each.file)}` is a checkpoint of {other} and of "
                    f"{run}; put `{{{'data' if other.seed == run.seed else 'seed'}}}` into `path`, or list one of them."
                )
