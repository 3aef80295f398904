"""List the layers that a study would observe of each architecture, in order of depth, with shapes and parameters.

`part` is `stem`, `body` or `head` (``models/observation.py``), `output` the shape of a module's output for an image,
`kept` its shape after the study's reduction.

``python -m repdyn layers`` and ``make layers`` print it.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from torch import nn

from ..data import datasets
from ..records import layer_names
from ..runtime import devices
from . import check, rehearsal

if TYPE_CHECKING:
    from ..config.study import Study

HEADINGS = ("depth", "layer", "part", "class", "output", "kept", "features", "parameters")


def main(study: Study) -> None:
    """Print the layers of each architecture.

    Raises:
        RepdynError: if a model cannot be built, or not be observed at these layers.
    """
    devices.prepare("cpu")
    study = datasets.described(study)
    for arch, (level, *_) in itertools.product(study.archs, datasets.alike(study)):
        data = study.data_levels[level]
        with check.blaming(f"archs.{arch}"):
            checked = check.check_architecture(study, arch, level)
        print(f"{arch}: {study.archs[arch].model}, {_parameters(checked.model):,} parameters, {datasets.inputs(data)}")
        rows: list[tuple[str, ...]] = [HEADINGS]
        for depth, layer in enumerate(checked.observation.layers):
            shapes = _product(checked.shapes[layer.name]), _product(checked.kept[layer.name])
            numbers = f"{layer.features:,}", f"{_parameters(checked.model.get_submodule(layer.path)):,}"
            rows.append((str(depth), layer.name, layer.part, layer.kind, *shapes, *numbers))
        print(_aligned(rows))
        for name, path in checked.layers.items():
            if name != path:
                print(f"  The module `{path}` is called {name} in tables{_why(path)}.\n")
        for remark in (checked.observation.remark, checked.unseen):
            if remark is not None:
                print(f"  {remark}.\n")
        for name, calls in checked.calls.items():
            if calls > 1:
                print(f"  {name} is called {calls} times in a forward pass; its last call is observed.\n")
        with check.blaming(f"archs.{arch}"):
            same = rehearsal.remark(study, arch, data, checked.model, checked.layers)
        if same is not None:
            print(f"  {same}.\n")


def _why(path: str) -> str:
    words = [word for word in layer_names.RESERVED if word.casefold() == path.casefold()]
    return f", which reserve the word `{words[0]}`" if words else ""


def _parameters(module: nn.Module) -> int:
    return sum(parameter.numel() for parameter in module.parameters())


def _product(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _aligned(rows: list[tuple[str, ...]]) -> str:
    """Format rows as lines of aligned columns, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    to_the_right = (0, 6, 7)
    lines = []
    for row in rows:
        cells = [
            cell.rjust(width) if column in to_the_right else cell.ljust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  " + "  ".join(cells).rstrip())
    return "\n".join(lines) + "\n"
