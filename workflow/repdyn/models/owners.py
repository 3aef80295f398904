"""Which weights belong to which observed layer.

A parameter belongs to the observed layer whose module contains it, the innermost one if several do. One that is in no
observed module belongs to the first observed layer that is registered after it: a convolution and its norm before an
observed activation are that layer's. Those after the last observed layer are the output's. Registration is the order
in which a network's constructor makes its modules, nearly always that of a forward pass; parameters of the network
itself, such as a class token, count as the first.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from ..records.layer_names import OUTPUT


def owners(model: nn.Module, layers: Mapping[str, str]) -> dict[str, str]:
    """Parameter's name -> the layer that it belongs to.

    Args:
        model: the network; tied parameters stand under their first name alone.
        layers: observed layers, name -> module path, in order of depth.
    """
    order = {path: place for place, (path, _) in enumerate(model.named_modules())}
    by_path = {path: layer for layer, path in layers.items()}
    found = {}
    for name, _ in model.named_parameters():
        module = name.rpartition(".")[0]
        parts = module.split(".")
        within = [".".join(parts[:length]) for length in range(len(parts), 0, -1)]
        inside = next((by_path[path] for path in within if path in by_path), None)
        after = [path for path in by_path if order[path] > order[module]]
        found[name] = inside or (by_path[min(after, key=order.__getitem__)] if after else OUTPUT)
    return found
