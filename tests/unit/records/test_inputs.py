import pyarrow as pa
import pytest

from repdyn.errors import RepdynError
from repdyn.records.inputs import INPUTS, input_column


@pytest.mark.parametrize(("tokens", "kind"), [(False, pa.float32()), (True, pa.int32())])
def test_inputs_are_lists_of_one_size_without_nulls_whole_numbers_if_they_are_tokens(tokens, kind):
    (field,) = input_column(12, tokens)
    assert field.name == "input"
    assert (field.type.list_size, field.type.value_type, field.type.value_field.nullable) == (12, kind, False)
    assert (field.metadata[b"unit"] == b"tokens") == tokens
    INPUTS.check_schema("x.parquet", pa.schema([*INPUTS.schema, field]))


def test_pixels_and_tokens_of_another_precision_are_refused():
    for kind in (pa.float16(), pa.float64(), pa.int64(), pa.uint8()):
        field = pa.field("input", pa.list_(pa.field("element", kind, nullable=False), 12))
        with pytest.raises(RepdynError, match="where the table `inputs` has `input`"):
            INPUTS.check_schema("x.parquet", pa.schema([*INPUTS.schema, field]))


@pytest.mark.parametrize(
    "columns",
    [[], [pa.field("input", pa.float32())], [pa.field("input", pa.list_(pa.float32()))], list(input_column(3)) * 2],
    ids=["none", "numbers", "lists of any size", "two"],
)
def test_a_table_without_one_column_of_inputs_is_refused(columns):
    with pytest.raises(RepdynError, match="as if another version of repdyn had written it; delete it"):
        INPUTS.check_schema("x.parquet", pa.schema([*INPUTS.schema, *columns]))
