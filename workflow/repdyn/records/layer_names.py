"""What layers are called in tables: as their modules are, but for words that tables reserve.

Layers are columns of the activations table, beside its keys and, for who reads a folder of tables, the run's; they are
rows of tables of decision regions, beside the network's own output. A module may have any of these names. So that
nothing is taken for something else, its layer is then called ``output (layer)``.
"""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from ..storage import tables

OUTPUT = "output"  # the network's answer among the layers, in tables of decision regions
KEYS = tables.schema(  # of the activations table, whose further columns are layers
    step=(pa.int64(), "optimizer steps"),
    epoch=(pa.float64(), "epochs"),
    split=(pa.string(), "split"),
    example=(pa.int64(), "position in the data set"),
    label=(pa.int64(), "true class"),
    given_label=(pa.int64(), "class trained on"),
)
RUN = ("arch", "optimizer", "seed")  # columns that the folders of a table stand for
RESERVED = (OUTPUT, *KEYS.names, *RUN)


def unambiguous(names: Mapping[str, str]) -> dict[str, str]:
    """Names that are no reserved word, and of which no two are equal, whether or not capitals count: DuckDB's do not.

    Args:
        names: the module's path -> what its layer would be called.

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
