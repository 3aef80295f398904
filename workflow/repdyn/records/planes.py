"""The file of the stage ``planes``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema


def _fixed(kind: pa.DataType, size: int) -> pa.DataType:
    return pa.list_(pa.field("element", kind, nullable=False), size)


def image_columns(pixels: int) -> pa.Schema:
    """The columns that hold images, each of ``pixels`` numbers."""
    image = _fixed(pa.float32(), pixels)
    return schema(
        origin=(image, "standardised pixel value"),
        a=(image, "unit vector in image space"),
        b=(image, "unit vector in image space"),
    )


def _images(found: pa.Schema) -> pa.Schema:
    kind = found.field("origin").type if "origin" in found.names else pa.null()
    return image_columns(kind.list_size if pa.types.is_fixed_size_list(kind) else 1)


# A plane's key is (purpose, planes, plane).
PLANES = Table(
    "planes",
    "planes",
    Paths.planes,
    scope="seed",
    rows=lambda counts: counts.planes + counts.pictures,
    schema=schema(
        purpose=(pa.string(), "scores or picture"),
        planes=(pa.string(), "set of images"),
        plane=(pa.int64(), "number in its set"),
        examples=(_fixed(pa.int64(), 3), "positions in the data set"),
        labels=(_fixed(pa.int64(), 3), "true classes"),
        x=(_fixed(pa.float64(), 3), "distance in image space along a, of the three images"),
        y=(_fixed(pa.float64(), 3), "distance in image space along b, of the three images"),
        x_range=(_fixed(pa.float64(), 2), "distance in image space along a, first and last grid point"),
        y_range=(_fixed(pa.float64(), 2), "distance in image space along b, first and last grid point"),
        resolution=(pa.int64(), "grid points a side"),
    ),
    more=_images,
)
