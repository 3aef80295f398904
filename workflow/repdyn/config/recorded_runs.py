"""The settings of runs that were trained elsewhere: an entry of ``optimizers`` that says where checkpoints are.

Imports nothing heavy, because Snakemake and every cluster job read it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from .names import Name
from .sections import MOST_EPOCHS, Section


class RecordedHistory(Section):
    """Where the history of a recorded run is: ``recorded/history.py``.

    ``path`` is a pattern as that of the checkpoints; of several steps the last counts. ``columns`` says which of its
    columns is which of ours, where names differ: ``{test_accuracy: val/acc}``.
    """

    path: str
    columns: dict[str, str] = Field(default={})


class FoundCheckpoint(Section):
    """A checkpoint that was found: its optimizer step, its epoch, and the file or folder that holds it."""

    step: int = Field(ge=0)
    epoch: float = Field(ge=0.0)
    file: str


class Recorded(Section):
    """Checkpoints of runs that were trained elsewhere.

    ``path`` is a pattern with ``{arch}``, ``{optimizer}``, ``{seed}`` and ``{step}`` or ``{epoch}``; or, without the
    last two, the folder that ``repdyn.Recorder`` or Hugging Face's Trainer left. ``key`` is where the weights are
    inside a file, and ``strip`` a prefix of their names. ``steps_per_epoch`` turns steps into epochs and back;
    ``offset`` is added to ``{epoch}``, 1 where ``epoch_0`` was saved after the first epoch. Without ``history``, that
    of the folder is taken, or else it is measured at the checkpoints.
    ``found`` is filled in when a study is loaded to run, so that all its jobs see the same checkpoints: run -> those
    that were found.
    """

    path: str
    key: str | None = None
    strip: str | None = None
    steps_per_epoch: float | None = Field(default=None, gt=0.0)
    offset: float = Field(default=0.0, ge=0.0, le=MOST_EPOCHS)
    history: RecordedHistory | None = None
    found: dict[str, list[FoundCheckpoint]] | None = Field(default=None, exclude_if=lambda found: found is None)


def _path_alone(recorded: Any) -> Any:
    """A path stands for a section with nothing else."""
    return {"path": recorded} if isinstance(recorded, str) else recorded


class RecordedOptimizer(Section):
    """An optimizer that runs were trained with elsewhere; their checkpoints are measured.

    ``lr`` is only said in words, beside those that are held against it.
    """

    recorded: Annotated[Recorded, BeforeValidator(_path_alone)]
    lr: Annotated[float, Field(gt=0)] | dict[str, Annotated[float, Field(gt=0)]] | None = None
    family: Name | None = None

    def rate(self, arch: str) -> float | None:
        """The learning rate for an architecture, if the config says it."""
        return self.lr[arch] if isinstance(self.lr, dict) else self.lr
