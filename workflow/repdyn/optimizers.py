"""Optimizers: anything that ``timm.optim`` creates, by its name there."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import torch
from timm.optim import create_optimizer_v2, get_optimizer_info, list_optimizers
from torch import nn

from .errors import RepdynError


def create(model: nn.Module, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """The optimizer of a run.

    Args:
        model: whose parameters it updates.
        settings: an ``optimizers`` entry: ``opt``, ``lr`` (one number), ``momentum`` (used by those that have it),
            ``weight_decay`` (not applied to biases and norms), ``kwargs`` (passed through).

    Raises:
        RepdynError: if timm does not know the optimizer or it does not take the arguments.
    """
    name, kwargs = settings["opt"], dict(settings["kwargs"])
    try:
        info = get_optimizer_info(name)
    except ValueError:
        close = difflib.get_close_matches(name, list_optimizers(), n=5, cutoff=0.4)
        raise RepdynError(f"`{name}` is not an optimizer of timm; similar names are {', '.join(close)}.") from None
    if info.opt_class in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        # One kernel for all parameters: the small networks of quick studies are bound by calls, not by arithmetic.
        kwargs = {"fused": True} | kwargs
    momentum = {"momentum": settings["momentum"]} if info.has_momentum else {}
    try:
        return create_optimizer_v2(
            model, opt=name, lr=settings["lr"], weight_decay=settings["weight_decay"], **momentum, **kwargs
        )
    except (TypeError, ValueError, AssertionError) as error:
        raise RepdynError(f"timm cannot create the optimizer `{name}` with kwargs {kwargs}: {error}.") from None
