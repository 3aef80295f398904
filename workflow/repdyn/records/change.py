"""How far each layer moves between neighbouring evaluated epochs, measured while a run trains.

A table of the stage ``train``, or ``record`` for a run that was trained elsewhere, which has no rows where nobody
measured it.
"""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

CHANGE = Table(
    "change",
    "train",
    Paths.change,
    schema=schema(
        step_a=(pa.int64(), "optimizer steps, at the evaluated epoch before"),
        step_b=(pa.int64(), "optimizer steps"),
        epoch_a=(pa.float64(), "epochs"),
        epoch_b=(pa.float64(), "epochs"),
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        weights=(pa.float64(), "distance of the layer's own weights, in units of their norm at a; null without any"),
        cka=(pa.float64(), "similarity of the layer's activations, 0 to 1; null for a constant representation"),
    ),
)
