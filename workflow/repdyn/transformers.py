"""Record a run that Hugging Face's Trainer trains: the recorder as a callback.

trainer = Trainer(model, args, …, callbacks=[Recorder("runs/vit-0")])
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from typing import Any

import torch
from numpy.typing import ArrayLike

from .errors import RepdynError
from .recorded.recorder import Recorder as _Recorder

try:
    from transformers import TrainerCallback, TrainerState, TrainingArguments
except ImportError:
    raise RepdynError("`repdyn.transformers` needs Transformers; run `pip install transformers accelerate`.") from None

# The Trainer's names of what it evaluates; accuracy is there if `compute_metrics` gives it.
METRICS = {"test_loss": "eval_loss", "test_accuracy": "eval_accuracy"}


class Recorder(TrainerCallback):  # type: ignore[misc]  # mypy does not follow transformers
    """Takes checkpoints on the log schedule, and records metrics after each evaluation."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        metrics: Mapping[str, str] | None = None,
        steps_per_epoch: float | None = None,
        per_decade: int = 10,
        first: float = 1.0,
        change: ArrayLike | torch.Tensor | None = None,
        layers: list[str] | None = None,
    ) -> None:
        """Set up; the recording begins with the training.

        Args:
            folder: where the run is recorded. Training from a checkpoint goes on with what is recorded there.
            metrics: name in :meth:`repdyn.Recorder.evaluated` -> the Trainer's; None is ``METRICS``. With
                ``eval_dataset={"train": …, "test": …}`` these are ``eval_train_accuracy``, ``eval_test_accuracy``.
            steps_per_epoch: optimizer steps in an epoch; None asks the Trainer.
            per_decade: checkpoints in each decade of epochs.
            first: epoch of the first checkpoint after initialisation.
            change: inputs on which change of layers is measured at each evaluation, as of :class:`repdyn.Recorder`.
            layers: the layers, as there.
        """
        self._folder, self._metrics = folder, dict(METRICS if metrics is None else metrics)
        self._steps_per_epoch, self._per_decade, self._first = steps_per_epoch, per_decade, first
        self._change: dict[str, Any] = {"change": change, "layers": layers}
        self._recorder: _Recorder | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: Any, **about: Any  # noqa: ARG002
    ) -> None:  # fmt: skip
        """Begin the recording, or go on with it."""
        per_epoch = self._steps_per_epoch
        if per_epoch is None:
            try:
                per_epoch = math.ceil(len(about["train_dataloader"]) / args.gradient_accumulation_steps)
            except TypeError:
                raise RepdynError(
                    "The Trainer does not know how long an epoch is; give the recorder `steps_per_epoch`."
                ) from None
        done = state.global_step or None
        self._recorder = _Recorder(
            self._folder,
            about["model"],
            per_epoch,
            per_decade=self._per_decade,
            first=self._first,
            step=done,
            **self._change,
        )

    def on_step_end(self, args: Any, state: TrainerState, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Take a checkpoint if one is due."""
        if self._recorder is not None:
            self._recorder.step(state.global_step)

    def on_evaluate(self, args: Any, state: Any, control: Any, **about: Any) -> None:  # noqa: ARG002
        """Record what was evaluated."""
        metrics = about.get("metrics", {})
        found = {ours: metrics[theirs] for ours, theirs in self._metrics.items() if theirs in metrics}
        if self._recorder is not None and found:
            self._recorder.evaluated(**found)

    def on_train_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
        """Wait until everything is written."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None
