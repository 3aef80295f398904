"""The stage ``train``: train a run; write its history, its checkpoints, and how its layers change."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..analysis import events
from ..data import subsets
from ..records.change import CHANGE
from ..records.train import CHECKPOINT, HISTORY, STATE
from ..runtime.lazy_imports import without_compiler
from ..runtime.progress import LOG
from ..storage import tables
from ..training.resume import StateFolder
from ..training.trainer import Trainer, note

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


@without_compiler()
def main(job: Job) -> None:
    """Train a run; write its history, its checkpoints, and how its layers change between evaluated epochs."""
    metadata = job.metadata(CHECKPOINT)
    folder = StateFolder(Path(job.path(STATE)), job.origin(STATE), metadata["code"])
    with folder.held():
        examples = subsets.load(job.data, job.data_root, job.run.seed)
        trainer = Trainer(job.study, job.run, examples, folder)
        history, changes = trainer.run(metadata)
        for step in trainer.steps:
            folder.publish(step, Path(job.path(CHECKPOINT, step=step)))
        columns = {name: [row[name] for row in history] for name in HISTORY.names}
        tables.write(job.path(HISTORY), columns, HISTORY.schema, job.metadata(HISTORY))
        columns = {name: [getattr(row, name) for row in changes] for name in CHANGE.names}
        tables.write(job.path(CHANGE), columns, CHANGE.schema, job.metadata(CHANGE))
        folder.remove_others()
    LOG.info("after epoch %g: %s", history[-1]["epoch"], note(history[-1]))
    LOG.log(
        *events.enough_after_fit(
            [row["epoch"] for row in history], [row["train_accuracy"] for row in history], job.study.phases
        )
    )
