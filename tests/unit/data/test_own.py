"""One's own data: functions, files and folders give the arrays that they should, once; what is wrong is said."""

import dataclasses
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import repdyn
from repdyn.config import study as studies
from repdyn.config.sections import Data
from repdyn.data import array_store, datasets, own, own_arrays, subsets
from repdyn.errors import RepdynError
from repdyn.planning import check
from repdyn.types import Inputs

N, TEST = 60, 30
LABELS = np.arange(N) % 3


def draw(*shape, kind="f"):
    random = np.random.default_rng(len(shape))
    return random.normal(size=shape) if kind == "f" else random.integers(0, 200, size=shape).astype(kind)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for module in [name for name in sys.modules if name.startswith("of_test")]:
        del sys.modules[module]


@pytest.fixture
def study(config, tmp_path):
    """A study of what a function returns."""

    def made(returns, **data):
        body = "".join(f"    {line}\n" for line in returns.splitlines())
        code = f"import numpy as np, torch\ndef load(**kwargs):\n    print('called')\n{body}"
        name = f"of_test_{hashlib.md5(code.encode()).hexdigest()}"
        (tmp_path / f"{name}.py").write_text(code, encoding="utf-8")
        content = {"data": {"dataset": f"{name}:load", **data}, "execution": {"data_root": str(tmp_path / "data")}}
        return studies.parse(config | content)

    return made


def settle(study):
    return datasets.settled(study, (".",))


def load(study, seed=0):
    settings = settle(study).data
    return settings.facts, subsets.load(settings, study_root(study), seed)


def study_root(study):
    return Path(study.execution.data_root)


PARTS = "{{'train': {{'inputs': {x}[:40], 'labels': y[:40]}}, 'test': {{'inputs': {x}[40:], 'labels': y[40:]}}}}"
DRAWN = "x = np.random.default_rng(0).normal(size=(60, *{shape}))\ny = np.arange(60) % 3\n"


@pytest.mark.parametrize(
    ("array", "shape", "kind", "dtype"),
    [
        (draw(N, 12), (12,), "numbers", "float32"),
        (draw(N, 2, 40), (2, 40), "numbers", "float32"),
        (draw(N, 5, 6, 10), (5, 6, 10), "images", "float32"),
        (draw(N, 2, 3, 4, 5), (2, 3, 4, 5), "numbers", "float32"),
        (draw(N, 7, kind="int64"), (7,), "tokens", "uint8"),
        (draw(N, 7, kind="int64") * 300, (7,), "tokens", "int32"),
        (draw(N, 6, 10, kind="uint8"), (1, 6, 10), "images", "uint8"),
        (draw(N, 3, 6, 10, kind="int64"), (3, 6, 10), "images", "uint8"),
        (draw(N, 1, 6, 10, kind="int64") * 100, (1, 6, 10), "images", "int16"),
        (torch.from_numpy(draw(N, 12)).to(torch.bfloat16), (12,), "numbers", "float32"),
        (draw(N, 4, 4).tolist(), (4, 4), "numbers", "float32"),
        (draw(N, 2, 3, 4, 5, kind="int64"), (2, 3, 4, 5), "numbers", "float32"),
        (draw(N, 9) > 0, (9,), "tokens", "uint8"),
    ],
)
def test_inputs_of_any_shape_and_type_are_what_they_look_like(array, shape, kind, dtype):
    part, found = own_arrays.part({"inputs": array, "labels": LABELS}, None, "train")
    assert (part.inputs.shape, found, part.inputs.dtype) == ((N, *shape), kind, dtype)
    values = array.float().numpy() if isinstance(array, torch.Tensor) else np.asarray(array)
    np.testing.assert_allclose(part.inputs.reshape(values.shape), values, rtol=1e-6)


def test_the_config_says_what_inputs_are_where_they_look_like_something_else():
    array = draw(N, 6, 10, kind="uint8")
    assert own_arrays.part({"inputs": array}, "tokens", "train")[1] == "tokens"
    part, _ = own_arrays.part({"inputs": array}, "numbers", "train")
    assert part.inputs.dtype == np.float32
    channels_last = draw(N, 8, 8, 3)
    assert own_arrays.part({"inputs": channels_last}, "numbers", "train")[0].inputs.shape == (N, 8, 8, 3)


class Pairs(torch.utils.data.Dataset):
    def __init__(self, inputs, labels):
        self.inputs, self.labels = inputs, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.inputs[i], self.labels[i]


def test_mappings_pairs_and_torch_datasets_give_the_same_part():
    x = draw(N, 2, 6, 10).astype(np.float32)
    ways = [
        {"inputs": x, "labels": LABELS},
        (x, LABELS),
        Pairs(torch.from_numpy(x), LABELS),
        list(zip(x, LABELS, strict=True)),
    ]
    for way in ways:
        part, _ = own_arrays.part(way, None, "train")
        np.testing.assert_array_equal(part.inputs, x)
        np.testing.assert_array_equal(part.labels, LABELS)


def test_pictures_of_a_torch_dataset_become_channels_first():
    pixels = draw(N, 6, 10, 3, kind="uint8")
    part, kind = own_arrays.part(Pairs([Image.fromarray(each) for each in pixels], LABELS), None, "train")
    assert kind == "images"
    np.testing.assert_array_equal(part.inputs, pixels.transpose(0, 3, 1, 2))


X = draw(N, 4, 4)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"labels": LABELS}, "The part `train` has no `inputs`; its arrays are inputs, labels, given_labels, ids"),
        ({"inputs": X, "label": LABELS}, "has `label`; its arrays are inputs, labels"),
        ({"inputs": X, "labels": LABELS[:-1]}, "`labels` of `train` has 59 rows, but `inputs` has 60"),
        ({"inputs": X, "labels": 3}, "`labels` of `train` has one value, but `inputs` has 60"),
        ({"inputs": X[:0], "labels": LABELS[:0]}, r"have the shape \(0, 4, 4\), but must be"),
        ({"inputs": X[:, 0, 0], "labels": LABELS}, r"have the shape \(60,\), but must be \(examples, …\)"),
        ({"inputs": np.where(X > 2, np.nan, X)}, "`inputs` of `train` are NaN or infinite in float32"),
        ({"inputs": X * 1e200}, "`inputs` of `train` are NaN or infinite in float32"),
        ({"inputs": X.astype(complex)}, "are of type complex128, but must be numbers"),
        ({"inputs": [["a", "b"]] * N}, "`inputs` of `train` are text, but must be numbers; number them from 0"),
        ({"inputs": [[1.0], [1.0, 2.0]]}, "`inputs` of `train` have different shapes, but all examples must have one"),
        ({"inputs": [None] * N}, "cannot become an array of numbers"),
        ({"inputs": draw(N, 32, 32, 3)}, "channels last, but images are examples × channels × height × width; use"),
        ({"inputs": draw(N, 7, kind="int64") - 1000}, "are tokens with the integer -1000, but must be 0 or greater"),
        ({"inputs": draw(N, 8, 8, kind="int64") * 1000}, "at most 65535 is white; give floats"),
        ({"inputs": X, "labels": LABELS - 1}, "`labels` of `train` are -1 for example 0, but classes are integers"),
        ({"inputs": X, "labels": LABELS * 40_000}, "are 80000 for example 2, but classes"),
        ({"inputs": X, "labels": LABELS.astype(str)}, "`labels` of `train` are text"),
        ({"inputs": X, "labels": np.where(LABELS > 1, np.nan, 1)}, "`labels` of `train` are NaN or infinite for"),
        ({"inputs": X, "given_labels": LABELS}, "`given_labels` of `train` are the classes to train on where `labels`"),
        ({"inputs": X, "labels": LABELS, "given_labels": LABELS + 0.5}, "both must be integers"),
        ({"inputs": X, "ids": LABELS}, "`ids` of `train` name several examples 0"),
        ({"inputs": X, "ids": X[:, 0, 0]}, "`ids` of `train` must be integers"),
        (X, "is a ndarray, but must be a mapping of arrays"),
        (Pairs(list(X), LABELS[:-1]), None),
        ([(x,) for x in X], "Example 0 of the part `train` is a tuple, but must be a pair of input and label"),
        ([(X[0], 0), (X[0, :2], 1), (X[1], 0)], "have different shapes"),
        ([], "must be a mapping of arrays|has no examples"),
    ],
)  # fmt: skip
def test_a_part_that_is_wrong_is_refused_in_a_sentence(given, sentence):
    if sentence is None:
        assert len(own_arrays.part(given, None, "train")[0].inputs) == N - 1
        return
    with pytest.raises(RepdynError, match=sentence):
        own_arrays.part(given, None, "train")


def test_an_item_that_fails_is_named():
    class Fails(Pairs):
        def __getitem__(self, i):
            return super().__getitem__(i) if i < 3 else 1 / 0

    with pytest.raises(RepdynError, match="Example 3 of the part `train` cannot be read: ZeroDivisionError"):
        own_arrays.part(Fails(X, LABELS), None, "train")


def test_a_function_is_called_once_and_what_it_gives_is_mapped_by_every_job(study, capsys):
    made = study(DRAWN.format(shape=(2, 5)) + "return " + PARTS.format(x="x"))
    facts, found = load(made)
    assert (facts.shape, facts.kind, facts.classes, facts.train, facts.test) == ((2, 5), "numbers", 3, 40, 20)
    assert datasets.inputs(settle(made).data) == Inputs((2, 5), "numbers")
    again = load(made)[1]
    assert capsys.readouterr().out == "called\n"
    x = np.random.default_rng(0).normal(size=(60, 2, 5)).astype(np.float32)
    for some in (found, again):
        np.testing.assert_array_equal(some.train.inputs[:], x[:40][some.train.examples])
        np.testing.assert_array_equal(some.test.inputs[:], x[40:][some.test.examples])
        np.testing.assert_array_equal(some.train.labels, some.train.examples % 3)
    assert (len(found.train), len(found.test), found.n_common) == (40, 20, 20)
    assert isinstance(found.train.inputs.stored, np.memmap)


def test_other_code_arguments_or_files_call_it_again_and_other_arrays_are_another_study(study, tmp_path, capsys):
    body = DRAWN.format(shape=(3,)) + "x = x + kwargs.get('shift', 0)\nreturn " + PARTS.format(x="x")
    (tmp_path / "raw.txt").write_text("a", encoding="utf-8")
    first = settle(study(body, files=["*.txt"]))
    assert settle(study(body, files=["*.txt"])).data.facts == first.data.facts
    assert capsys.readouterr().out == "called\n"
    (tmp_path / "raw.txt").write_text("b", encoding="utf-8")
    assert settle(study(body, files=["*.txt"])).data.facts == first.data.facts  # read again, the same numbers
    shifted = settle(study(body, files=["*.txt"], kwargs={"shift": 1}))
    assert capsys.readouterr().out == "called\n" * 2
    assert shifted.data.facts.contents != first.data.facts.contents
    facts = dataclasses.replace(first.data.facts, contents=shifted.data.facts.contents)
    assert shifted.data.facts == facts


def test_damaged_arrays_are_read_anew_and_others_than_the_study_s_are_refused(study, tmp_path):
    made = study(DRAWN.format(shape=(3,)) + "return " + PARTS.format(x="x"))
    settings = settle(made).data
    (file,) = (tmp_path / "data").glob("*-arrays/*/train.inputs.npy")
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    before = settings.facts
    assert subsets.load(settings, study_root(made), 0).classes == 3
    assert file.read_bytes() == whole
    other = settings.model_copy(update={"facts": dataclasses.replace(before, contents="0" * 16)})
    with pytest.raises(RepdynError, match="does not give the data that the study was started with"):
        datasets.read(other, study_root(made))


def test_facts_in_the_config_are_held_against_the_data(study):
    made = study(DRAWN.format(shape=(3,)) + "return " + PARTS.format(x="x"))
    facts = dataclasses.asdict(settle(made).data.facts)
    dataset = {"facts": facts}
    assert settle(study(DRAWN.format(shape=(3,)) + "return " + PARTS.format(x="x"), **dataset)).data.facts.train == 40
    with pytest.raises(RepdynError, match=r"`data\.facts` says that `.*:load` has other data than it gives now"):
        settle(study(DRAWN.format(shape=(4,)) + "return " + PARTS.format(x="x"), **dataset))


@pytest.mark.parametrize(
    ("returns", "sentence"),
    [
        ("return 1 / 0", r"fails when it is called without arguments: ZeroDivisionError: division by zero \(.*of_test"),
        ("return None", "^`of_test_.*:load`: The part `train` is a NoneType, but must be a mapping"),
        ("x = np.ones((9, 2))\nx[5, 1] = np.inf\nreturn x, np.arange(9)", "NaN or infinite in float32 for example 5"),
        ("return 1, 2, 3", "gives 3 things, but must give a training and a test part"),
        ("return {'train': (np.zeros((9, 2)), np.zeros(9)), 'valid': 3}", "gives `valid` beside `train` and `test`"),
        ("return (np.ones((9, 2)), np.zeros(9, int)), (np.ones((9, 3)), np.zeros(9, int))",
         r"has inputs of the shape \(2,\) in `train`, but \(3,\) in `test`"),
        ("return (np.ones((9, 2)), np.zeros(9, int)), (np.ones((9, 2), int), np.zeros(9, int))",
         "has inputs that are floats in `train`, but integers in `test`"),
        ("return (np.ones((9, 2)), np.arange(9)), (np.ones((9, 2)), np.ones(9))",
         r"has labels that are classes in `train`, but targets of the shape \(\) in `test`"),
        ("return np.ones((9, 2)), np.zeros(9, int)", "has one class only, 0"),
        ("return np.ones((9, 2)), 1 + np.arange(9)",
         "has labels from 1 on, but classes are numbered from 0; subtract 1, or give `classes` 10 beside the parts"),
        ("return {'train': (np.ones((9, 2)), np.arange(9)), 'classes': 5}", "gives `classes` 5, but has labels"),
        ("return {'train': (np.ones((9, 2), int), np.arange(9)), 'vocabulary': 'many'}", "gives `vocabulary` many,"),
        ("x, y = np.ones((9, 2)), np.arange(9)\n"
         "return {'train': (x, y), 'test': {'inputs': x, 'labels': y, 'given_labels': y}}",
         "has `given_labels` in `test`, but only `train` is trained on"),
        ("import sys; sys.exit('no')", r"ends Python by itself, with sys.exit\('no'\)"),
        ("import of_test_nothing", r"fails when it is called .*ModuleNotFoundError"),
    ],
)  # fmt: skip
def test_a_function_that_gives_something_else_is_refused_in_a_sentence(study, returns, sentence):
    with pytest.raises(RepdynError, match=sentence):
        settle(study(returns))


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


def test_given_labels_are_trained_on_and_no_others_are_drawn(study):
    body = DRAWN.format(shape=(3,)) + "given = np.where(np.arange(60) < 9, (y + 1) % 3, y)\n"
    body += "return {'train': {'inputs': x, 'labels': y, 'given_labels': given, 'ids': 1000 + np.arange(60)[::-1]}}"
    facts, found = load(study(body))
    assert facts.given_labels
    ids = found.train.examples
    np.testing.assert_array_equal(found.train.labels, (1059 - ids) % 3)
    np.testing.assert_array_equal(found.mislabelled, ids > 1050)
    assert not found.test.mislabelled.any()
    assert set(ids) | set(found.test.examples) == set(range(1000, 1060))
    with pytest.raises(RepdynError, match=r"`data.label_noise` is 0.1, but `.*` has labels of its own that are wrong"):
        settle(study(body, label_noise=0.1))


def test_targets_are_handed_on_and_labels_are_then_no_classes(study):
    body = "x = np.arange(120.0).reshape(60, 2)\nreturn {'inputs': x, 'labels': 2 * x}"
    facts, found = load(study(body))
    assert facts.classes is None and found.classes is None
    np.testing.assert_array_equal(found.train.targets, 2 * found.train.inputs[:])
    assert (found.train.labels == -1).all() and not found.mislabelled.any()
    with pytest.raises(RepdynError, match=r"`optimizers.sgd` would be trained here, which needs classes, and .* none"):
        settled = settle(study(body))
        check.check_examples(settled, settled.data)
    unlabelled = load(study("return {'inputs': np.ones((60, 2)) * np.arange(60)[:, None]}"))[1]
    assert unlabelled.train.targets is None and (unlabelled.test.labels == -1).all()
    with pytest.raises(RepdynError, match=r"but `.*` has no classes; leave it out"):
        settle(study(body, label_noise=0.1))


def test_a_class_that_no_example_has_is_one_nevertheless(study):
    facts, found = load(study("return {'train': (np.arange(60.0)[:, None], np.arange(60) % 3), 'classes': 5}"))
    assert facts.classes == found.classes == 5


def test_tokens_are_integers_below_their_vocabulary(study):
    body = "x = np.arange(300).reshape(60, 5) % 300\nreturn {'train': (x, np.arange(60) % 3), 'vocabulary': 500}"
    facts, found = load(study(body))
    assert (facts.kind, facts.vocabulary, facts.dtype) == ("tokens", 500, "int16")
    assert found.train.inputs[:].dtype == np.int64
    np.testing.assert_array_equal(found.train.inputs[:], np.arange(300).reshape(60, 5)[found.train.examples])
    sample = datasets.inputs(settle(study(body)).data).sample(50, seed=0)
    assert sample.dtype == torch.int64 and 300 < sample.max() < 500
    assert not datasets.source(settle(study(body)).data).can_be_mixed
    with pytest.raises(RepdynError, match=r"`data\.standardise` is for numbers, and the inputs are tokens"):
        settle(study(body, standardise="channel"))


def test_standardisation_is_by_channel_by_given_numbers_or_none(study):
    body = DRAWN.format(shape=(2, 5)) + "x = 3 * x + 7\nreturn {'train': (x, y)}"
    plain = load(study(body))[1]
    assert (*plain.mean, *plain.std) == (0, 0, 1, 1) and plain.train.inputs[:].mean() > 6
    found = load(study(body, standardise="channel"))[1]
    pool = np.concatenate([found.train.inputs[:], found.test.inputs[found.n_common :]])
    np.testing.assert_allclose(pool.mean(axis=(0, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(pool.std(axis=(0, 2)), 1, rtol=1e-5)
    given = load(study(body, standardise={"mean": [7, 1], "std": [3, 2]}))[1]
    back = given.train.inputs[:] * given.std[:, None] + given.mean[:, None]
    np.testing.assert_allclose(back, plain.train.inputs[:], rtol=1e-5)
    with pytest.raises(RepdynError, match=r"mean and std of 1 channels, but the numbers of 2 × 5 of `.*` have 2"):
        load(study(body, standardise={"mean": [7], "std": [3]}))
    flat = "return {'train': (np.ones((60, 2)), np.arange(60) % 3)}"
    with pytest.raises(RepdynError, match="have the same number in channel 0, so they cannot be standardised"):
        load(study(flat, standardise="channel"))


def test_integer_images_are_scaled_to_one_and_rectangles_stay_rectangles(study):
    body = "x = np.random.default_rng(0).integers(0, 256, (60, 3, 4, 9), dtype=np.uint8)\n"
    body += "return {'train': (x, np.arange(60) % 3)}"
    x = np.random.default_rng(0).integers(0, 256, (60, 3, 4, 9), dtype=np.uint8)
    plain = load(study(body, standardise="none"))[1]
    np.testing.assert_allclose(plain.train.inputs[:], x[plain.train.examples] / np.float32(255), rtol=1e-6)
    found = load(study(body))[1]
    assert found.train.inputs.shape[1:] == (3, 4, 9)
    back = found.train.inputs[:] * found.std[:, None, None] + found.mean[:, None, None]
    np.testing.assert_allclose(back, plain.train.inputs[:], atol=1e-6)


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


def test_the_store_knows_nothing_of_what_a_killed_process_left(tmp_path):
    part, kind = own_arrays.part((X, LABELS), None, "train")
    facts = dataclasses.replace(own._facts("mine", {"train": part}, {"train": kind}, {}), contents="1" * 16)
    array_store.write(tmp_path, "key", {"train": part}, facts)
    assert array_store.known(tmp_path, "key") == facts
    found = array_store.read(tmp_path, facts.contents)["train"]
    np.testing.assert_array_equal(found.inputs, part.inputs)
    (tmp_path / facts.contents / "facts.json").unlink()
    assert array_store.known(tmp_path, "key") is None and array_store.read(tmp_path, facts.contents) is None


def test_settings_of_other_data_are_refused():
    from pydantic import ValidationError

    for wrong in ({"kwargs": {"a": 1}}, {"files": ["a"]}, {"columns": {"inputs": "a"}}, {"kind": "tokens"}):
        with pytest.raises(ValidationError, match=f"`{next(iter(wrong))}` is for .*, which `digits` is not"):
            Data(dataset="digits", **wrong)
    with pytest.raises(ValidationError, match="`image_size` is for repdyn's own data sets and image folders"):
        Data(dataset="my_data:load", image_size=8)


def test_today_s_studies_have_the_keys_that_they_had():
    assert list(Data().model_dump(mode="json")) == [
        "dataset", "folder", "train_size", "test_size", "image_size", "label_noise", "label_noise_kind",
        "label_noise_pairs", "drawn_by", "common", "seed",
    ]  # fmt: skip
    assert yaml.safe_load(json.dumps(Data().model_dump(mode="json"))) == Data().model_dump(mode="json")


def test_a_loop_of_one_s_own_gets_the_examples_that_runs_of_the_seed_train_on(study, tmp_path):
    made = study(DRAWN.format(shape=(3,)) + "return {'train': (x, y)}", label_noise=0.2)
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(made.model_dump(mode="json")), encoding="utf-8")
    found, wanted = repdyn.examples(path, seed=1), load(made, seed=1)[1]
    for part in ("train", "test"):
        one, other = getattr(found, part), getattr(wanted, part)
        np.testing.assert_array_equal(one.inputs[:], other.inputs[:])
        np.testing.assert_array_equal(one.given_labels, other.given_labels)
    assert found.mislabelled.sum() == round(0.2 * len(found.train))
    with pytest.raises(RepdynError, match="has no seed 7"):
        repdyn.examples(path, seed=7)


def test_the_library_has_its_public_names_and_no_others():
    assert "examples" in dir(repdyn)
    with pytest.raises(AttributeError, match=r"public are .*examples"):
        repdyn.exemplars  # noqa: B018
