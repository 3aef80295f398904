"""The file of the stage ``regions_between``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

BETWEEN = Table(
    "regions/between",
    "regions_between",
    Paths.region_between,
    scope="study",
    rows=lambda counts: counts.checkpoints * counts.pairs_of_seeds,
    schema=schema(
        arch=(pa.string(), "architecture"),
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        planes=(pa.string(), "set of images"),
        optimizer_a=(pa.string(), "optimizer"),
        data_a=(pa.string(), "level of the data; null where these have no names"),
        seed_a=(pa.int64(), "seed"),
        optimizer_b=(pa.string(), "optimizer"),
        data_b=(pa.string(), "level of the data; null as data_a"),
        seed_b=(pa.int64(), "seed"),
        similarity=(pa.float64(), "DRS, fraction of points"),
        similarity_p=(pa.float64(), "p of DRS among permutations of planes; null for a run with itself"),
        similarity_calibrated=(pa.float64(), "DRS above that of permuted planes, 0 to 1; null as p"),
        kappa=(pa.float64(), "DRS beyond chance (kappa); null where both give everything one and the same class"),
    ),
)
