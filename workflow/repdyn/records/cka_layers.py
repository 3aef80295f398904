"""The file of the stage ``cka_layers``: similarity between the layers of a run, and its null (``compared.py``)."""

import pyarrow as pa

from ..catalogue.measures import ALWAYS, MEASURES
from ..catalogue.paths import Paths
from ..storage.tables import Table, schema
from .cka import of_study

_SCHEMA = schema(
    step=(pa.int64(), "optimizer steps"),
    epoch=(pa.float64(), "epochs"),
    layer_a=(pa.string(), "layer"),
    layer_b=(pa.string(), "layer"),
    depth_a=(pa.int64(), "observed layers from the input"),
    depth_b=(pa.int64(), "observed layers from the input"),
    **{name: (pa.float64(), MEASURES[name].unit) for name in ALWAYS},
)
CKA_LAYERS = Table(
    "cka_layers",
    "cka_layers",
    Paths.cka_layers,
    rows=lambda counts: counts.checkpoints,
    schema=_SCHEMA,
    more=lambda found: of_study(found, _SCHEMA.names),
)
