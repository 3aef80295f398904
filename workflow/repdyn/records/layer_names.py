"""Names of layers in tables: those of their modules, unless tables reserve them.

Layers are columns of the activations table, beside its keys and, if a folder of tables is read, the columns of the run.
They are rows of tables of decision regions, beside the network's output. A module may have any of these names; to avoid
ambiguity, its layer is then called ``output (layer)``, for example.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..catalogue.factors import FACTORS

OUTPUT = "output"  # the network's output among the layers, in tables of decision regions
KEYS = ("step", "epoch", "split", "example", "label", "given_label")  # of the activations table; the others are layers
RUN = (*FACTORS, "seed")  # columns that the folders of a table encode
RESERVED = (OUTPUT, *KEYS, *RUN)


def unambiguous(names: Mapping[str, str]) -> dict[str, str]:
    """Distinct names without reserved words, ignoring case, as DuckDB does.

    Args:
        names: the module's path -> the preferred name of its layer.

    Returns:
        The layer's name -> the module's path, in the same order.
    """
    layers: dict[str, str] = {}
    taken = {word.casefold() for word in RESERVED}
    for path, wanted in names.items():
        name = wanted
        while name.casefold() in taken:
            name += " (layer)"
        taken.add(name.casefold())
        layers[name] = path
    return layers
