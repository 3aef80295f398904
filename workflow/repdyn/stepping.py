"""An optimizer step: forward pass, loss, backward pass, clipping, update, and the rate of the next one.

``precision``, ``channels_last`` and ``compile`` of the ``training`` section make steps faster and change numbers: so
they are hyperparameters. float16 has its loss scaled, by a factor that adapts (a step whose gradients overflow is left
out, as usual); bfloat16 does not need that. Activations, probes and decision regions are computed in float32 always.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from . import layouts, optimizers
from .rates import Rate


class Stepper:
    """Takes optimizer steps on a network."""

    def __init__(
        self, model: nn.Module, settings: Mapping[str, Any], device: torch.device, steps_per_epoch: int
    ) -> None:
        """Move the network to its device, laid out in memory as training is fastest; create optimizer and schedule.

        Args:
            model: the network, which is changed in place.
            settings: the hyperparameters of the run.
            device: where it is trained.
            steps_per_epoch: optimizer steps in an epoch.
        """
        self._training, self._device = settings["training"], device
        memory_format = layouts.choose(self._training, model, device)
        layouts.lay_out(model.to(device), memory_format)
        self._parameters = list(model.parameters())
        self.optimizer = optimizers.create(model, settings["optimizer"])
        self.rate = Rate(self.optimizer, settings["optimizer"]["schedule"], steps_per_epoch)
        self._forward: Any = model
        if self._training["compile"]:
            # Otherwise it chooses a GPU's kernels by timing them, so that a run that continues may go on with others,
            # and puts channels last where it likes.
            last = memory_format == torch.channels_last
            self._forward = torch.compile(model, options={"deterministic": True, "layout_optimization": last})
        is_half = self._training["precision"] == "float16"
        self._scaler = torch.amp.GradScaler(device.type) if is_half else None
        self._is_second_order = getattr(self.optimizer, "is_second_order", False)

    def autocast(self) -> AbstractContextManager[None]:
        """The context of forward passes, in which a lower precision is used where it is configured."""
        precision = self._training["precision"]
        if precision == "float32":
            return nullcontext()
        context: AbstractContextManager[None] = torch.autocast(self._device.type, dtype=getattr(torch, precision))
        return context

    def __call__(self, images: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Take a step on a batch.

        Returns:
            The loss before it, a scalar on the device, in nats.
        """
        with self.autocast():
            logits = self._forward(images)
        loss = F.cross_entropy(logits.float(), labels, label_smoothing=self._training["label_smoothing"])
        self.optimizer.zero_grad(set_to_none=True)
        if self._scaler is None:
            loss.backward(create_graph=self._is_second_order)
            self._clip()
            self.optimizer.step()
        else:
            self._scaler.scale(loss).backward()
            self._scaler.unscale_(self.optimizer)
            self._clip()
            self._scaler.step(self.optimizer)
            self._scaler.update()
        return loss.detach()

    def _clip(self) -> None:
        """Scale all gradients together so that their norm is at most ``clip_norm``."""
        if self._training["clip_norm"] is not None:
            nn.utils.clip_grad_norm_(self._parameters, self._training["clip_norm"])

    def state_dict(self) -> dict[str, Any]:
        """What is needed to continue, beside the weights."""
        scaler = {} if self._scaler is None else self._scaler.state_dict()
        random = {name: generator.get_state() for name, generator in self._generators().items()}
        return {
            "optimizer": self.optimizer.state_dict(),
            "rate": self.rate.state_dict(),
            "scaler": scaler,
            "random": random,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a state."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.rate.load_state_dict(state["rate"])
        if self._scaler is not None:
            self._scaler.load_state_dict(state["scaler"])
        for name, generator in self._generators().items():
            generator.set_state(state["random"][name])

    def _generators(self) -> dict[str, torch.Generator]:
        """Random numbers of the optimizer's own, which its state leaves out: AdaHessian draws from such."""
        return {name: value for name, value in vars(self.optimizer).items() if isinstance(value, torch.Generator)}
