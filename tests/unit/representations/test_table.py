"""A table of activations gives the layer, checkpoint and split that it is asked for, and nothing else."""

from pathlib import Path

import numpy as np
import pytest
from damage import with_a_changed_byte
from stored_activations import FEATURES, drawn, write

from repdyn.errors import RepdynError
from repdyn.representations import table
from repdyn.representations.table import Representations


def test_each_layer_is_read_at_its_checkpoint_and_split_as_it_was_stored(tmp_path: Path) -> None:
    held = drawn()
    found = Representations(write(tmp_path / "a.parquet", held))
    assert (found.layers, found.coordinates) == (list(FEATURES), frozenset())
    for (step, split, layer), values in held.items():
        read = found.read(layer, step, split)
        assert read.dtype == values.dtype and not read.flags.writeable
        np.testing.assert_array_equal(read, values)
        assert found.features(layer) == FEATURES[layer]
    for split, n in (("similarity", 7), ("probe", 5)):
        examples = found.examples(split)
        assert list(examples) == ["example", "label", "given_label"]
        assert examples["example"].tolist() == [*range(10, 10 + n)]
        assert examples["given_label"].tolist() == [k % 2 for k in range(n)]


def test_checkpoints_ascend_in_whatever_order_they_were_written(tmp_path: Path) -> None:
    held = drawn(steps=(100, 0, 20))
    found = Representations(str(write(tmp_path / "a.parquet", held)))
    assert found.steps.dtype == np.int64 and found.steps.tolist() == [0, 20, 100]
    assert found.epochs.tolist() == [0, 2.5, 12.5]
    assert list(found.checkpoints.items()) == [(0, 0), (20, 2.5), (100, 12.5)]
    np.testing.assert_array_equal(found.read("head", 20, "probe"), held[20, "probe", "head"])


@pytest.mark.parametrize("rows", [1, 2, 3, 7, 100])
@pytest.mark.parametrize(("start", "stop"), [(0, 300), (0, 1), (17, 200), (299, 300), (50, 50)])
def test_some_features_are_those_of_all_however_many_rows_are_read_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rows: int, start: int, stop: int
) -> None:
    held = drawn(steps=(0, 4))
    found = Representations(write(tmp_path / "a.parquet", held))
    monkeypatch.setattr(table, "STREAMED", 4 * 300 * rows)
    some = found.read_some("blocks.0", 4, "similarity", start, stop)
    assert some.dtype == np.float16
    np.testing.assert_array_equal(some, held[4, "similarity", "blocks.0"][:, start:stop])


@pytest.mark.parametrize("changed", [[10, 11, 12, 13, 14, 16, 15], [10, 11, 12, 13, 14, 15, 17]])
@pytest.mark.parametrize("step", [4, 16])
def test_a_file_with_other_examples_at_a_later_checkpoint_is_refused(
    tmp_path: Path, step: int, changed: list[int]
) -> None:
    path = write(tmp_path / "a.parquet", drawn(), examples={(step, "similarity"): changed})
    with pytest.raises(RepdynError, match=f"the similarity examples at step {step} are not those at the first check"):
        Representations(path)


def test_other_labels_at_a_later_checkpoint_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", drawn(), labels={(4, "probe"): [0, 1, 2, 0, 2]})
    with pytest.raises(RepdynError, match="the probe examples at step 4 are not those"):
        Representations(path)


def test_fewer_examples_at_a_later_checkpoint_are_refused(tmp_path: Path) -> None:
    held = drawn()
    held |= {key: values[:-1] for key, values in held.items() if key[:2] == (16, "probe")}
    with pytest.raises(RepdynError, match="the probe examples at step 16 are not those"):
        Representations(write(tmp_path / "a.parquet", held))


def test_a_layer_that_is_held_as_coordinates_has_them_where_examples_are_compared_alone(tmp_path: Path) -> None:
    held = drawn()
    for step, split, layer in held:
        if layer == "blocks.0":
            held[step, split, layer] = held[step, split, layer][:, :7].astype(np.float32)
    found = Representations(write(tmp_path / "a.parquet", held, coordinates={"blocks.0": 7}))
    assert found.coordinates == {"blocks.0"} and found.features("blocks.0") == 7
    np.testing.assert_array_equal(found.read("blocks.0", 4, "similarity"), held[4, "similarity", "blocks.0"])
    with pytest.raises(RepdynError, match=r"has no activations of the probe examples in layer `blocks\.0`, which is"):
        found.read("blocks.0", 4, "probe")
    np.testing.assert_array_equal(found.read("head", 4, "probe"), held[4, "probe", "head"])


def test_a_file_that_is_missing_or_damaged_is_named_when_it_is_opened_or_read(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    with pytest.raises(RepdynError, match=r"a\.parquet` is not there"):
        Representations(path)
    held = drawn(steps=(0, 4), examples={"similarity": 400})  # so that a layer does not share its blocks with the keys
    content = write(path, held).read_bytes()
    path.write_bytes(content[:-20])
    with pytest.raises(RepdynError, match=r"a\.parquet` is damaged"):
        Representations(path)
    of_layer = content.index(held[4, "similarity", "blocks.0"][:10].tobytes()) + 120_000
    path.write_bytes(with_a_changed_byte(content, of_layer))
    found = Representations(path)
    found.read("blocks.0", 0, "similarity")
    with pytest.raises(RepdynError, match=r"a\.parquet` is damaged"):
        found.read("blocks.0", 4, "similarity")
    with pytest.raises(RepdynError, match=r"a\.parquet` is damaged"):
        found.read_some("blocks.0", 4, "similarity", 3, 5)
