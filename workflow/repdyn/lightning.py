"""Record a run that Lightning trains: the recorder as a callback.

trainer = Trainer(callbacks=[Recorder("runs/vit-0", module="model", metrics={"test_accuracy": "val_acc"})])
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
    from lightning.pytorch import Callback, LightningModule, Trainer
except ImportError:  # the package's other name
    try:
        from pytorch_lightning import Callback, LightningModule, Trainer
    except ImportError:
        raise RepdynError("`repdyn.lightning` needs Lightning; run `pip install lightning`.") from None


class Recorder(Callback):  # type: ignore[misc]  # mypy does not follow Lightning
    """Takes checkpoints on the log schedule, and records logged metrics after each validation and each epoch."""

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        metrics: Mapping[str, str] | None = None,
        module: str | None = None,
        steps_per_epoch: float | None = None,
        per_decade: int = 10,
        first: float = 1.0,
        change: ArrayLike | torch.Tensor | None = None,
        layers: list[str] | None = None,
    ) -> None:
        """Set up; the recording begins with the fit.

        Args:
            folder: where the run is recorded. A fit from a checkpoint goes on with what is recorded there.
            metrics: name in :meth:`repdyn.Recorder.evaluated` -> name under which the module logs it.
            module: the attribute of the LightningModule that is the network, such as ``model``; None records all of it.
            steps_per_epoch: optimizer steps in an epoch; None asks the Trainer.
            per_decade: checkpoints in each decade of epochs.
            first: epoch of the first checkpoint after initialisation.
            change: inputs on which change of layers is measured at each evaluation, as of :class:`repdyn.Recorder`.
            layers: the layers, as there.
        """
        super().__init__()
        self._folder, self._metrics, self._module = folder, dict(metrics or {}), module
        self._steps_per_epoch, self._per_decade, self._first = steps_per_epoch, per_decade, first
        self._change: dict[str, Any] = {"change": change, "layers": layers}
        self._recorder: _Recorder | None = None
        self._seen: dict[str, Any] = {}

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Begin the recording, or go on with it."""
        try:
            network = pl_module if self._module is None else pl_module.get_submodule(self._module)
        except AttributeError:
            parts = ", ".join(name for name, _ in pl_module.named_children())
            raise RepdynError(
                f"`module: {self._module}` is no part of the LightningModule, which has {parts}."
            ) from None
        per_epoch = self._steps_per_epoch
        if per_epoch is None:
            if math.isinf(trainer.num_training_batches):
                raise RepdynError(
                    "The Trainer does not know how long an epoch is; give the recorder `steps_per_epoch`."
                )
            # The last batches of an epoch have a step, too.
            per_epoch = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
        done = trainer.global_step or None
        self._recorder = _Recorder(
            self._folder,
            network,
            per_epoch,
            per_decade=self._per_decade,
            first=self._first,
            step=done,
            **self._change,
        )

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Take a checkpoint if one is due."""
        if self._recorder is not None:
            self._recorder.step(trainer.global_step)

    def on_validation_start(self, trainer: Trainer, *_: Any) -> None:
        """See what is there before: within an epoch the Trainer has means of the batches until then."""
        self._seen = self._logged(trainer)

    def on_validation_end(self, trainer: Trainer, *_: Any) -> None:
        """Record what was logged in validation."""
        self._record(trainer)

    def on_train_epoch_end(self, trainer: Trainer, *_: Any) -> None:
        """Record what was logged in the epoch."""
        self._record(trainer)

    def on_train_end(self, *_: Any) -> None:
        """Wait until everything is written."""
        if self._recorder is not None:
            self._recorder.close()
            self._recorder = None

    def _record(self, trainer: Trainer) -> None:
        """Record metrics that are new: the Trainer keeps those of earlier validations."""
        if self._recorder is None or trainer.sanity_checking:
            return
        logged = self._logged(trainer)
        new = {name: value for name, value in logged.items() if value is not self._seen.get(name)}
        self._seen = logged
        if new:
            self._recorder.evaluated(**new)

    def _logged(self, trainer: Trainer) -> dict[str, Any]:
        logged = trainer.callback_metrics
        return {ours: logged[theirs] for ours, theirs in self._metrics.items() if theirs in logged}
