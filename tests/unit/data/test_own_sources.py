"""Functions, NumPy's archives and folders of Hugging Face's as sources of one's own data."""

import json
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from own_data import LABELS, TEST, N, draw, load, settle, study_root
from PIL import Image

from repdyn.config import study as studies
from repdyn.config.sections import Data
from repdyn.data import datasets, own_sources
from repdyn.errors import RepdynError

X = draw(N, 4, 4)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({"dataset": "of_test_none:load"}, "there is no module `of_test_none`"),
        ({"dataset": "json:load_it"}, "`json` has no `load_it`"),
        ({"dataset": "nothing.npz"}, "is `nothing.npz`, but there is no such file or folder"),
        ({"dataset": "./nothing"}, "is `nothing`, but there is no such file or folder"),
        ({"dataset": "json:loads", "files": ["no*.csv"]}, "`data.files` names `no\\*.csv`, but there is no such file"),
    ],
)
def test_what_is_not_there_is_named(config, data, sentence):
    with pytest.raises(RepdynError, match=sentence):
        settle(studies.parse(config | {"data": data}))


def npz(path, **arrays):
    np.savez(path, **arrays)
    return str(path)


@pytest.mark.parametrize(
    ("names", "columns", "test"),
    [
        (("x_train", "y_train", "x_test", "y_test"), None, TEST),  # as Keras names them
        (("train_images", "train_labels", "val_images", "val_labels"), None, TEST),  # as MedMNIST does
        (("inputs", "labels"), None, None),
        (("pictures", "digit"), {"inputs": "pictures", "labels": "digit"}, None),
    ],
)
def test_an_npz_is_read_by_the_names_that_are_usual_or_said(config, names, columns, test):
    x, y = draw(N + TEST, 6, 10, kind="uint8"), np.arange(N + TEST) % 3
    arrays = (x[:N], y[:N], x[N:], y[N:]) if test else (x, y)
    data = {"dataset": npz("mine.npz", **dict(zip(names, arrays, strict=True))), "columns": columns}
    study = studies.parse(config | {"data": data, "execution": {"data_root": "data"}})
    facts, found = load(study)
    assert (facts.shape, facts.kind, facts.classes, facts.test) == ((1, 6, 10), "images", 3, test)
    assert facts.train == (N if test else N + TEST)
    np.testing.assert_array_equal(found.train.labels, found.train.examples % 3)
    stored = found.train.inputs.stored[found.train.examples, 0]
    np.testing.assert_array_equal(stored, x[found.train.examples])


@pytest.mark.parametrize(
    ("write", "sentence"),
    [
        (lambda path: path.write_bytes(b"not a zip file"), "`mine.npz` cannot be read as arrays of NumPy"),
        (lambda path: npz(path, a=np.ones(3)), "`mine.npz` has a, but no `train_inputs` or `inputs`"),
        (lambda path: npz(path, inputs=np.array([object()])), "cannot be read as arrays of NumPy"),
    ],
)
def test_an_npz_that_holds_something_else_is_refused(config, tmp_path, write, sentence):
    write(tmp_path / "mine.npz")
    study = studies.parse(config | {"data": {"dataset": "mine.npz"}})
    with pytest.raises(RepdynError, match=sentence):
        settle(study)


def test_a_column_that_is_not_there_is_named(config):
    for columns, sentence in (
        ({"labels": "digti"}, r"`data.columns.labels` is `digti`, which `mine.npz` does not have"),
        ({"inputs": "pixels"}, r"`mine.npz` has x, y, but no `train_inputs` or `inputs`; .* under `data.columns`"),
    ):
        study = studies.parse(config | {"data": {"dataset": npz("mine.npz", x=X, y=LABELS), "columns": columns}})
        with pytest.raises(RepdynError, match=sentence):
            settle(study)


@pytest.fixture
def hugging_face():
    return pytest.importorskip("datasets")


def test_a_folder_that_hugging_face_saved_is_read_without_its_library(hugging_face, config):
    pixels, labels = draw(N + TEST, 6, 10, 3, kind="uint8"), np.arange(N + TEST) % 3
    features = hugging_face.Features(
        image=hugging_face.Image(), label=hugging_face.ClassLabel(names=["a", "b", "c", "d"])
    )
    splits = {
        name: hugging_face.Dataset.from_dict(
            {"image": [Image.fromarray(each) for each in pixels[part]], "label": labels[part]}, features=features
        )
        for name, part in {"train": slice(N), "validation": slice(N, None)}.items()
    }
    hugging_face.DatasetDict(splits).save_to_disk("mine")
    study = studies.parse(config | {"data": {"dataset": "./mine"}, "execution": {"data_root": "data"}})
    facts = settle(study).data.facts
    assert (facts.shape, facts.kind, facts.classes, facts.train, facts.test) == ((3, 6, 10), "images", 4, N, TEST)
    train, test = datasets.read(settle(study).data, study_root(study))
    np.testing.assert_array_equal(np.concatenate([train.inputs, test.inputs]), pixels.transpose(0, 3, 1, 2))
    np.testing.assert_array_equal(np.concatenate([train.labels, test.labels]), labels)


def test_a_test_split_whose_labels_are_held_back_is_not_taken(hugging_face, config):
    splits = {
        name: hugging_face.Dataset.from_dict({"x": X[:30].tolist(), "label": labels})
        for name, labels in {"train": LABELS[:30], "test": [-1] * 30, "validation": LABELS[3:33]}.items()
    }
    hugging_face.DatasetDict(splits).save_to_disk("mine")
    study = studies.parse(config | {"data": {"dataset": "./mine"}, "execution": {"data_root": "data"}})
    _, test = datasets.read(settle(study).data, study_root(study))
    np.testing.assert_array_equal(test.labels, LABELS[3:33])


def test_lists_tokens_and_arrays_of_hugging_face_are_read_too(hugging_face, config):
    tokens, numbers = draw(N, 7, kind="int64"), draw(N, 2, 5).astype(np.float32)
    features = hugging_face.Features(
        input_ids=hugging_face.Sequence(hugging_face.Value("int64")),
        signal=hugging_face.Array2D((2, 5), "float32"),
        label=hugging_face.Value("int64"),
    )
    data = {"input_ids": tokens, "signal": numbers, "label": LABELS}
    hugging_face.Dataset.from_dict(data, features=features).save_to_disk("mine")
    for column, wanted in (("input_ids", tokens), ("signal", numbers)):
        settings = {"dataset": "./mine", "columns": {"inputs": column}}
        study = studies.parse(config | {"data": settings, "execution": {"data_root": "data"}})
        train, test = datasets.read(settle(study).data, study_root(study))
        assert test is None
        np.testing.assert_array_equal(train.inputs, wanted)
        np.testing.assert_array_equal(train.labels, LABELS)


def test_what_of_hugging_face_cannot_be_read_is_said(hugging_face, config):
    def refused(sentence, **data):
        with pytest.raises(RepdynError, match=sentence):
            settle(studies.parse(config | {"data": {"dataset": "./mine", **data}}))

    whole = hugging_face.Dataset.from_dict({"text": ["a", "b"], "input_ids": [[1, 2], [3]], "label": [0, 1]})
    whole.save_to_disk("mine")
    refused("has rows of 1 to 2 values; crop or pad them")
    refused("`inputs` of `train` are text|cannot become an array of numbers", columns={"inputs": "text"})
    refused("has the columns text, input_ids, label; name the one of inputs", columns={"inputs": "picture"})
    Path("mine/state.json").write_text("{}", encoding="utf-8")
    refused("`mine` cannot be read")
    Path("mine/state.json").unlink()
    refused("it has no `state.json`")


# ---- without Hugging Face's library ---------------------------------------------------------------------------------


def saved(folder, columns, metadata=None, is_stream=True, **state):
    """A split as `save_to_disk` leaves it, in one file of Arrow's for each of the given tables."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    names = []
    for number, part in enumerate(columns if isinstance(columns, list) else [columns]):
        table = pa.table(part).replace_schema_metadata({"huggingface": metadata} if metadata else None)
        names.append(f"data-{number:05d}.arrow")
        begin = pa.ipc.new_stream if is_stream else pa.ipc.new_file
        with pa.OSFile(f"{folder}/{names[-1]}", "wb") as sink, begin(sink, table.schema) as writer:
            writer.write_table(table)
    listed = json.dumps({"_data_files": [{"filename": name} for name in names]} | state)
    Path(folder, "state.json").write_text(listed, encoding="utf-8")


def png(array, mode=None):
    content = BytesIO()
    Image.fromarray(array, mode).save(content, "PNG")
    return {"bytes": content.getvalue(), "path": None}


@pytest.mark.parametrize("is_stream", [True, False])
def test_rows_of_several_files_come_in_their_order_and_nested_lists_as_arrays(is_stream):
    x = np.arange(5 * 2 * 3).reshape(5, 2, 3)
    parts = [{"x": x[part].tolist(), "y": np.arange(5)[part]} for part in (slice(2), slice(2, 5))]
    saved("mine", parts, is_stream=is_stream)
    found = own_sources.read(Data(dataset="./mine"))
    assert found.keys() == {"train", "test"} and found["test"] is None
    np.testing.assert_array_equal(found["train"]["inputs"], x)
    np.testing.assert_array_equal(found["train"]["labels"], np.arange(5))


@pytest.mark.parametrize(
    ("splits", "taken"),
    [
        ({"train": [0, 1], "validation": [1, 0], "test": [0, 0]}, "test"),
        ({"train": [0, 1], "validation": [1, 0], "test": [-1, -1]}, "validation"),
        ({"train": [0, 1], "val": [1, 0], "valid": [0, 0]}, "valid"),
        ({"train": [0, 1], "test": [-1, -1]}, None),
        ({"train": [0, 1], "extra": [0, 1]}, None),
    ],
)
def test_the_first_split_whose_labels_are_known_is_the_test_part(splits, taken):
    for number, (name, labels) in enumerate(splits.items()):
        saved(f"mine/{name}", {"x": [[float(number)]] * 2, "label": labels})
    Path("mine/dataset_dict.json").write_text(json.dumps({"splits": list(splits)}), encoding="utf-8")
    found = own_sources.read(Data(dataset="./mine"))
    assert found["train"]["inputs"][0] == 0
    if taken is None:
        assert found["test"] is None
    else:
        assert found["test"]["inputs"][0] == list(splits).index(taken)


def test_classes_that_the_schema_names_are_counted_and_other_labels_name_none():
    def features(kind):
        return json.dumps({"info": {"features": {"y": {"names": ["a", "b", "c"], "_type": kind}}}})

    columns = {"x": [[1.0]] * 2, "y": [0, 1]}
    for metadata, classes in ((features("ClassLabel"), 3), (features("Value"), None), ("{", None), (None, None)):
        saved("mine", columns, metadata)
        assert own_sources.read(Data(dataset="./mine")).get("classes") == classes


def test_pictures_are_decoded_with_channels_first_and_grey_ones_have_one():
    colours = draw(2, 3, 4, 3, kind="uint8")
    wide = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    alpha = np.dstack([colours[0], np.full((3, 4), 255, dtype=np.uint8)])
    Image.fromarray(colours[1]).save("beside.png")
    rows = [png(colours[0]), png(colours[1, ..., 0].copy()), png(wide), png(alpha)]
    saved("mine", {"image": [*rows, {"bytes": None, "path": "beside.png"}]})
    found = own_sources.read(Data(dataset="./mine"))["train"]["inputs"]
    assert [each.dtype for each in found] == [np.uint8, np.uint8, np.uint16, np.uint8, np.uint8]
    wanted = [colours[0], colours[1, ..., :1], wide[..., None], colours[0], colours[1]]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("columns", "state", "sentence"),
    [
        ({"x": [[1.0], None, None]}, {}, "`x` in `mine` has 2 empty rows; fill or drop them"),
        ({"x": [[1.0]]}, {"_indices_files": ["i.arrow"]}, r"saved with a selection .* save `dataset.flatten_indices"),
        ({"x": [[1.0]]}, {"_data_files": [{"filename": "gone.arrow"}]}, "`mine` is no folder that|cannot be read"),
        ({"image": [png(np.zeros((2, 2), np.uint8)), {"bytes": b"no", "path": None}]}, {}, "the image of row 1 cannot"),
        ({"image": [{"bytes": None, "path": "gone.png"}]}, {}, "the image of row 0 cannot be read: .*No such file"),
    ],
    ids=["empty rows", "selection", "missing file", "damaged picture", "missing picture"],
)
def test_a_folder_that_cannot_be_read_is_refused_in_a_sentence(columns, state, sentence):
    saved("mine", columns, **state)
    with pytest.raises(RepdynError, match=sentence):
        own_sources.read(Data(dataset="./mine"))


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"splits": 3}'])
def test_a_list_of_splits_that_is_none_and_one_without_train_are_refused(content):
    saved("mine/test", {"x": [[1.0]]})
    Path("mine/dataset_dict.json").write_text(content, encoding="utf-8")
    with pytest.raises(RepdynError, match=r"`mine/dataset_dict\.json` cannot be read: "):
        own_sources.read(Data(dataset="./mine"))
    Path("mine/dataset_dict.json").write_text('{"splits": ["test"]}', encoding="utf-8")
    with pytest.raises(RepdynError, match="`mine` has the splits test, but no `train`"):
        own_sources.read(Data(dataset="./mine"))


# ---- archives, functions and files ----------------------------------------------------------------------------------


def test_an_archive_has_a_test_part_before_one_of_validation_and_numbers_beside_the_parts():
    x, y = np.ones((4, 2)), np.arange(4)
    parts = {"train_x": x, "train_y": y, "val_x": 2 * x, "val_y": y, "x_test": 3 * x, "classes": 9, "vocabulary": 7}
    found = own_sources.read(Data(dataset=npz("mine.npz", **parts)))
    assert (found["classes"], found["vocabulary"]) == (9, 7)
    np.testing.assert_array_equal(found["train"]["labels"], y)
    assert found["test"].keys() == {"inputs"} and found["test"]["inputs"][0, 0] == 3


@pytest.fixture
def given(monkeypatch):
    """Reads what a function returns."""

    def read(value):
        monkeypatch.setattr(own_sources.load, "load", lambda _: lambda: value)
        return own_sources.read(Data(dataset="mine:load"))

    return read


def test_a_function_gives_one_part_or_two_in_any_of_the_ways(given):
    x, y = draw(6, 2), np.arange(6)
    one, two = {"inputs": x, "labels": y}, (x, y)
    assert given({"train": one}) == {"train": one, "test": None}
    assert given({"train": one, "test": two, "classes": 3}) == {"train": one, "test": two, "classes": 3}
    assert given(one) == {"train": one, "test": None}
    assert given((one, two)) == {"train": one, "test": two}
    assert given([two, None]) == {"train": two, "test": None}
    alone = given(two)  # a pair of arrays is inputs and labels, not two parts
    assert alone["test"] is None and alone["train"] is two
    dataset = SimpleNamespace()
    assert given(dataset) == {"train": dataset, "test": None}


def test_files_of_a_function_are_those_that_its_patterns_match_each_once_and_in_order(tmp_path):
    for name in ("raw/b.csv", "raw/a.csv", "raw/é [1].csv", "more/c.csv", "raw/folder.csv/d.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    of = own_sources.files(Data(dataset="mine:load", files=["raw/b.csv", "raw/*.csv", f"{tmp_path}/more/*"]))
    assert of == [Path(name) for name in ("raw/b.csv", "raw/a.csv", "raw/é [1].csv", tmp_path / "more/c.csv")]
    assert own_sources.files(Data(dataset="mine:load")) == []


def test_files_of_an_archive_and_of_a_folder_are_all_that_can_decide_what_is_read():
    saved("mine/train", {"x": [[1.0]]})
    Path("mine/dataset_dict.json").touch()
    Path("mine/README.md").touch()
    names = ("dataset_dict.json", "train/data-00000.arrow", "train/state.json")
    assert own_sources.files(Data(dataset="./mine")) == [Path("mine", name) for name in names]
    assert own_sources.files(Data(dataset=npz("mine.npz", x=X))) == [Path("mine.npz")]
