"""How much re-estimated batch-norm statistics change, a table of the stage ``activations``.

It has no rows for a network without batch norm, and where stored statistics are measured.
"""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

BATCH_NORM = Table(
    "batch_norm",
    "activations",
    Paths.batch_norm,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        cka=(pa.float64(), "similarity of stored and re-estimated, 0 to 1; null for a constant representation"),
        same_class=(pa.float64(), "fraction of examples; null except for the output"),
    ),
)
