"""Record a run in one's own training loop: checkpoints on the log schedule of studies, and what the loop evaluates.

Three lines in a loop, with torch alone installed:

    recorder = Recorder("runs/vit-0", model, steps_per_epoch=len(loader))
    recorder.step()                                                     # after each optimizer step
    recorder.evaluated(train_accuracy=…, test_accuracy=…)               # after each evaluation

A study reads the folder with ``recorded: runs/{arch}-{seed}``. A checkpoint costs the loop one copy of weights and
buffers to the host's memory; a thread writes it, and the next checkpoint waits for it, so that there is never more than
one copy. Files are whole or not there, so a killed run can go on in its folder.
"""

from __future__ import annotations

import atexit
import json
import math
import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, SupportsFloat, TypedDict, Unpack

import torch
from numpy.typing import ArrayLike
from torch import nn

from .. import __version__
from ..errors import RepdynError, named, one_line
from ..models import observed_layers
from ..storage.files import atomic, unwritable
from ..training import checkpoints, log_schedule
from ..training.change import Meter
from . import folder as recording
from .folder import ABOUT, CHANGES, CHECKPOINT, EVALUATIONS, ROUNDING, About
from .networks import copied, tensors_of, unwrapped


class Evaluation(TypedDict, total=False):
    """What a loop may say of an evaluation: the columns of a history.

    Losses are mean cross-entropies in nats, on all training or test examples in evaluation mode. Accuracies are
    fractions. ``train_accuracy`` is on the labels trained on; the other three are of the examples whose labels are
    right, of those whose labels are wrong, on these, and of the latter on their true labels.
    """

    lr: SupportsFloat
    train_loss: SupportsFloat
    train_accuracy: SupportsFloat
    clean_accuracy: SupportsFloat
    mislabelled_accuracy: SupportsFloat
    mislabelled_true_accuracy: SupportsFloat
    test_loss: SupportsFloat
    test_accuracy: SupportsFloat


class Recorder:
    """Writes checkpoints and evaluations of a run into a folder.

    In distributed training only the first process records; the methods do nothing in the others.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        model: nn.Module,
        steps_per_epoch: float,
        *,
        per_decade: int = 10,
        first: float = 1.0,
        step: int | None = None,
        change: ArrayLike | torch.Tensor | None = None,
        layers: list[str] | None = None,
    ) -> None:
        """Begin a recording, or go on with one, and take the checkpoint of the network as it is.

        Args:
            folder: where the run is recorded; it is made if it is not there.
            model: the network. Wrappers for data parallelism and compilation are taken off.
            steps_per_epoch: optimizer steps in an epoch: the number of batches, if each has a step.
            per_decade: checkpoints in each decade of epochs.
            first: epoch of the first checkpoint after initialisation; 0.01 records the first epoch, too.
            step: optimizer steps that are done. A run that goes on must say it: what was recorded after that step is
                deleted, because it comes again, and 0 begins anew. None is a new run, which refuses a folder that has
                a recording.
            change: a few hundred inputs, ``(n, *shape)``, as the network gets them. At each evaluation it is measured
                on these how far the layers have moved since the evaluation before (``training/change.py``); for the
                interval in which a run is interrupted it is not. None measures nothing.
            layers: modules whose change is measured, by path, with wildcards; None is those of a study by default.
                Depth counts them in the order in which they are defined.

        Raises:
            RepdynError: if the folder has another recording, or cannot be written, or the network is divided among
                processes, or it is not known which layers it has.
        """
        for what, value in (("steps_per_epoch", steps_per_epoch), ("per_decade", per_decade), ("first", first)):
            if not value > 0:
                raise RepdynError(f"`{what}` is {value}, but must be greater than 0.")
        if step is not None and step < 0:
            raise RepdynError(f"`step` is {step}, but must be at least 0.")
        self._folder, self._records, self._closed = Path(folder).absolute(), _is_first_process(), False
        self._step, self._per_epoch, self._taken = step or 0, float(steps_per_epoch), -1
        self._measured = -1
        self._before, self._started = 0.0, time.monotonic()
        self._thread: threading.Thread | None = None
        self._failure: RepdynError | None = None
        if not self._records:
            return
        self._model = unwrapped(model)
        self._meter = None if change is None else _meter(self._model, change, layers)
        self._due = _due(per_decade, first, self._per_epoch)
        is_new = self._begin(step)
        next_due = next(each for each in self._due if each >= self._step)
        self._next = next_due if next_due > self._step else next(each for each in self._due if each > self._step)
        atexit.register(self._say_failure)
        if is_new or self._step in (0, next_due):
            self.checkpoint()

    def step(self, at: int | None = None) -> None:
        """Take a checkpoint if one is due; call it after each optimizer step.

        Args:
            at: optimizer steps that are done; None is one more than before.

        Raises:
            RepdynError: if it is less than before, or an earlier checkpoint could not be written.
        """
        if not self._records:
            return
        self._check()
        now = self._step + 1 if at is None else at
        if now < self._step:
            raise RepdynError(
                f"Step {now} comes after step {self._step} in the recording `{named(self._folder)}`; where training "
                f"goes back to an earlier state, begin a Recorder with `step={now}`."
            )
        self._step = now
        if now >= self._next:
            self._next = next(each for each in self._due if each > now)
            self.checkpoint()

    def checkpoint(self) -> None:
        """Take a checkpoint now, whatever the schedule, such as at the end of training.

        Raises:
            RepdynError: if an earlier one could not be written.
        """
        if not self._records:
            return
        self._check()
        if self._taken == self._step:
            return
        tensors = copied(self._model)
        self._wait()
        self._check()
        self._taken = self._step
        self._thread = threading.Thread(target=self._write, args=(self._step, tensors), name="repdyn recorder")
        self._thread.start()

    def evaluated(self, **values: Unpack[Evaluation]) -> None:
        """Append what was evaluated after the current step to the history; several calls at one step are one row.

        Args:
            values: numbers, under the names of :class:`Evaluation`. What is NaN or infinite is not known.

        Raises:
            RepdynError: if a name is none of these, an accuracy is no fraction, or the folder cannot be written.
        """
        if not self._records:
            return
        self._check()
        row = {"step": self._step, "epoch": self._step / self._per_epoch}
        row |= _checked(values) | {"seconds": self._before + time.monotonic() - self._started}
        self._append(EVALUATIONS, [row])
        if self._meter is not None and self._measured != self._step:
            moved = self._meter.measure(self._step, self._step / self._per_epoch)
            self._measured = self._step
            self._append(CHANGES, [of_layer._asdict() for of_layer in moved])

    def _append(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Write rows, a line each, behind those that a file has."""
        file = self._folder / name
        try:
            with file.open("a", encoding="utf-8") as opened:
                opened.writelines(f"{json.dumps(row)}\n" for row in rows)
        except OSError as error:
            raise unwritable(file, error) from None

    def close(self) -> None:
        """Wait until everything is written; the recorder cannot be used afterwards.

        Raises:
            RepdynError: if a checkpoint could not be written.
        """
        if not self._records or self._closed:
            return
        self._wait()
        self._closed = True
        atexit.unregister(self._say_failure)
        self._raise_failure()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except RepdynError as failure:
            if error is None:
                raise
            error.add_note(str(failure))  # the loop's own error is the first to be known

    def _begin(self, step: int | None) -> bool:
        """Make the folder, or take it up at a step; says whether nothing in it is of before that step."""
        network = {
            name: f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
            for name, tensor in tensors_of(self._model).items()
        }
        about = About(self._per_epoch, network)
        if recording.is_recording(self._folder):
            self._go_on(about, step)
        with atomic(self._folder / ABOUT) as temporary:
            temporary.write_text(about.text(__version__), encoding="utf-8")
        return not recording.checkpoints(self._folder)

    def _go_on(self, about: About, step: int | None) -> None:
        there, taken = About.read(self._folder), recording.checkpoints(self._folder)
        if any(taken):  # initialisation alone is no loss, such as after a mistake in the first epoch
            self._refuse_another(there, about, step, max(taken))
        for again in (file for number, file in taken.items() if number >= self._step):
            again.unlink()
        for half in self._folder.glob(".step=*"):
            half.unlink()
        self._keep_history()

    def _refuse_another(self, there: About, about: About, step: int | None, last: int) -> None:
        """Raise if a folder has another recording than the one that goes on."""
        where = f"`{named(self._folder)}`"
        if step is None:
            raise RepdynError(
                f"{where} has a recording up to step {last}; name another folder, or say by `step=` how many optimizer "
                "steps are done where the run goes on (0 begins it anew)."
            )
        if there.steps_per_epoch != about.steps_per_epoch:
            raise RepdynError(
                f"{where} was recorded with {there.steps_per_epoch:g} steps in an epoch, not "
                f"{about.steps_per_epoch:g}; name another folder."
            )
        for name in {**there.network, **about.network}:
            if there.network.get(name) != about.network.get(name):
                raise RepdynError(
                    f"{where} is the recording of another network: `{name}` is {there.network.get(name, 'not there')}, "
                    f"not {about.network.get(name, 'missing')}; name another folder."
                )

    def _keep_history(self) -> None:
        """Drop what was evaluated after the current step, and a line that was not written to its end."""
        rows = self._kept(EVALUATIONS, "step")
        self._before = max((row["seconds"] for row in rows), default=0.0)
        self._kept(CHANGES, "step_b")

    def _kept(self, name: str, key: str) -> list[dict[str, Any]]:
        """Keep the rows of a file up to the current step, none at the start, and return them."""
        file = self._folder / name
        if not file.exists():
            return []
        lines = file.read_text(encoding="utf-8").split("\n")[:-1]
        rows = [row for row in map(json.loads, lines) if 0 < self._step >= row[key]]
        with atomic(file) as temporary:
            temporary.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        return rows

    def _write(self, step: int, tensors: dict[str, torch.Tensor]) -> None:
        about = {"repdyn": __version__, "step": step, "epoch": step / self._per_epoch}
        try:
            checkpoints.write(self._folder / CHECKPOINT.format(step=step), tensors, about)
        except RepdynError as error:
            self._failure = error
        except Exception as error:  # it is said where the loop can see it
            self._failure = RepdynError(
                f"The checkpoint of step {step} was not written to `{named(self._folder)}`: {one_line(error)}."
            )

    def _wait(self) -> None:
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _check(self) -> None:
        if self._closed:
            raise RepdynError(f"The recorder of `{named(self._folder)}` was closed.")
        self._raise_failure()

    def _raise_failure(self) -> None:
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def _say_failure(self) -> None:
        """At the end of a program that closed nothing."""
        self._wait()
        if self._failure is not None:
            print(self._failure, file=sys.stderr)


def _meter(model: nn.Module, inputs: ArrayLike | torch.Tensor, layers: list[str] | None) -> Meter:
    if any(isinstance(module, nn.SyncBatchNorm) for module in model.modules()) and _processes() > 1:
        raise RepdynError(
            "`change` is measured by one process, in which synchronised batch norm would wait for the others; leave it "
            "out, or measure with one process."
        )
    tensor = next(model.parameters(), torch.empty(0))
    given = torch.as_tensor(inputs).to(tensor.device)
    return Meter(model, observed_layers.observed(model, layers), given)


def _due(per_decade: int, first: float, steps_per_epoch: float) -> Iterator[int]:
    return log_schedule.steps(log_schedule.spaced(per_decade, first), steps_per_epoch)


def _processes() -> int:
    distributed = torch.distributed
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def _is_first_process() -> bool:
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return bool(distributed.get_rank() == 0)
    return os.environ.get("RANK", "0") == "0"  # of torchrun, whose processes may join later


def _checked(values: Evaluation) -> dict[str, float]:
    if not values:
        raise RepdynError(f"`evaluated` got no value; it takes {', '.join(Evaluation.__annotations__)}.")
    numbers = {}
    for name, value in values.items():
        if name not in Evaluation.__annotations__:
            raise RepdynError(f"`evaluated` takes no `{name}`; it takes {', '.join(Evaluation.__annotations__)}.")
        number = float(value)  # type: ignore[arg-type]  # mypy knows no types of items
        if not math.isfinite(number):
            continue
        if name.endswith("_accuracy") and not 0 <= number <= 1 + ROUNDING:
            raise RepdynError(f"`{name}` is {number:g}, but an accuracy is a fraction from 0 to 1.")
        numbers[name] = number
    return numbers
