"""The complete state of an optimizer: its own, that of optimizers within it, and that of its random generators.

An optimizer that holds others (sharpness-aware minimization around SGD, two optimizers for two kinds of parameters)
often leaves their state out of its own. Nearly all leave out their random generator.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

_STATEFUL = ("param_groups", "state_dict", "load_state_dict")


def state_dict(optimizer: torch.optim.Optimizer) -> list[dict[str, Any]]:
    """The state of an optimizer and of all within it: tensors, numbers, text, and containers of these."""
    return [
        {
            "state": part.state_dict(),
            "random": {name: generator.get_state() for name, generator in _generators(part).items()},
        }
        for part in _parts(optimizer)
    ]


def load_state_dict(optimizer: torch.optim.Optimizer, states: list[dict[str, Any]]) -> None:
    """Restore the state of an optimizer that was created in the same way."""
    for part, state in zip(_parts(optimizer), states, strict=True):
        part.load_state_dict(state["state"])
        _restore_types(part, state["state"])
        for name, generator in _generators(part).items():
            generator.set_state(state["random"][name])


def _parts(optimizer: torch.optim.Optimizer) -> list[torch.optim.Optimizer]:
    """An optimizer and those within it, inner ones first: loading the outer one last relinks the groups they share."""
    found: list[torch.optim.Optimizer] = []

    def visit(part: torch.optim.Optimizer) -> None:
        for inner in _held(part):
            if inner is not optimizer and not any(inner is known for known in found):
                visit(inner)
        found.append(part)

    visit(optimizer)
    return found


def _held(part: torch.optim.Optimizer) -> Iterator[torch.optim.Optimizer]:
    """Optimizers among an optimizer's attributes, or in lists and dictionaries there."""
    for value in vars(part).values():
        values = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else [value]
        yield from (inner for inner in values if all(hasattr(inner, name) for name in _STATEFUL))


def _generators(part: torch.optim.Optimizer) -> dict[str, torch.Generator]:
    """An optimizer's own random generators; AdaHessian has one."""
    return {name: value for name, value in vars(part).items() if isinstance(value, torch.Generator)}


def _restore_types(part: torch.optim.Optimizer, state: Mapping[str, Any]) -> None:
    """Restore the types of per-parameter state, which torch casts to the parameter's type, losing bits."""
    if not isinstance(state, Mapping) or not {"state", "param_groups"} <= state.keys():
        return  # a state of another form, which the optimizer itself must restore
    positions = [position for group in state["param_groups"] for position in group["params"]]
    parameters = [parameter for group in part.param_groups for parameter in group["params"]]
    for position, parameter in zip(positions, parameters, strict=True):
        loaded = part.state.get(parameter, {})
        for name, value in state["state"].get(position, {}).items():
            mine = loaded.get(name)
            if isinstance(value, torch.Tensor) and isinstance(mine, torch.Tensor) and mine.dtype != value.dtype:
                loaded[name] = value.to(mine.device)
