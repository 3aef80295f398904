"""Optimizers: anything that ``timm.optim`` creates, by its name there, or a class of one's own by import path.

Weight decay leaves out what is usually left out: biases, the scales and shifts of norms (all parameters of one
dimension), and what a model itself excludes (``no_weight_decay``: position embeddings and class tokens).
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from . import plugins
from .errors import RepdynError, one_line
from .light import importing_timm

with importing_timm():
    from timm.optim import create_optimizer_v2, get_optimizer_info, list_optimizers, param_groups_weight_decay


def create(model: nn.Module, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """The optimizer of a run.

    Args:
        model: whose parameters it updates.
        settings: an ``optimizers`` entry: ``opt``, ``lr`` (one number), ``momentum`` (used by those that have it),
            ``weight_decay``, ``kwargs`` (passed through).

    Raises:
        RepdynError: if there is no such optimizer, or it does not take the arguments.
    """
    name, kwargs = settings["opt"], dict(settings["kwargs"])
    if plugins.is_import_path(name):
        return _from_path(model, settings)
    try:
        info = get_optimizer_info(name.removeprefix("lookahead_"))
    except ValueError:
        close = difflib.get_close_matches(name, list_optimizers(), n=5, cutoff=0.4)
        similar = f"; similar names are {', '.join(close)}" if close else ""
        raise RepdynError(
            f"`{name}` is not an optimizer of timm{similar} (your own are written `package.module:Name`)."
        ) from None
    if info.opt_class in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW):
        # One kernel for all parameters: the small networks of quick studies are bound by calls, not by arithmetic.
        kwargs = {"fused": True} | kwargs
    momentum = {"momentum": settings["momentum"]} if info.has_momentum else {}
    try:
        return create_optimizer_v2(
            model, opt=name, lr=settings["lr"], weight_decay=settings["weight_decay"], **momentum, **kwargs
        )
    except Exception as error:  # optimizers check their arguments in their own ways
        raise RepdynError(
            f"timm cannot create the optimizer `{name}` with kwargs {kwargs}: {one_line(error)}."
        ) from None


def _from_path(model: nn.Module, settings: Mapping[str, Any]) -> torch.optim.Optimizer:
    """The user's own, called with parameter groups, ``lr``, ``momentum`` if it takes one, and ``kwargs``."""
    path, kwargs = settings["opt"], dict(settings["kwargs"])
    create = plugins.load(path)
    excluded: set[str] = getattr(model, "no_weight_decay", set)()
    groups = param_groups_weight_decay(model, settings["weight_decay"], no_weight_decay_list=excluded)
    try:
        if "momentum" in inspect.signature(create).parameters:
            kwargs = {"momentum": settings["momentum"]} | kwargs
        optimizer = create(groups, lr=settings["lr"], **kwargs)
    except Exception as error:  # whatever the user's code raises
        raise RepdynError(f"`{path}` cannot be created with kwargs {kwargs}: {plugins.blame(error)}.") from None
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise RepdynError(f"`{path}` makes a {type(optimizer).__name__}, but must make a torch.optim.Optimizer.")
    return optimizer
