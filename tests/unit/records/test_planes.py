import pyarrow as pa
import pytest

from repdyn.errors import RepdynError
from repdyn.records.planes import PLANES, image_columns


def test_a_plane_has_an_origin_and_two_directions_of_as_many_numbers_as_an_image():
    found = image_columns(192)
    assert found.names == ["origin", "a", "b"]
    for field in found:
        assert (field.type.list_size, field.type.value_type) == (192, pa.float32())
        assert not field.type.value_field.nullable
        assert field.metadata[b"unit"]


@pytest.mark.parametrize("pixels", [1, 192])
def test_images_of_any_size_are_those_of_a_table(pixels):
    PLANES.check_schema("x.parquet", pa.schema([*PLANES.schema, *image_columns(pixels)]))


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ([], "no column where the table `planes` has `origin`"),
        ([pa.field("origin", pa.float32())], r"`origin` \(float\) where the table `planes` has `origin`"),
        ([*list(image_columns(4))[:2], image_columns(5).field("b")], r"`b` .*\[5\]\) where .* has `b` .*\[4\]\)"),
        (list(image_columns(4))[:2], "no column where the table `planes` has `b`"),
        ([pa.field("origin", pa.list_(pa.field("element", pa.float64(), nullable=False), 4))], "has `origin`"),
    ],
    ids=["no image", "no list", "another size", "one direction", "float64"],
)
def test_a_table_without_three_images_of_one_size_is_refused(columns, words):
    with pytest.raises(RepdynError, match=words):
        PLANES.check_schema("x.parquet", pa.schema([*PLANES.schema, *columns]))
