"""Training one run far past perfect fit: from a data set and a fresh network to history and checkpoints.

The data set is on the device as bytes (``data/loader.py``), and an epoch is a permutation of indices drawn from (seed,
epoch). So resuming restores only weights, optimizer and random state, and what is kept to measure change. Time: the
forward and backward passes, plus a forward pass over training and test set, and one over the examples of ``change``, at
each evaluated epoch. Memory: data set, network, optimizer, the activations of one batch, and a copy of the weights.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

from ..data import datasets, subsets
from ..data.augmentation import Augmenter
from ..data.loader import Feed
from ..errors import RepdynError
from ..models import architectures
from ..runtime import devices, seeds
from ..runtime.progress import LOG, Progress
from . import bfloat16, checkpoint_schedule, checkpoints, measured, stepping
from .change import Row
from .interventions import Interventions
from .resume import StateFolder

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.study import Study

EVALUATION_BATCH = 256


@dataclass(frozen=True)
class Split:
    """Inputs and labels on the device; ``mislabelled`` is a mask, ``inverted`` whether the inputs are negated."""

    inputs: Feed
    labels: torch.Tensor
    given_labels: torch.Tensor
    mislabelled: torch.Tensor
    inverted: bool = False

    @classmethod
    def of(cls, examples: subsets.Examples, device: torch.device) -> Split:
        """Put examples on a device."""
        arrays = (examples.labels, examples.given_labels, examples.mislabelled)
        return cls(Feed(examples.inputs, device), *(torch.from_numpy(array).to(device) for array in arrays))


@torch.no_grad()  # not ``inference_mode``: a model may keep tensors that it later trains with
def evaluate(model: nn.Module, split: Split) -> tuple[float, torch.Tensor]:
    """Mean cross-entropy on the given labels, in nats, and the (n,) predicted classes, in eval mode.

    The model is left in training mode.
    """
    model.eval()
    batches = split.inputs.batches(EVALUATION_BATCH)
    logits = torch.cat([model(-batch if split.inverted else batch) for batch in batches]).float()
    model.train()
    return F.cross_entropy(logits, split.given_labels).item(), logits.argmax(1)


def _share(hits: torch.Tensor, among: torch.Tensor | None = None) -> float | None:
    """The fraction of ``hits`` where ``among`` holds, or of all; None if it holds nowhere.

    Divides integers. A GPU's mean is the sum times 1 / n, which for one n in seven (49, 5500) is below 1 if all are
    hits, and not every GPU has float64.
    """
    among = torch.ones_like(hits) if among is None else among
    n = int(among.sum())
    return int((hits & among).sum()) / n if n else None


def measure(model: nn.Module, train: Split, test: Split) -> dict[str, float | None]:
    """The losses and accuracies of a history row."""
    train_loss, predicted = evaluate(model, train)
    test_loss, test_predicted = evaluate(model, test)
    fitted, right = predicted == train.given_labels, predicted == train.labels
    return {
        "train_loss": train_loss,
        "train_accuracy": _share(fitted),
        "clean_accuracy": _share(fitted, ~train.mislabelled),
        "mislabelled_accuracy": _share(fitted, train.mislabelled),
        "mislabelled_true_accuracy": _share(right, train.mislabelled),
        "test_loss": test_loss,
        "test_accuracy": _share(test_predicted == test.labels),
    }


class Trainer:
    """A run in progress: network, optimizer, history, and the folder of its state."""

    def __init__(self, study: Study, run: Run, examples: subsets.StudyData, folder: StateFolder) -> None:
        """Set up the run at initialisation.

        Args:
            study: the study.
            run: one of its runs.
            examples: training and test set.
            folder: of state and checkpoints.
        """
        self.device = devices.prepare(study.execution.device)
        self.seed, self.settings = run.seed, study.training
        self.show(examples)
        self.batch_size = self.settings.batch_size
        self.steps_per_epoch = checkpoint_schedule.steps_per_epoch(len(examples.train), self.batch_size)
        data = study.data_of(run)
        self.steps = checkpoint_schedule.trained_steps(study, data)
        self.model = architectures.of_run(study, run, datasets.inputs(data), examples.classes)
        if self.device.type == "cpu":  # this may not be the processor that checked the study
            bfloat16.check(self.model, study, run, datasets.inputs(data), examples.classes)
        optimizer = study.optimizer(run)
        self.take_step = stepping.Stepper(self.model, self.settings, optimizer, self.device, self.steps_per_epoch)
        self.interventions = Interventions(study, run, examples)
        self.change = measured.meter(study, run, self.model, examples, self.device)
        seeds.begin(seeds.stream(self.seed, seeds.NOISE))  # dropout and the like
        self.folder, self.save_every = folder, study.execution.save_state_seconds
        self.step, self.history, self.seconds = 0, list[dict[str, Any]](), 0.0

    def show(self, examples: subsets.StudyData) -> None:
        """Train and test on these examples from now on."""
        self.train, self.test = Split.of(examples.train, self.device), Split.of(examples.test, self.device)
        self.augment: Augmenter | None = None
        if self.settings.augmentation is not None:
            black = torch.from_numpy(-examples.mean / examples.std).to(self.device, torch.float32)
            self.augment = Augmenter(self.settings.augmentation, black, len(examples.train))

    def run(self, metadata: Mapping[str, Any]) -> tuple[list[dict[str, Any]], list[Row]]:
        """Train to the configured number of epochs, from the last state if there is one.

        Args:
            metadata: stored in the checkpoints.

        Returns:
            Rows of the history, and of the change between evaluated epochs.

        Raises:
            RepdynError: if the loss or the weights are not finite.
        """
        self._resume()
        evaluated = checkpoint_schedule.evaluated_epochs(self.settings.evaluations_per_decade, self.settings.epochs)
        last_epoch, started, saved_at = self.settings.epochs, time.monotonic() - self.seconds, time.monotonic()
        if self.step == 0:
            self._evaluate(started)
            self._take_checkpoint(metadata)
        first_epoch = self.step // self.steps_per_epoch
        with Progress(last_epoch, "epoch", done=min(first_epoch, last_epoch)) as progress:
            for epoch in range(first_epoch, last_epoch):
                self.interventions.at(epoch, self)
                self._train_epoch(epoch, metadata)
                if epoch + 1 in evaluated:
                    self._evaluate(started)
                if time.monotonic() - saved_at >= self.save_every or epoch + 1 == last_epoch:
                    self.seconds = time.monotonic() - started
                    self._save()
                    saved_at = time.monotonic()
                progress.advance(note(self.history[-1]))
        last_step = last_epoch * self.steps_per_epoch
        changes = [] if self.change is None else self.change.rows
        return (
            [row for row in self.history if row["step"] <= last_step],
            [row for row in changes if row.step_b <= last_step],
        )

    def _train_epoch(self, epoch: int, metadata: Mapping[str, Any]) -> None:
        generator = torch.Generator().manual_seed(seeds.stream(self.seed, seeds.ORDER, epoch))
        order = torch.randperm(len(self.train.labels), generator=generator)
        there = order.to(self.device)  # once an epoch, because each copy waits for the GPU
        self.interventions.keep_still()
        batches = zip(
            self.train.inputs.batches(self.batch_size, order),
            self.train.given_labels[there].split(self.batch_size),
            there.split(self.batch_size),
            strict=True,
        )
        if self.augment is not None:
            self.augment.draw(torch.Generator().manual_seed(seeds.stream(self.seed, seeds.AUGMENTATION, epoch)))
        losses: list[torch.Tensor] = []
        for inputs, given, positions in batches:
            seen = inputs if self.augment is None else self.augment(inputs, positions)
            losses.append(self.take_step(-seen if self.train.inverted else seen, given))
            self.step += 1
            self.take_step.rate.after_step(self.step)
            if self.step in self.steps:
                self._check_finite(losses)
                self._take_checkpoint(metadata)
        self._check_finite(losses)
        if self.take_step.rate.needs_loss:
            self.take_step.rate.after_epoch(epoch + 1, torch.stack(losses).mean().item())

    def _check_finite(self, losses: list[torch.Tensor]) -> None:
        """Raise for the first loss of this epoch that is NaN or infinite; call rarely, because it waits for a GPU."""
        finite = torch.stack(losses).isfinite()
        if not finite.all():
            step = self.step - len(losses) + int((~finite).nonzero()[0]) + 1
            raise RepdynError(
                f"The loss is NaN or infinite at step {step} (epoch {step / self.steps_per_epoch:.2f}); lower the "
                "learning rate. The last good state is kept."
            )

    def _check_weights(self) -> None:
        """Raise if weights are NaN or infinite, before they are used: the last loss is of the weights before."""
        if not torch.stack([weights.isfinite().all() for weights in self.model.parameters()]).all():
            raise RepdynError(
                f"The weights are NaN or infinite after step {self.step} (epoch "
                f"{self.step / self.steps_per_epoch:.2f}); lower the learning rate. The last good state is kept."
            )

    def _take_checkpoint(self, metadata: Mapping[str, Any]) -> None:
        self._check_weights()
        position = {"step": self.step, "epoch": self.step / self.steps_per_epoch}
        with self.take_step.measuring():
            checkpoints.save(self.folder.checkpoint(self.step), self.model, dict(metadata) | position)

    def _evaluate(self, started: float) -> None:
        self._check_weights()
        with self.take_step.measuring(), self.take_step.autocast():
            measured = measure(self.model, self.train, self.test)
        epoch = self.step / self.steps_per_epoch
        row = {
            "step": self.step,
            "epoch": epoch,
            "lr": float(self.take_step.optimizer.param_groups[0]["lr"]) * self.interventions.factor(epoch),
            **measured,
            "seconds": time.monotonic() - started,
        }
        self.history.append(row)
        if self.change is not None:
            with self.take_step.measuring():
                self.change.measure(self.step, epoch)

    def state_dict(self) -> dict[str, Any]:
        """All that is needed to continue; a copy of it continues another run that is the same until then.

        The tensors are those of the run: copy it (``copy.deepcopy``) before the run goes on.
        """
        return {
            "step": self.step,
            "model": self.model.state_dict(),
            "steps": self.take_step.state_dict(),
            "random": seeds.state(),
            "device_random": devices.random_state(self.device),
            "history": self.history,
            "change": None if self.change is None else self.change.state_dict(),
            "seconds": self.seconds,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state; interventions until then are those of this run, but for rates, which the state has."""
        self.model.load_state_dict(state["model"])
        self.take_step.load_state_dict(state["steps"])
        seeds.go_on(state["random"])
        devices.set_random_state(self.device, state["device_random"])
        if self.change is not None:
            self.change.load_state_dict(state["change"])
        self.step, self.history, self.seconds = state["step"], list(state["history"]), state["seconds"]
        self.interventions.resume(self.step // self.steps_per_epoch, self)

    def _save(self) -> None:
        self._check_weights()
        self.folder.save(self.state_dict())

    def _resume(self) -> None:
        state = self.folder.load(self.steps)
        if state is None:
            return
        self.load_state_dict(state)
        LOG.info("continues from epoch %d", self.step // self.steps_per_epoch)


def note(row: Mapping[str, Any]) -> str:
    """A row of the history as a line of the log."""
    return f"loss {row['train_loss']:.3f}, train {row['train_accuracy']:.3f}, test {row['test_accuracy']:.3f}"
