"""The files of the stage ``probes``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.origin import Record
from ..storage.tables import Table, schema

WEIGHTS = Record("probes/weights", "probes", Paths.probe_weights)
ACCURACY = Table(
    "probes/accuracy",
    "probes",
    Paths.probe_accuracy,
    rows=lambda counts: 2 * counts.checkpoints,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        split=(pa.string(), "split"),
        accuracy=(pa.float64(), "fraction, on given labels"),
        true_accuracy=(pa.float64(), "fraction, on true labels"),
    ),
)
