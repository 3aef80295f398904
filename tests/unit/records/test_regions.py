import pyarrow as pa
import pytest

from repdyn.errors import RepdynError
from repdyn.records.regions import KEYS, LABELS, PICTURES, labels_column

TABLES = pytest.mark.parametrize("table", [LABELS, PICTURES], ids=lambda table: table.name)


def test_labels_are_a_list_of_one_for_each_point_without_nulls():
    field = labels_column(pa.uint16(), 36)
    assert field.name == "labels"
    assert (field.type.list_size, field.type.value_type, field.type.value_field.nullable) == (36, pa.uint16(), False)
    assert field.metadata == {b"unit": b"class"}


@TABLES
@pytest.mark.parametrize("kind", [pa.uint8(), pa.uint16()])
def test_classes_of_one_or_two_bytes_are_those_of_a_table(table, kind):
    for points in (1, 64):
        table.check_schema("x.parquet", pa.schema([*KEYS, labels_column(kind, points)]))


@TABLES
@pytest.mark.parametrize(
    "columns",
    [
        [],
        [labels_column(pa.int64(), 4)],
        [labels_column(pa.uint32(), 4)],
        [pa.field("labels", pa.list_(pa.uint8()))],
        [pa.field("labels", pa.list_(pa.field("element", pa.uint8()), 4))],
        [pa.field("labels", pa.uint8())],
        [labels_column(pa.uint8(), 4), pa.field("more", pa.uint8())],
    ],
    ids=["none", "int64", "uint32", "lists of any size", "with nulls", "no list", "a column more"],
)
def test_other_labels_are_refused(table, columns):
    with pytest.raises(RepdynError, match=f"`x.parquet` has .* where the table `{table.name}` has"):
        table.check_schema("x.parquet", pa.schema([*KEYS, *columns]))
