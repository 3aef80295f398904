"""The files of the stage ``regions``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

KEYS = schema(
    layer=(pa.string(), "layer"),
    depth=(pa.int64(), "observed layers from the input"),
    step=(pa.int64(), "optimizer steps"),
    epoch=(pa.float64(), "epochs"),
    planes=(pa.string(), "set of images"),
    plane=(pa.int64(), "number in its set"),
)


def labels_column(kind: pa.DataType, points: int) -> pa.Field:
    """The column of labels: a fixed-size list of ``points`` labels of type ``kind``."""
    (column,) = schema(labels=(pa.list_(pa.field("element", kind, nullable=False), points), "class"))
    return column


def _labels(found: pa.Schema) -> list[pa.Field]:
    kind = found.field("labels").type if "labels" in found.names else pa.null()
    if pa.types.is_fixed_size_list(kind) and kind.value_type in (pa.uint8(), pa.uint16()):
        return [labels_column(kind.value_type, kind.list_size)]
    return [labels_column(pa.uint8(), 1)]


LABELS = Table(
    "regions/labels",
    "regions",
    Paths.region_labels,
    rows=lambda counts: counts.checkpoints * counts.planes,
    schema=KEYS,
    more=_labels,
)
PICTURES = Table(
    "regions/pictures",
    "regions",
    Paths.region_pictures,
    rows=lambda counts: counts.checkpoints * counts.pictures,
    schema=KEYS,
    more=_labels,
)
SIMILARITY = Table(
    "regions/similarity",
    "regions",
    Paths.region_similarity,
    rows=lambda counts: counts.checkpoints**2,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        planes=(pa.string(), "set of images"),
        step_a=(pa.int64(), "optimizer steps"),
        step_b=(pa.int64(), "optimizer steps"),
        epoch_a=(pa.float64(), "epochs"),
        epoch_b=(pa.float64(), "epochs"),
        similarity=(pa.float64(), "DRS, fraction of points"),
        kappa=(pa.float64(), "DRS beyond chance (kappa); null where both give everything one and the same class"),
    ),
)
FRAGMENTATION = Table(
    "regions/fragmentation",
    "regions",
    Paths.region_fragmentation,
    rows=lambda counts: counts.checkpoints * counts.planes,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        planes=(pa.string(), "set of images"),
        plane=(pa.int64(), "number in its set"),
        fragments=(pa.int64(), "connected components"),
        classes=(pa.int64(), "classes present"),
    ),
)
FLOOR = Table(
    "regions/floor",
    "regions",
    Paths.region_floor,
    rows=lambda counts: counts.checkpoints,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        planes=(pa.string(), "set of images"),
        similarity=(pa.float64(), "DRS, fraction of points, probes of two halves of the probe examples"),
        kappa=(pa.float64(), "DRS beyond chance (kappa); null where both give everything one and the same class"),
    ),
)
