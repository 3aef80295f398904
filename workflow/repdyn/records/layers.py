"""The table of observed layers, a file of the stage ``activations``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

LAYERS = Table(
    "layers",
    "activations",
    Paths.layers,
    rows=lambda _: 1,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        module=(pa.string(), "path in the network"),
        kind=(pa.string(), "class of the module"),
        features=(pa.int64(), "numbers kept for an example"),
        part=(pa.string(), "stem, body or head (a final norm or pooling)"),
    ),
)
