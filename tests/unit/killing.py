"""Trainings that die, and what a training leaves."""

from pathlib import Path

import pandas as pd

from repdyn.training import trainer


def outputs(job):
    """Bytes of all checkpoints and of the change of layers, and the history without the one column that is time."""
    folder = Path(job.paths.checkpoint(job.run.path, 0)).parent
    history = pd.read_parquet(job.paths.history(job.run.path)).drop(columns="seconds")
    change = Path(job.paths.change(job.run.path))
    return {path.name: path.read_bytes() for path in (*sorted(folder.iterdir()), change)}, history


class Killed(Exception):
    pass


def kill_at(monkeypatch, step):
    """Let training die right after an optimizer step, the way a kill does: nothing is cleaned up."""
    evaluate = trainer.Trainer._check_finite

    def dying(self, losses):
        if self.step >= step:
            raise Killed
        evaluate(self, losses)

    monkeypatch.setattr(trainer.Trainer, "_check_finite", dying)
