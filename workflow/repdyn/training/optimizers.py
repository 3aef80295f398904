"""Optimizers: anything that ``timm.optim`` creates, by its name there, or the user's own by import path.

Weight decay excludes the usual parameters: biases, the scales and shifts of norms (all parameters of one dimension),
and those that a model itself excludes (``no_weight_decay``: position embeddings and class tokens).

The user's own is a class or a function. It is called with parameter groups and ``lr``, or with the model and ``lr`` if
its signature names ``model``, so that it can group the parameters itself. Its result need not be a
``torch.optim.Optimizer``, but must have the attributes that training uses (``_USED``). Training checks three things:

- ``train`` and ``eval``: if it has both, weights are measured and saved after ``eval()``, and steps are taken after
  ``train()`` (schedule-free optimizers).
- ``is_second_order``, timm's term: gradients are computed so that they can be differentiated again (AdaHessian).
- whether ``step`` needs a closure, which ``needs_closure`` finds out (LBFGS, sharpness-aware minimization).
"""

from __future__ import annotations

import copy
import difflib
import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import RepdynError, one_line
from ..runtime.lazy_imports import importing_timm
from ..user_code import load

with importing_timm():
    from timm.optim import create_optimizer_v2, get_optimizer_info, list_optimizers, param_groups_weight_decay

if TYPE_CHECKING:
    from ..config.sections import Optimizer

_USED = ("param_groups", "step", "zero_grad", "state_dict", "load_state_dict")


def create(model: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """The optimizer of a run.

    Args:
        model: the optimizer updates its parameters.
        settings: an entry of ``optimizers`` for one run: ``lr`` is one number, ``momentum`` is used by optimizers that
            have it, ``kwargs`` are passed through.

    Raises:
        RepdynError: if there is no such optimizer, or it does not take the arguments.
    """
    name, kwargs = settings.opt, copy.deepcopy(settings.kwargs)
    if load.is_import_path(name):
        return _from_path(model, settings)
    try:
        info = get_optimizer_info(name.removeprefix("lookahead_"))
    except ValueError:
        close = difflib.get_close_matches(name, list_optimizers(), n=5, cutoff=0.4)
        similar = f"; similar names are {', '.join(close)}" if close else ""
        raise RepdynError(
            f"`{name}` is not an optimizer of timm{similar} (your own are written `package.module:Name`)."
        ) from None
    if info.opt_class in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW) and _can_be_fused(model, kwargs):
        # One kernel for all parameters: calls, not arithmetic, limit the small networks of quick studies.
        kwargs = {"fused": True} | kwargs
    momentum = {"momentum": settings.momentum} if info.has_momentum else {}
    try:
        return create_optimizer_v2(
            model, opt=name, lr=settings.lr, weight_decay=settings.weight_decay, **momentum, **kwargs
        )
    except Exception as error:  # optimizers check their arguments in their own ways
        raise RepdynError(
            f"timm cannot create the optimizer `{name}` with kwargs {kwargs}: {one_line(error)}."
        ) from None


def needs_closure(optimizer: torch.optim.Optimizer, model: nn.Module, settings: Optimizer) -> bool:
    """Whether ``step`` needs a function that computes loss and gradients anew.

    It does if ``closure`` has no default in its signature. Most implementations of sharpness-aware minimization have a
    default and still need one. So an optimizer of the user's own is tried: a second instance takes a step without a
    closure, and needs one if that fails. The model is restored.
    """
    parameters = inspect.signature(optimizer.step).parameters
    closure = parameters.get("closure")
    if closure is None and all(parameter.kind is not parameter.VAR_POSITIONAL for parameter in parameters.values()):
        return False
    if closure is not None and closure.default is closure.empty:
        return True
    is_own = load.is_import_path(settings.opt)
    return is_own and not is_second_order(optimizer) and not _steps_alone(model, settings)


def is_second_order(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer differentiates gradients."""
    return bool(getattr(optimizer, "is_second_order", False))


def has_modes(optimizer: torch.optim.Optimizer) -> bool:
    """Whether an optimizer switches between weights for training and weights for evaluation."""
    return all(callable(getattr(optimizer, mode, None)) for mode in ("train", "eval"))


def _can_be_fused(model: nn.Module, kwargs: Mapping[str, Any]) -> bool:
    """Whether torch can use one kernel for all parameters: they are real, and ``kwargs`` ask for nothing else."""
    asked_for = kwargs.get("foreach") or kwargs.get("differentiable")
    return not asked_for and all(parameter.is_floating_point() for parameter in model.parameters())


def _from_path(model: nn.Module, settings: Optimizer) -> torch.optim.Optimizer:
    """The user's own, called with parameters or model, ``lr``, ``momentum`` if it takes it, and ``kwargs``."""
    path, kwargs = settings.opt, copy.deepcopy(settings.kwargs)
    make = load.load(path)
    try:
        named = inspect.signature(make).parameters
        if "momentum" in named:
            kwargs = {"momentum": settings.momentum} | kwargs
        if "model" in named:
            optimizer = make(model=model, lr=settings.lr, **_decay(settings, named), **kwargs)
        else:
            optimizer = make(_groups(model, settings), lr=settings.lr, **kwargs)
    except RepdynError:
        raise
    except Exception as error:  # whatever the user's code raises
        raise RepdynError(f"`{path}` cannot be created with kwargs {kwargs}: {load.blame(error)}.") from None
    lacking = [name for name in _USED if not hasattr(optimizer, name)]
    if lacking:
        raise RepdynError(
            f"`{path}` makes a {type(optimizer).__name__}, which has no {', '.join(lacking)}; it must make a "
            "torch.optim.Optimizer, or an object with these attributes."
        )
    if not all("lr" in group for group in optimizer.param_groups):
        raise RepdynError(f"`{path}` has parameter groups without `lr`, which schedule and history need.")
    return optimizer


def _decay(settings: Optimizer, named: Mapping[str, Any]) -> dict[str, float]:
    """``weight_decay`` for a function that takes the model, if it has that parameter."""
    if "weight_decay" in named and "weight_decay" not in settings.kwargs:
        return {"weight_decay": settings.weight_decay}
    if settings.weight_decay:
        raise RepdynError(
            f"`weight_decay` is {settings.weight_decay}, but `{settings.opt}`, which takes the model, has no "
            "parameter of that name; leave it out, or let the function take it."
        )
    return {}


def _groups(model: nn.Module, settings: Optimizer) -> list[dict[str, Any]]:
    """Parameters with their weight decay: in one group if all have the same, since some optimizers take only one."""
    decay, own = settings.weight_decay, "weight_decay" in settings.kwargs
    if decay and own:
        raise RepdynError(f"`weight_decay` is {decay}, and `kwargs.weight_decay` is set too; give one of them.")
    if decay:
        excluded: set[str] = getattr(model, "no_weight_decay", set)()
        groups: list[dict[str, Any]] = param_groups_weight_decay(model, decay, no_weight_decay_list=excluded)
        return groups
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return [{"params": parameters} | ({} if own else {"weight_decay": 0.0})]


def _steps_alone(model: nn.Module, settings: Optimizer) -> bool:
    """Whether an optimizer with these settings can take a step without a closure."""
    parameters = list(model.parameters())
    before = [parameter.detach().clone() for parameter in parameters]
    try:
        optimizer = create(model, settings)
        if has_modes(optimizer):
            optimizer.train()
        for parameter in parameters:
            parameter.grad = torch.ones_like(parameter) if parameter.requires_grad else None
        optimizer.step()
    except Exception:  # an assertion, NoneType is not callable, an error of its own …
        return False
    finally:
        with torch.no_grad():
            for parameter, weights in zip(parameters, before, strict=True):
                parameter.copy_(weights)
                parameter.grad = None
    return True
