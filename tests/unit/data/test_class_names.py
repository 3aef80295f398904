import json
from pathlib import Path

import image_folders
import pyarrow as pa
import pytest

from repdyn.config import study as studies
from repdyn.config.facts import Facts
from repdyn.config.sections import Data
from repdyn.data import class_names
from repdyn.errors import RepdynError

NOWHERE = Path("/nonexistent")


def facts(classes):
    return Facts(shape=(2,), kind="numbers", dtype="float32", classes=classes, vocabulary=None, train=9, test=None,
                 given_labels=False, contents="0123456789abcdef")  # fmt: skip


@pytest.mark.parametrize(
    ("dataset", "first", "last"), [("fashion-mnist", "T-shirt/top", "ankle boot"), ("cifar10", "airplane", "truck")]
)
def test_published_data_have_the_names_of_their_authors(dataset, first, last):
    names = class_names.of(Data(dataset=dataset), NOWHERE)
    assert (len(names), names[0], names[-1]) == (10, first, last)


def test_classes_that_nobody_names_are_called_by_their_numbers():
    assert class_names.of(Data(), NOWHERE) == [str(label) for label in range(10)]
    assert class_names.of(Data(dataset="my_data:load", facts=facts(3)), NOWHERE) == ["0", "1", "2"]
    assert class_names.of(Data(dataset="my_data:load", facts=facts(None)), NOWHERE) == []


def test_classes_of_an_image_folder_are_called_as_their_folders_in_the_order_of_their_numbers(tmp_path):
    image_folders.plain(tmp_path / "mine")
    assert class_names.of(image_folders.described(), tmp_path) == ["n01", "n02", "n03"]
    assert class_names.of(image_folders.described(), tmp_path / "gone") == ["0", "1", "2"]


def test_a_folder_of_hugging_face_says_its_classes(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine").mkdir()
    feature = {"names": ["cat", "dog"], "_type": "ClassLabel"}
    about = {b"huggingface": json.dumps({"info": {"features": {"label": feature}}}).encode()}
    schema = pa.schema({"x": pa.list_(pa.float32(), 2), "label": pa.int64()}, about)
    with pa.OSFile("mine/data.arrow", "wb") as file, pa.ipc.new_stream(file, schema) as writer:
        writer.write_table(pa.table({"x": [[0.0, 1.0]], "label": [1]}, schema=schema))
    Path("mine/state.json").write_text(json.dumps({"_data_files": [{"filename": "data.arrow"}]}), encoding="utf-8")
    assert class_names.of(Data(dataset="./mine", facts=facts(2)), NOWHERE) == ["cat", "dog"]
    assert class_names.of(Data(dataset="./mine", facts=facts(3)), NOWHERE) == ["0", "1", "2"], "one has no name"


def test_the_config_names_classes_instead():
    names = [f"digit {label}" for label in range(10)]
    assert class_names.of(Data(class_names=names), NOWHERE) == names
    with pytest.raises(RepdynError, match=r"^`data.class_names` has 9 names, but `digits` has 10 classes; give one"):
        class_names.of(Data(class_names=names[1:]), NOWHERE)


def test_names_decide_the_table_of_examples_and_no_number(config):
    named = config | {"data": config["data"] | {"class_names": [f"digit {label}" for label in range(10)]}}
    plain, other = studies.parse(config), studies.parse(named)
    for stage in ("train", "activations", "planes", "regions", "findings"):
        run = plain.runs[0] if stage != "findings" else None
        of = run.replicate if stage == "planes" and run is not None else run
        assert plain.hyperparameters(stage, of) == other.hyperparameters(stage, of), stage
    seed = plain.runs[0].replicate
    assert plain.hyperparameters("examples", seed) != other.hyperparameters("examples", seed)
