"""The file of the stage ``events``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

DATED, NONE, SPARSE, UNDEFINED = "dated", "none", "too sparse to date", "undefined"
UP, DOWN = "up", "down"

# An event of a layer by a measure is a row; where there is none, one row says why.
EVENTS = Table(
    "events",
    "events",
    Paths.events,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        measure=(pa.string(), "whose rate of change steps: cka of activations, or weights"),
        status=(pa.string(), f"{DATED}; or {NONE}; {SPARSE}; {UNDEFINED}: too few neighbouring epochs with change"),
        epoch=(pa.float64(), "epochs; null where nothing is dated"),
        epoch_low=(pa.float64(), "epochs; the event lies after it"),
        epoch_high=(pa.float64(), "epochs; the event lies before it"),
        sign=(pa.string(), f"{UP} or {DOWN}, of the rate of change"),
        height=(pa.float64(), "sharp margin, decades of rate"),
        threshold=(pa.float64(), "decades of rate that an event exceeds"),
        searched_from=(pa.float64(), "epochs; the first at which an event could be dated; null if there is none"),
        searched_to=(pa.float64(), "epochs; the last"),
    ),
)
