import pyarrow as pa
import pytest

from repdyn.errors import RepdynError
from repdyn.records.activations import ACTIVATIONS, COORDINATE, PROBE_VIEW, WHOLE, held_as_coordinates, layer_columns
from repdyn.records.layer_names import KEYS

LAYERS = {"stem": (4, pa.float16(), WHOLE), "größe": (40, pa.float32(), COORDINATE), "head": (40, pa.float16(), WHOLE)}


def with_keys(*columns):
    return pa.schema([*ACTIVATIONS.schema, *columns])


def test_a_layer_is_a_column_of_lists_of_its_size_without_nulls_in_the_order_given():
    found = layer_columns(LAYERS)
    assert found.names == list(LAYERS)
    for field, (size, kind, unit) in zip(found, LAYERS.values(), strict=True):
        assert (field.type.list_size, field.type.value_type) == (size, kind)
        assert not field.type.value_field.nullable
        assert field.metadata == {b"unit": unit.encode()}
    assert len(layer_columns({})) == 0


def test_the_layers_held_as_coordinates_are_those_whose_unit_says_so():
    assert held_as_coordinates(with_keys(*layer_columns(LAYERS))) == ["größe"]
    assert held_as_coordinates(with_keys()) == []
    assert held_as_coordinates(pa.schema([("a", pa.list_(pa.float16(), 2))])) == [], "a column without a unit"


def test_the_keys_are_those_that_no_layer_may_be_called():
    assert tuple(ACTIVATIONS.names) == KEYS
    assert PROBE_VIEW.schema == ACTIVATIONS.schema
    assert ACTIVATIONS.path is not PROBE_VIEW.path


@pytest.mark.parametrize("table", [ACTIVATIONS, PROBE_VIEW], ids=lambda table: table.name)
def test_any_layers_of_floats_are_those_of_a_table(table):
    table.check_schema("x.parquet", with_keys(*layer_columns(LAYERS)))
    table.check_schema("x.parquet", with_keys(*layer_columns({"a": (1, pa.float64(), WHOLE)})))
    table.check_schema("x.parquet", with_keys())


@pytest.mark.parametrize(
    "kind",
    [
        pa.float32(),
        pa.string(),
        pa.list_(pa.field("element", pa.float32(), nullable=False)),
        pa.list_(pa.field("element", pa.float32()), 3),
        pa.list_(pa.field("element", pa.int64(), nullable=False), 3),
    ],
    ids=str,
)
def test_a_column_that_holds_no_floats_of_one_size_is_refused_by_name(kind):
    found = with_keys(*layer_columns(LAYERS), pa.field("extra", kind))
    with pytest.raises(RepdynError, match=r"`x.parquet` has `extra` .* where the table `activations` has `extra`"):
        ACTIVATIONS.check_schema("x.parquet", found)


def test_a_missing_key_is_refused():
    columns = [field for field in ACTIVATIONS.schema if field.name != "split"]
    with pytest.raises(RepdynError, match=r"has `example` \(int64\) where .* has `split` \(string\)"):
        ACTIVATIONS.check_schema("x.parquet", pa.schema([*columns, *layer_columns(LAYERS)]))
