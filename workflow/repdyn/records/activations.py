"""The file of the stage ``activations``."""

from __future__ import annotations

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema
from .layer_names import KEYS

_UNITS = (
    (pa.int64(), "optimizer steps"),
    (pa.float64(), "epochs"),
    (pa.string(), "split"),
    (pa.int64(), "position in the data set"),
    (pa.int64(), "true class; null where there are no classes"),
    (pa.int64(), "class trained on; null as label"),
)


def layer_columns(features: dict[str, tuple[int, pa.DataType]]) -> pa.Schema:
    """A column for each layer, a fixed-size list of non-null floats; ``features``: layer -> size and type."""
    return schema(
        **{
            layer: (pa.list_(pa.field("element", kind, nullable=False), size), "activation")
            for layer, (size, kind) in features.items()
        }
    )


def _layers(found: pa.Schema) -> pa.Schema:
    """Every column that is not a key must hold the floats of a layer."""
    kinds = {field.name: field.type for field in found if field.name not in KEYS}
    return layer_columns(
        {
            name: (kind.list_size, kind.value_type if pa.types.is_floating(kind.value_type) else pa.float16())
            if pa.types.is_fixed_size_list(kind)
            else (1, pa.float16())
            for name, kind in kinds.items()
        }
    )


ACTIVATIONS = Table(
    "activations",
    "activations",
    Paths.activations,
    schema=schema(**dict(zip(KEYS, _UNITS, strict=True))),
    more=_layers,
    rows=lambda counts: counts.checkpoints * (counts.compared + counts.probed),
)
