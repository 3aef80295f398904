"""An optimizer step: forward pass, loss, backward pass, clipping, update, and the rate of the next step.

``precision``, ``channels_last`` and ``compile`` of the ``training`` section make steps faster and change numbers, so
they are hyperparameters. float16 scales its loss by a factor that adapts (a step whose gradients overflow is skipped,
as usual); bfloat16 needs no scaling. Activations, probes and decision regions are always computed in float32.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel

from ..errors import RepdynError
from ..models import memory_layouts
from . import optimizer_state, optimizers
from .lr_schedules import Rate

if TYPE_CHECKING:
    from ..config.sections import Optimizer, Training


class Stepper:
    """Takes optimizer steps on a network."""

    def __init__(
        self, model: nn.Module, training: Training, optimizer: Optimizer, device: torch.device, steps_per_epoch: int
    ) -> None:
        """Move the network to its device, in its fastest memory layout; create optimizer and schedule.

        Args:
            model: the network, which is changed in place.
            training: the section of the config.
            optimizer: the run's, from ``Study.optimizer``.
            device: of the training.
            steps_per_epoch: optimizer steps in an epoch.

        Raises:
            RepdynError: if there is no such optimizer or schedule, or it does not support ``precision``.
        """
        self._training, self._device = training, device
        memory_format = memory_layouts.choose(training, model, device)
        memory_layouts.lay_out(model.to(device), memory_format)
        self._parameters = list(model.parameters())
        self.optimizer = optimizers.create(model, optimizer)
        self._needs_closure = optimizers.needs_closure(self.optimizer, model, optimizer)
        self._is_second_order = optimizers.is_second_order(self.optimizer)
        self._has_modes = optimizers.has_modes(self.optimizer)
        if self._has_modes:
            self.optimizer.train()
        self.rate = Rate(self.optimizer, optimizer.schedule, steps_per_epoch)
        self._forward: Any = model
        if training.compile:
            # Otherwise torch chooses a GPU's kernels by timing them, so that a resumed run may use other kernels, and
            # chooses the memory layout itself.
            last = memory_format == torch.channels_last
            self._forward = torch.compile(model, options={"deterministic": True, "layout_optimization": last})
        is_half = training.precision == "float16"
        if is_half and (self._needs_closure or self._is_second_order):
            why = "computes its gradients anew within a step" if self._needs_closure else "differentiates its gradients"
            raise RepdynError(
                f"`{optimizer.opt}` {why}, which does not go together with the scaled loss of "
                "`training.precision: float16`; use bfloat16 or float32."
            )
        self._scaler = torch.amp.GradScaler(device.type) if is_half else None
        self._frozen: list[tuple[nn.Parameter, torch.Tensor]] = []

    def freeze(self, parameters: Iterable[nn.Parameter]) -> None:
        """Take no more steps with some parameters, whatever the optimizer keeps of its steps before."""
        for parameter in parameters:
            if parameter.requires_grad:
                parameter.requires_grad_(False)
                self._frozen.append((parameter, parameter.detach().clone()))

    def autocast(self) -> AbstractContextManager[None]:
        """The context of forward passes, which applies a lower precision if one is configured."""
        precision = self._training.precision
        if precision == "float32":
            return nullcontext()
        context: AbstractContextManager[None] = torch.autocast(self._device.type, dtype=getattr(torch, precision))
        return context

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Give the network its evaluation weights during the block, then restore the training weights to the bit.

        They differ only for optimizers such as schedule-free ones. These would return to their training weights only up
        to rounding, and measuring must not change training.
        """
        if not self._has_modes:
            yield
            return
        weights = [parameter.detach().clone() for parameter in self._parameters]
        self.optimizer.eval()
        try:
            yield
        finally:
            self.optimizer.train()
            with torch.no_grad():
                for parameter, before in zip(self._parameters, weights, strict=True):
                    parameter.copy_(before)

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Take a step on a batch.

        An optimizer that needs a closure finds gradients when its step begins, as sharpness-aware minimization expects,
        and may compute them anew for the same batch at other weights.

        Returns:
            The loss before the step, a scalar on the device, in nats.
        """
        loss = self._differentiate(images, labels)
        if self._scaler is not None:
            self._scaler.step(self.optimizer)
            self._scaler.update()
        elif self._needs_closure:
            self.optimizer.step(lambda: self._differentiate(images, labels))
        else:
            self.optimizer.step()
        with torch.no_grad():  # most optimizers leave alone what has no gradient, but not L-BFGS
            for parameter, value in self._frozen:
                parameter.copy_(value)
        return loss.detach()

    @torch.enable_grad()
    def _differentiate(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Compute the loss of a batch, and replace all gradients by its clipped ones."""
        # Fused attention cannot be differentiated twice.
        attention = sdpa_kernel(SDPBackend.MATH) if self._is_second_order else nullcontext()
        with self.autocast(), attention:
            logits = self._forward(images)
        if not logits.requires_grad:
            raise RepdynError("no gradient leads from the model's logits to its parameters, so it cannot be trained.")
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self._training.label_smoothing)
        self.optimizer.zero_grad()
        for parameter in self._parameters:  # the optimizer may not have all of them
            parameter.grad = None
        if self._scaler is None:
            loss.backward(create_graph=self._is_second_order)
        else:
            self._scaler.scale(loss).backward()
            self._scaler.unscale_(self.optimizer)
        self._clip()
        return loss

    def _clip(self) -> None:
        """Scale all gradients together so that their norm is at most ``clip_norm``."""
        if self._training.clip_norm is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._training.clip_norm)

    def state_dict(self) -> dict[str, Any]:
        """The state needed to continue, without the weights."""
        scaler = {} if self._scaler is None else self._scaler.state_dict()
        return {
            "optimizer": optimizer_state.state_dict(self.optimizer),
            "rate": self.rate.state_dict(),
            "scaler": scaler,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        optimizer_state.load_state_dict(self.optimizer, state["optimizer"])
        self.rate.load_state_dict(state["rate"])
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])
