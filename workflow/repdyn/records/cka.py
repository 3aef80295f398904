"""The file of the stage ``cka``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

# Two more columns if `cka.resamples` is set.
INTERVAL = schema(
    cka_low=(pa.float64(), "similarity; lower end of an interval about cka"),
    cka_high=(pa.float64(), "similarity; upper end of an interval about cka"),
)


def _interval(found: pa.Schema) -> pa.Schema:
    return INTERVAL if INTERVAL.names[0] in found.names else pa.schema([])


CKA = Table(
    "cka",
    "cka",
    Paths.cka,
    rows=lambda counts: counts.checkpoints**2,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        step_a=(pa.int64(), "optimizer steps"),
        step_b=(pa.int64(), "optimizer steps"),
        epoch_a=(pa.float64(), "epochs"),
        epoch_b=(pa.float64(), "epochs"),
        cka=(pa.float64(), "similarity, 0 to 1; null for a constant representation"),
        cka_debiased=(pa.float64(), "similarity, may leave 0 to 1; null where it is not defined"),
    ),
    more=_interval,
)
