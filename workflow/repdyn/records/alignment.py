"""The file of the stage ``alignment``: which layers of two architectures are most alike, and how much."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

ALIGNMENT = Table(
    "alignment",
    "alignment",
    Paths.alignment,
    scope="study",
    schema=schema(
        arch_a=(pa.string(), "architecture"),
        arch_b=(pa.string(), "architecture, whose examples are permuted"),
        optimizer=(pa.string(), "optimizer of both"),
        data=(pa.string(), "level of the data of both; null where these have no names"),
        seed=(pa.int64(), "seed of both"),
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        measure=(pa.string(), "measure of similarity"),
        layer_a=(pa.string(), "layer; null where the measure is defined for no pair of layers"),
        layer_b=(pa.string(), "layer; null where the measure is defined for no pair of layers"),
        depth_a=(pa.int64(), "observed layers from the input; null as layer_a"),
        depth_b=(pa.int64(), "observed layers from the input; null as layer_b"),
        similarity=(pa.float64(), "largest similarity of all pairs of layers; null as layer_a"),
        similarity_p=(pa.float64(), "p of the largest among the largest of each permutation; null without them"),
        similarity_calibrated=(pa.float64(), "the largest above that of permuted examples, 0 to 1; null as p"),
    ),
)
