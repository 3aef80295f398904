"""The examples that similarity is measured on, as the network gets them: a table of the stage ``activations``.

What the inputs' own geometry explains of a layer's, deconfounded CKA takes away (``similarity/cka.py``). Tokens are
stored as integers.
"""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema


def input_column(size: int, tokens: bool = False) -> pa.Schema:
    """The column of inputs, fixed-size lists of non-null float32, or int32 if they are tokens."""
    kind = pa.list_(pa.field("element", pa.int32() if tokens else pa.float32(), nullable=False), size)
    return schema(input=(kind, "tokens" if tokens else "standardised pixels, channels outermost"))


def _input(found: pa.Schema) -> Sequence[pa.Field]:
    place = found.get_field_index("input")
    if place < 0 or not pa.types.is_fixed_size_list(found.field(place).type):
        return list(input_column(1))
    kind = found.field(place).type
    return list(input_column(kind.list_size, tokens=pa.types.is_integer(kind.value_type)))


INPUTS = Table(
    "inputs",
    "activations",
    Paths.inputs,
    schema=schema(example=(pa.int64(), "position in the data set")),
    more=_input,
    rows=lambda counts: counts.compared,
)
