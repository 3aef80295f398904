"""Arrays of one's own come back as they were stored, or not at all."""

import os
from dataclasses import replace

import numpy as np
import pytest
from damage import with_a_changed_byte

from repdyn.config.facts import Facts
from repdyn.data import array_store
from repdyn.data.own_arrays import Part
from repdyn.errors import RepdynError

FACTS = Facts((4, 3), "numbers", "float32", 3, None, 12, 5, True, "1" * 16)


def drawn(n, seed=0):
    random = np.random.default_rng(seed)
    return random.normal(size=(n, 4, 3)).astype(np.float32)


@pytest.fixture
def parts():
    """A training part that has everything, in another order than memory, and a test part that has little."""
    train = Part(np.asfortranarray(drawn(12)), np.arange(12) % 3, np.arange(12)[::-1] % 3, np.arange(24)[::2])
    return {"train": train, "test": Part(drawn(5, 1), None, None, None)}


def test_arrays_come_back_as_they_were_and_mapped(parts, tmp_path):
    array_store.write(tmp_path, "key", parts, FACTS)
    assert array_store.known(tmp_path, "key") == FACTS
    found = array_store.read(tmp_path, FACTS.contents)
    assert list(found) == ["train", "test"]
    for name, part in parts.items():
        assert list(found[name].arrays()) == list(part.arrays())
        for which, array in part.arrays().items():
            back = found[name].arrays()[which]
            assert isinstance(back, np.memmap) and back.dtype == array.dtype
            np.testing.assert_array_equal(back, array)


def test_the_store_knows_nothing_of_what_a_killed_process_left(parts, tmp_path):
    array_store.write(tmp_path, "key", parts, FACTS)
    (tmp_path / FACTS.contents / "facts.json").unlink()
    assert array_store.known(tmp_path, "key") is None and array_store.read(tmp_path, FACTS.contents) is None
    assert array_store.known(tmp_path, "other") is None and array_store.read(tmp_path, "2" * 16) is None


@pytest.mark.parametrize("file", ["train.inputs.npy", "train.ids.npy", "test.inputs.npy"])
@pytest.mark.parametrize("index", [0, 40, -1])
def test_one_changed_byte_of_any_array_is_damage(parts, tmp_path, caplog, file, index):
    array_store.write(tmp_path, "key", parts, FACTS)
    path = tmp_path / FACTS.contents / file
    path.write_bytes(with_a_changed_byte(path.read_bytes(), index))
    assert array_store.read(tmp_path, FACTS.contents) is None
    assert "is damaged; the data are read again" in caplog.text
    path.unlink()
    assert array_store.read(tmp_path, FACTS.contents) is None


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"facts": {"shape": 3}, "sums": {}}', b"\xff", b"null"])
def test_facts_that_say_nothing_are_as_if_they_were_not_there(parts, tmp_path, content):
    array_store.write(tmp_path, "key", parts, FACTS)
    (tmp_path / FACTS.contents / "facts.json").write_bytes(content)
    assert array_store.known(tmp_path, "key") is None and array_store.read(tmp_path, FACTS.contents) is None
    (tmp_path / "key.json").write_bytes(content)
    assert array_store.known(tmp_path, "key") is None


def test_a_second_key_of_the_same_contents_and_other_contents_of_the_same_key_are_kept_apart(parts, tmp_path):
    other = replace(FACTS, contents="2" * 16, train=5)
    array_store.write(tmp_path, "one", parts, FACTS)
    array_store.write(tmp_path, "two", parts, FACTS)
    array_store.write(tmp_path, "one", {"train": parts["test"]}, other)
    assert (array_store.known(tmp_path, "one"), array_store.known(tmp_path, "two")) == (other, FACTS)
    assert len(array_store.read(tmp_path, FACTS.contents)["train"].inputs) == 12
    assert len(array_store.read(tmp_path, other.contents)["train"].inputs) == 5


def test_the_digest_is_of_numbers_types_shapes_and_names_and_of_no_layout_in_memory(parts, monkeypatch):
    train = parts["train"]
    wanted = array_store.digest(parts, 3, None)
    assert len(wanted) == 16 and int(wanted, 16) >= 0
    for chunk in (1, 100, 2**24):
        monkeypatch.setattr(array_store, "CHUNK", chunk)
        again = parts | {"train": replace(train, inputs=np.ascontiguousarray(train.inputs), ids=train.ids.copy())}
        assert array_store.digest(again, 3, None) == wanted
    changed = train.inputs.copy()
    changed[-1, -1, -1] += 1
    others = [
        array_store.digest(parts, 4, None),
        array_store.digest({"train": train}, 3, None),
        array_store.digest({"test": train, "train": parts["test"]}, 3, None),
        *(
            array_store.digest(parts | {"train": replace(train, **change)}, 3, None)
            for change in (
                {"inputs": changed},
                {"inputs": train.inputs.reshape(12, 3, 4)},
                {"inputs": train.inputs.view(np.int32)},
                {"given_labels": None},
                {"given_labels": train.labels, "labels": train.given_labels},
                {"ids": train.ids[::-1]},
            )
        ),
    ]
    assert len({wanted, *others}) == len(others) + 1


@pytest.mark.parametrize(
    ("dataset", "name"),
    [
        ("my_data:load", "my_data.load-arrays"),
        ("../données/a b.npz", "données.a.b.npz-arrays"),
        ("./folder/", "folder-arrays"),
        ("x" * 300 + ":y", "x" * 78 + ".y-arrays"),
    ],
)
def test_a_data_set_has_one_folder_whatever_its_name(tmp_path, dataset, name):
    found = array_store.folder(dataset, tmp_path)
    assert found == tmp_path / name
    found.mkdir()


def test_one_process_at_a_time_has_a_store_and_where_there_can_be_none_it_is_said(tmp_path):
    store = tmp_path / "deep" / "store"
    with array_store.alone(store):
        child = os.fork()
        if not child:  # another process, which must not get in
            import fcntl

            try:
                fcntl.flock(os.open(store / ".lock", os.O_RDWR), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os._exit(0)
            os._exit(1)
        assert os.waitpid(child, 0)[1] == 0
    (tmp_path / "file").touch()
    with pytest.raises(RepdynError, match=r"file/store` cannot be written: Not a directory"):
        array_store.alone(tmp_path / "file" / "store").__enter__()
