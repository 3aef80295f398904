"""The examples that similarity is measured on, as the network gets them: a table of the stage ``activations``.

What the images' own geometry explains of a layer's, deconfounded CKA takes away (``similarity/cka.py``).
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema


def input_column(size: int) -> pa.Schema:
    """The column of inputs, fixed-size lists of non-null float32."""
    kind = pa.list_(pa.field("element", pa.float32(), nullable=False), size)
    return schema(input=(kind, "standardised pixels, channels outermost"))


def _input(found: pa.Schema) -> Sequence[pa.Field]:
    place = found.get_field_index("input")
    is_list = place >= 0 and pa.types.is_fixed_size_list(found.field(place).type)
    return list(input_column(found.field(place).type.list_size if is_list else 1))


INPUTS = Table(
    "inputs",
    "activations",
    Paths.inputs,
    schema=schema(example=(pa.int64(), "position in the data set")),
    more=_input,
    rows=lambda counts: counts.compared,
)
