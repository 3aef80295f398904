"""The file of the stage ``cka_between``: similarity between runs, and its null (``compared.py``)."""

import pyarrow as pa

from ..catalogue.measures import ALWAYS, MEASURES
from ..catalogue.paths import Paths
from ..storage.tables import Table, schema
from .cka import of_study

_SCHEMA = schema(
    arch=(pa.string(), "architecture"),
    layer=(pa.string(), "layer"),
    depth=(pa.int64(), "observed layers from the input"),
    step=(pa.int64(), "optimizer steps"),
    epoch=(pa.float64(), "epochs"),
    optimizer_a=(pa.string(), "optimizer"),
    data_a=(pa.string(), "level of the data; null where these have no names"),
    seed_a=(pa.int64(), "seed"),
    optimizer_b=(pa.string(), "optimizer"),
    data_b=(pa.string(), "level of the data; null as data_a"),
    seed_b=(pa.int64(), "seed"),
    **{name: (pa.float64(), MEASURES[name].unit) for name in ALWAYS},
)
CKA_BETWEEN = Table(
    "cka_between",
    "cka_between",
    Paths.cka_between,
    scope="study",
    rows=lambda counts: counts.checkpoints * counts.pairs_of_seeds,
    schema=_SCHEMA,
    more=lambda found: of_study(found, _SCHEMA.names),
)
