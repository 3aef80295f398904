"""The files of the stage ``geometry``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

LAYER_GEOMETRY = Table(
    "geometry/layers",
    "geometry",
    Paths.layer_geometry,
    rows=lambda counts: counts.checkpoints,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        part=(pa.string(), "stem, body or head"),
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        norm=(pa.float64(), "root mean square distance of examples from their mean, in units of the activations"),
        participation_ratio=(pa.float64(), "dimensions; null for a constant representation"),
        effective_rank=(pa.float64(), "dimensions; null for a constant representation"),
        decay=(pa.float64(), "exponent of the spectrum's power law; null with too few components"),
        top=(pa.float64(), "fraction of variance on the first component; null for a constant representation"),
    ),
)
WEIGHT_GEOMETRY = Table(
    "geometry/weights",
    "geometry",
    Paths.weight_geometry,
    rows=lambda counts: counts.checkpoints**2,
    schema=schema(
        layer=(pa.string(), "layer, or output"),
        depth=(pa.int64(), "observed layers from the input"),
        part=(pa.string(), "stem, body, head or output"),
        step_a=(pa.int64(), "optimizer steps"),
        step_b=(pa.int64(), "optimizer steps"),
        epoch_a=(pa.float64(), "epochs"),
        epoch_b=(pa.float64(), "epochs"),
        parameters=(pa.int64(), "weights of the layer"),
        norm_a=(pa.float64(), "Euclidean norm of the weights"),
        cosine=(pa.float64(), "similarity, -1 to 1; null where all weights are zero"),
        distance=(pa.float64(), "Euclidean distance of the weights"),
    ),
)
