"""Coverage of a network by its observed layers, and what else could be observed.

A network whose block names are unknown may be observed only at its two ends. Modules with weights of their own are
counted in the order of their calls in a forward pass. If more than half of them follow one another without an observed
layer in between, coverage is poor.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn

FEW = 3  # fewer observed layers hardly show a trend with depth, unless the network has no more to observe
A_BLOCK = 16  # modules with weights; a block of attention and a perceptron, or of convolutions, has about eight


def remark(model: nn.Module, layers: Mapping[str, str], images: torch.Tensor) -> str | None:
    """A remark on observed layers that leave out much of a network; None if they do not.

    Args:
        model: in eval mode.
        layers: the layer's name -> the module's path.
        images: a batch.
    """
    names, gaps = _gaps(model, layers, images)
    total, widest = sum(map(len, gaps)), max(range(len(gaps)), key=lambda place: len(gaps[place]))
    gap = gaps[widest]
    if len(gap) > max(total / 2, A_BLOCK):
        what = f"{len(gap)} of its {total} modules with weights lie {_where(names, widest)}"
    elif len(layers) < FEW and total > FEW * len(layers):
        gap, what = [path for part in gaps for path in part], f"only {', '.join(layers)} would be observed"
    else:
        return None
    return f"{what}; more can be listed under `layers`, for example {example(dict(model.named_modules()), gap)}"


def example(modules: Mapping[str, nn.Module], paths: Sequence[str]) -> str:
    """An entry for ``layers`` that observes the network around some of its modules.

    It names the parts of the list or sequence that holds most of them, or else some of the modules themselves.
    """
    parts = {
        path: {name for name, _ in module.named_children() if _among(f"{path}.{name}", paths)}
        for path, module in modules.items()
        if path and isinstance(module, nn.ModuleList | nn.Sequential)
    }
    held = {path: _among(path, paths) for path, names in parts.items() if len(names) > 1}
    if not held:
        return json.dumps(paths[:: max(1, len(paths) // 3)][:3])
    best = max(held, key=lambda path: (held[path], len(parts[path])))
    first = modules[f"{best}.{min(parts[best], key=int)}"] if min(parts[best]).isdigit() else None
    # A list is never called, but its parts are.
    return json.dumps([f"{best}.*.{len(first) - 1}" if isinstance(first, nn.ModuleList) else f"{best}.*"])


def _among(path: str, paths: Iterable[str]) -> int:
    """How many of the modules are this one or lie within it."""
    return sum(f"{other}.".startswith(f"{path}.") for other in paths)


def _gaps(model: nn.Module, layers: Mapping[str, str], images: torch.Tensor) -> tuple[list[str], list[list[str]]]:
    """Layers in order of depth, and the modules with weights before the first, between two of them, after the last."""
    seen: list[tuple[str, bool]] = []  # a called module, and whether it is an observed layer

    def note(path: str, is_observed: bool) -> Any:
        return lambda *_: seen.append((path, is_observed))

    weighted = {path for path, module in model.named_modules() if any(True for _ in module.parameters(recurse=False))}
    handles = [model.get_submodule(path).register_forward_hook(note(path, False)) for path in weighted]
    handles += [model.get_submodule(path).register_forward_hook(note(name, True)) for name, path in layers.items()]
    with torch.no_grad():
        model(images)
    for handle in handles:
        handle.remove()
    last = {name: place for place, (name, is_observed) in enumerate(seen) if is_observed}  # the last call counts
    first: dict[str, int] = {}
    for place, (path, is_observed) in enumerate(seen):
        if not is_observed:
            first.setdefault(path, place)
    borders = [-1, *sorted(last.values()), len(seen)]
    gaps = [[path for path, place in first.items() if after < place < before] for after, before in pairwise(borders)]
    return sorted(last, key=last.__getitem__), gaps


def _where(names: Sequence[str], gap: int) -> str:
    if gap == 0:
        return f"before {names[0]}, the first observed layer"
    if gap == len(names):
        return f"after {names[-1]}, the last observed layer"
    return f"between {names[gap - 1]} and {names[gap]}, two observed layers that follow one another"
