"""The settings of runs that were trained elsewhere: an entry of ``optimizers`` that says where checkpoints are.

Imports nothing heavy, because Snakemake and every cluster job read it.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from .names import Name
from .sections.base import MOST_EPOCHS, Section


class RecordedHistory(Section):
    """Where the history of a recorded run is: ``recorded/history.py``."""

    path: str
    """A pattern as that of the checkpoints, of a CSV, Parquet or TensorBoard log; of several steps the last counts."""
    columns: dict[str, str] = Field(default={})
    """Our column -> its column, where names differ: ``{test_accuracy: val/acc}``."""


class FoundCheckpoint(Section):
    """A checkpoint that was found."""

    step: int = Field(ge=0)
    """Its optimizer step."""
    epoch: float = Field(ge=0.0)
    """Its epoch."""
    file: str
    """The file or folder that holds it."""


class Recorded(Section):
    """Checkpoints of runs that were trained elsewhere: see ``recorded/found.py``."""

    path: str
    """A pattern with ``{arch}``, ``{optimizer}``, ``{data}`` where data have levels, ``{seed}`` and ``{step}`` or
    ``{epoch}``; or, without the last two, the folder that ``repdyn.Recorder`` or Hugging Face's Trainer left.
    """
    key: str | None = None
    """Where the weights are inside a file, such as ``model``; by default it is where it usually is."""
    strip: str | None = None
    """A prefix of the weights' names to leave out, such as ``module.``."""
    steps_per_epoch: float | None = Field(default=None, gt=0.0)
    """Optimizer steps in an epoch, which turns steps into epochs and back."""
    offset: float = Field(default=0.0, ge=0.0, le=MOST_EPOCHS)
    """Is added to ``{epoch}``: 1 where ``epoch_0`` was saved after the first epoch."""
    history: RecordedHistory | None = None
    """Where accuracies by epoch are; by default that of the folder is taken, or else it is measured at the checkpoints.
    """
    found: dict[str, list[FoundCheckpoint]] | None = Field(default=None, exclude_if=lambda found: found is None)
    """The checkpoints of each run. Nobody writes it: it is filled in when a study is loaded to run, so that all its
    jobs see the same ones.
    """


def _path_alone(recorded: Any) -> Any:
    """A path stands for a section with nothing else."""
    return {"path": recorded} if isinstance(recorded, str) else recorded


class RecordedOptimizer(Section):
    """An optimizer that runs were trained with elsewhere; their checkpoints are measured."""

    recorded: Annotated[Recorded, BeforeValidator(_path_alone, json_schema_input_type=str | Recorded)]
    """Where the checkpoints are: a pattern alone, or a section."""
    lr: Annotated[float, Field(gt=0)] | dict[str, Annotated[float, Field(gt=0)]] | None = None
    """The learning rate, one number or one for each architecture. It is only said in words, beside those that are held
    against it.
    """
    family: Name | None = None
    """The optimizer that this is one rate of, as for those that are trained here."""

    def rate(self, arch: str) -> float | None:
        """The learning rate for an architecture, if the config says it."""
        return self.lr[arch] if isinstance(self.lr, dict) else self.lr
