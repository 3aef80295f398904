"""The files of the stage ``phases``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

SEGMENTS = Table(
    "phases/segments",
    "phases",
    Paths.segments,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        part=(pa.string(), "stem, body, head or output"),
        measure=(pa.string(), "measure of similarity"),
        phase=(pa.int64(), "number, from 0"),
        step_start=(pa.int64(), "optimizer steps, first checkpoint"),
        step_end=(pa.int64(), "optimizer steps, last checkpoint"),
        epoch_start=(pa.float64(), "epochs"),
        epoch_end=(pa.float64(), "epochs"),
        width=(pa.float64(), "decades of epochs, 10-90 % of the change that begins the phase; null for the first"),
    ),
)
SCORES = Table(
    "phases/scores",
    "phases",
    Paths.scores,
    schema=schema(
        layer=(pa.string(), "layer; null for the run"),
        depth=(pa.int64(), "observed layers from the input; null for the run"),
        relative_depth=(pa.float64(), "0 for the first observed layer, 1 for the last; null for run and output"),
        part=(pa.string(), "stem, body, head or output; null for the run"),
        measure=(pa.string(), "measure of similarity; null for events and for scores of probes"),
        score=(pa.string(), "name"),
        value=(pa.float64(), "epochs for events, else a number; null where undefined"),
    ),
)
BOUNDARIES = Table(
    "phases/boundaries",
    "phases",
    Paths.boundaries,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        part=(pa.string(), "stem, body, head or output"),
        measure=(pa.string(), "measure of similarity"),
        detector=(pa.string(), "segmentation: where the best two phases meet; novelty; stop: of change; half: of it"),
        epoch=(pa.float64(), "epochs; null where the detector finds nothing"),
        from_measures=(pa.float64(), "decades of epochs; median distance under other measures, same detector"),
        from_detectors=(pa.float64(), "decades of epochs; median distance of other detectors, same measure"),
    ),
)
MOMENTS = Table(
    "phases/moments",
    "phases",
    Paths.moments,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        part=(pa.string(), "stem, body, head or output"),
        measure=(pa.string(), "measure of similarity"),
        epoch=(pa.float64(), "epochs, half way between two points of the even grid"),
        novelty=(pa.float64(), "similarity on either side minus across; null within 3 moments of an end"),
        alignment=(pa.float64(), "1 at a boundary of phases, 0 as near as on average; null without boundaries"),
    ),
)
