"""The stage ``record``: take in a run that was trained elsewhere; write its history, checkpoints and change.

Each checkpoint is read, fitted to the network of the config, and written as training here writes it, so that all later
stages are the same for both. A history that nobody recorded is measured at the checkpoints, as training measures it.
How layers change between evaluations is known only if a recorder measured it.

Memory: the network, one checkpoint as it was found, and, where the history is measured, what training holds of the
data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..data import datasets, subsets
from ..errors import RepdynError
from ..models import architectures
from ..recorded import change, history, weights
from ..records.change import CHANGE
from ..records.train import CHECKPOINT, HISTORY
from ..runtime import devices
from ..runtime.progress import LOG, track
from ..storage import tables
from ..training import checkpoints
from ..training.change import Row as ChangeRow
from ..training.measured import layers as measured_layers
from ..training.trainer import Split, measure

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

    from ..pipeline.jobs import Job

Row = dict[str, Any]


def main(job: Job) -> None:
    """Write the history and the checkpoints of a run that was trained elsewhere.

    Raises:
        RepdynError: if a checkpoint cannot be read or is not of the network, or the history has not the columns that
            the config names.
    """
    study, run = job.study, job.run
    recorded = study.recorded(run.optimizer)
    assert recorded is not None, f"{run} is trained here"
    device = devices.prepare(study.execution.device)
    rows = history.read(recorded, run)
    measured = None if rows is not None else _measuring(job, device)
    source = datasets.source(job.data)
    model = architectures.of_run(study, run, datasets.inputs(job.data), source.classes).to(device)
    metadata, seen = job.metadata(CHECKPOINT), list[Row]()
    there = study.found(run)
    for found in track(there, len(there), "checkpoint"):
        file = Path(found.file)
        model.load_state_dict(weights.fit(weights.read(file, recorded.key), model.state_dict(), recorded.strip, file))
        position = {"step": found.step, "epoch": found.epoch}
        checkpoints.save(Path(job.path(CHECKPOINT, step=found.step)), model, metadata | position)
        if measured is not None:
            seen.append(position | measured(model))
    rows = seen if rows is None else rows
    columns = {name: [row.get(name) for row in rows] for name in HISTORY.names}
    tables.write(job.path(HISTORY), columns, HISTORY.schema, job.metadata(HISTORY))
    changes = _as_here(job, change.read(recorded, run))
    of_layers = {name: [getattr(row, name) for row in changes] for name in CHANGE.names}
    tables.write(job.path(CHANGE), of_layers, CHANGE.schema, job.metadata(CHANGE))
    how = "as it was recorded"
    if measured is not None:
        how = "measured at the checkpoints" if source.classes is not None else "of times alone, as there are no classes"
    LOG.info("%d checkpoints, epoch %g to %g; history %s", len(there), there[0].epoch, there[-1].epoch, how)


def _as_here(job: Job, changes: list[ChangeRow]) -> list[ChangeRow]:
    """Changes of layers that a recorder called by their modules' paths, under the names that they have in a study."""
    try:
        layers = measured_layers(job.study, job.run.arch, job.data)
    except RepdynError:  # which layers it has by default is not known here
        return changes
    names = {path: name for name, path in layers.items()}
    return [row._replace(layer=names.get(row.layer, row.layer)) for row in changes]


def _measuring(job: Job, device: torch.device) -> Callable[[nn.Module], Row]:
    """What measures the losses and accuracies of a network on the examples of the run: nothing without classes."""
    if datasets.source(job.data).classes is None:
        return lambda _: {}
    examples = subsets.load(job.data, job.data_root, job.run.seed)
    train, test = Split.of(examples.train, device), Split.of(examples.test, device)
    return lambda model: measure(model, train, test)
