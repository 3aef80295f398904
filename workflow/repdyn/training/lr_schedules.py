"""Schedules of the learning rate: anything that ``timm.scheduler`` creates, in fractions of the optimizer's rates.

The rate changes after every optimizer step; ``step_on_epochs: true`` is timm's own default, once an epoch. Without a
``schedule`` section the rate is constant.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch

from ..errors import RepdynError, one_line
from ..runtime.lazy_imports import importing_timm

with importing_timm():
    from timm.scheduler import create_scheduler_v2

if TYPE_CHECKING:
    from ..config.sections import RateSchedule

SCHEDULES = ("constant", "cosine", "multistep", "plateau", "poly", "rsqrt", "step", "tanh", "wsd")


class Rate:
    """The learning rate of an optimizer in the course of training."""

    def __init__(self, optimizer: torch.optim.Optimizer, settings: RateSchedule | None, steps_per_epoch: int) -> None:
        """Set the rate of the first step.

        Args:
            optimizer: its rates are the schedule's highest.
            settings: timm's schedule and its arguments, with ``epochs`` if it has a length; None for a constant rate.
            steps_per_epoch: optimizer steps in an epoch.

        Raises:
            RepdynError: if timm does not know the schedule, or it does not take the arguments.
        """
        self._optimizer = optimizer
        self._scheduler: Any = None
        self._inner: Any = None  # torch's scheduler within timm's for plateaus; timm does not keep its state
        if settings is None:
            for group in optimizer.param_groups:  # as timm's schedules do, for rates that differ from layer to layer
                if "lr_scale" in group:
                    group["lr"] *= group["lr_scale"]
            return
        name = settings.sched
        if name not in SCHEDULES:
            raise RepdynError(f"`schedule.sched` is {name!r}, but must be one of: {', '.join(SCHEDULES)}.")
        # timm's plateau can only step once an epoch; here it watches the training loss.
        by_name = {"step_on_epochs": True, "plateau_mode": "min"} if name == "plateau" else {"step_on_epochs": False}
        kwargs = by_name | {"warmup_epochs": settings.warmup_epochs} | copy.deepcopy(settings.kwargs)
        try:
            self._scheduler, _ = create_scheduler_v2(
                optimizer,
                sched=name,
                num_epochs=settings.epochs or 1,
                updates_per_epoch=steps_per_epoch,
                **kwargs,
            )
        except Exception as error:  # schedulers check their arguments in their own ways
            raise RepdynError(
                f"timm cannot create the schedule `{name}` with kwargs {kwargs}: {one_line(error)}."
            ) from None

        self._inner = getattr(self._scheduler, "lr_scheduler", None)

    def after_step(self, step: int) -> None:
        """Set the rate of the step that follows ``step`` steps."""
        if self._scheduler is not None:
            self._scheduler.step_update(step)

    def after_epoch(self, epoch: int, loss: float) -> None:
        """Set the rate of the epoch that follows ``epoch`` epochs; ``loss`` is the mean training loss of the last."""
        if self._scheduler is not None:
            self._scheduler.step(epoch, loss)

    def scale(self, factor: float) -> None:
        """Multiply the rate by a factor, now and in everything that the schedule does later."""
        for group in self._optimizer.param_groups:
            group["lr"] *= factor
            group["lr_scale"] = group.get("lr_scale", 1.0) * factor  # by which timm's schedules multiply
        if self._inner is not None and self._scheduler.restore_lr is not None:
            self._scheduler.restore_lr = [rate * factor for rate in self._scheduler.restore_lr]

    @property
    def needs_loss(self) -> bool:
        """Whether ``after_epoch`` must be called."""
        return self._scheduler is not None

    def state_dict(self) -> dict[str, Any]:
        """The schedule's state, without the optimizer's."""
        if self._scheduler is None:
            return {}
        state = {"schedule": self._scheduler.state_dict()}
        if self._inner is not None:
            state |= {"inner": self._inner.state_dict(), "restore_lr": self._scheduler.restore_lr}
        return state

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a state."""
        if self._scheduler is not None:
            self._scheduler.load_state_dict(state["schedule"])
        if self._inner is not None:
            self._inner.load_state_dict(state["inner"])
            self._scheduler.restore_lr = state["restore_lr"]
