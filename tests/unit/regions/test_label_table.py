import numpy as np
import pytest
from damage import with_a_changed_byte

from repdyn.errors import RepdynError
from repdyn.regions import label_table
from repdyn.regions.label_table import RegionLabels
from repdyn.storage import tables


def test_labels_of_256_classes_and_more_take_two_bytes_and_come_back(tmp_path):
    assert label_table.kind(255) == np.uint8
    assert label_table.kind(256) == np.uint16
    layout = label_table.layout(1000, resolution=2)
    labels = np.array([[[999, 0, 1, 2], [3, 4, 5, 6]], [[7, 8, 9, 255], [256, 257, 258, 998]]], dtype=np.uint16)
    block = label_table.Block(5, 0.5, "clean", np.array([3, 4]), labels)
    tables.write(tmp_path / "l.parquet", block.columns(["a", "output"], layout), layout, {}, **label_table.WRITING)
    back = RegionLabels(tmp_path / "l.parquet")
    assert (back.layers, back.epochs, back.planes["clean"].tolist()) == (["a", "output"], {5: 0.5}, [3, 4])
    np.testing.assert_array_equal(back.read(5, "clean", 0).labels, labels)


def stored(path, steps=(0, 8), sets=(("clean", 5), ("test", 3)), layers=("a", "b.é", "output"), in_block=2):
    """A table of labels that say where they are, and these labels, (step, set) -> (layers, planes, points)."""
    layout, wanted = label_table.layout(10, resolution=3), {}
    with tables.writer(path, layout, {}, **label_table.WRITING) as append:
        for step in steps:
            for name, planes in sets:
                labels = np.random.default_rng([step, planes]).integers(0, 10, size=(len(layers), planes, 9))
                wanted[step, name] = labels.astype(np.uint8)
                for start in range(0, planes, in_block):
                    part = slice(start, min(planes, start + in_block))
                    numbers = 100 + np.arange(part.start, part.stop)
                    block = label_table.Block(step, step / 4, name, numbers, wanted[step, name][:, part])
                    append(block.columns(layers, layout))
    return wanted


def test_blocks_come_back_by_step_set_and_number_whatever_their_sizes(tmp_path):
    wanted = stored(tmp_path / "l.parquet")
    table = RegionLabels(tmp_path / "l.parquet")
    assert table.layers == ["a", "b.é", "output"]
    assert list(table.epochs.items()) == [(0, 0.0), (8, 2.0)]
    assert table.blocks == {"clean": 3, "test": 2}
    assert {name: numbers.tolist() for name, numbers in table.planes.items()} == {
        "clean": [100, 101, 102, 103, 104],
        "test": [100, 101, 102],
    }
    for (step, name), labels in wanted.items():
        blocks = [table.read(step, name, block) for block in range(table.blocks[name])]
        assert {(block.step, block.epoch, block.name) for block in blocks} == {(step, step / 4, name)}
        np.testing.assert_array_equal(np.concatenate([block.labels for block in blocks], axis=1), labels)
        np.testing.assert_array_equal(np.concatenate([block.plane for block in blocks]), table.planes[name])


def test_the_table_says_the_same_in_rows(tmp_path):
    wanted = stored(tmp_path / "l.parquet")
    frame = tables.read(tmp_path / "l.parquet").to_pandas()
    assert len(frame) == 2 * 3 * (5 + 3)
    for row in frame.itertuples():
        assert (row.layer, row.epoch) == (["a", "b.é", "output"][row.depth], row.step / 4)
        np.testing.assert_array_equal(row.labels, wanted[row.step, row.planes][row.depth, row.plane - 100])


@pytest.mark.parametrize(("planes", "layers", "resolution"), [(1, 1, 2), (100, 10, 50), (7, 300, 1000), (4096, 1, 32)])
def test_blocks_cover_all_planes_in_order_and_hold_no_more_labels_than_fit(planes, layers, resolution):
    parts = label_table.blocks(planes, layers, resolution)
    assert np.concatenate([np.arange(planes)[part] for part in parts]).tolist() == [*range(planes)]
    assert all(0 <= part.start < part.stop <= planes for part in parts)
    labels = [(part.stop - part.start) * layers * resolution**2 for part in parts]
    one = layers * resolution**2
    assert max(labels) <= max(one, label_table.LABELS_PER_BLOCK)
    assert all(each + one > label_table.LABELS_PER_BLOCK for each in labels[:-1]), "they are no smaller than need be"


def test_a_file_that_is_missing_or_no_longer_whole_is_named(tmp_path):
    path = tmp_path / "l.parquet"
    with pytest.raises(RepdynError, match=r"l\.parquet` is not there"):
        RegionLabels(path)
    stored(path)
    content = path.read_bytes()
    path.write_bytes(content[:-50])
    with pytest.raises(RepdynError, match=r"l\.parquet` is damaged"):
        RegionLabels(path)
    path.write_bytes(with_a_changed_byte(content, len(content) // 2))
    with pytest.raises(RepdynError, match=r"l\.parquet` is damaged"):
        table = RegionLabels(path)
        for step in table.epochs:
            for name, blocks in table.blocks.items():
                for block in range(blocks):
                    table.read(step, name, block)
