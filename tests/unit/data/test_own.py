"""One's own data: functions give the arrays that they should, once; what is wrong is said."""

import dataclasses
import hashlib
import json
import sys

import numpy as np
import pytest
import torch
import yaml
from own_data import load, settle, study_root

import repdyn
from repdyn.config import study as studies
from repdyn.config.sections import Data
from repdyn.data import datasets, subsets
from repdyn.errors import RepdynError
from repdyn.planning import check
from repdyn.types import Inputs


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


PARTS = "{{'train': {{'inputs': {x}[:40], 'labels': y[:40]}}, 'test': {{'inputs': {x}[40:], 'labels': y[40:]}}}}"
DRAWN = "x = np.random.default_rng(0).normal(size=(60, *{shape}))\ny = np.arange(60) % 3\n"


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


def test_the_library_has_its_public_names_and_no_others():
    assert "examples" in dir(repdyn)
    with pytest.raises(AttributeError, match=r"public are .*examples"):
        repdyn.exemplars  # noqa: B018
