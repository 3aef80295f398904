"""The files of the stage ``activations`` that hold what layers give: whole, or as coordinates of the examples.

A wide layer is stored as principal coordinates (``representations/coordinates.py``), one for each example that is
compared. The table of activations then has them in the split ``similarity`` and null in the split ``probe``; how probes
see the examples of both splits is in the table of probe views, which has no other layers.
"""

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


WHOLE, COORDINATE = "activation", "principal coordinate"  # units of a layer's numbers


def layer_columns(features: dict[str, tuple[int, pa.DataType, str]]) -> pa.Schema:
    """A column for each layer, a fixed-size list of non-null floats; ``features``: layer -> size, type and unit."""
    return schema(
        **{
            layer: (pa.list_(pa.field("element", kind, nullable=False), size), unit)
            for layer, (size, kind, unit) in features.items()
        }
    )


def held_as_coordinates(found: pa.Schema) -> list[str]:
    """The layers of a table that it holds as principal coordinates."""
    return [field.name for field in found if (field.metadata or {}).get(b"unit") == COORDINATE.encode()]


def _layers(found: pa.Schema) -> pa.Schema:
    """Every column that is not a key must hold the floats of a layer."""
    kinds = {field.name: field.type for field in found if field.name not in KEYS}
    return layer_columns(
        {
            name: (kind.list_size, kind.value_type if pa.types.is_floating(kind.value_type) else pa.float16(), WHOLE)
            if pa.types.is_fixed_size_list(kind)
            else (1, pa.float16(), WHOLE)
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
PROBE_VIEW = Table(
    "probe_view",
    "activations",
    Paths.probe_view,
    schema=ACTIVATIONS.schema,
    more=_layers,
    rows=lambda counts: counts.checkpoints * (counts.compared + counts.probed),
)
