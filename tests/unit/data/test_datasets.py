"""What is known of data sets before they are read, and what is refused of those that were."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from image_folders import described

from repdyn.config import study as studies
from repdyn.config.facts import Facts
from repdyn.config.sections import Data
from repdyn.data import datasets, subsets
from repdyn.data.images import Stored
from repdyn.errors import RepdynError
from repdyn.types import Inputs

NOWHERE = Path("/nonexistent")
FACTS = Facts((3, 6, 10), "images", "uint8", 4, None, 60, None, False, "0" * 16)


def own(**changes):
    """Data of one's own, of which everything is known."""
    facts = replace(FACTS, **{key: changes.pop(key) for key in list(changes) if hasattr(FACTS, key)})
    return Data(dataset="mine:load", facts=facts, **changes)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (
            Data(train_size=800, common=998),
            "`data.common` is 998, but must be at most the number of test examples, 997",
        ),
        (Data(dataset="mnist", common=5), "`data.common` is for data sets without a test part, and that of `mnist` is"),
        (Data(dataset="mnits"), "`data.dataset` is 'mnits', but must be one of: digits"),
        (Data(train_size=1500, test_size=500), "do not both fit into the 1797 examples of `digits`"),
        (Data(train_size=1797), "do not both fit"),
        (
            Data(dataset="fashion-mnist", train_size=70_000),
            "`data.train_size` is 70000, but `fashion-mnist` has only 60000",
        ),
    ],
)
def test_a_data_set_too_small_or_unknown_is_named(settings, sentence):
    with pytest.raises(RepdynError, match=sentence):
        subsets.draw(settings, 0)


@pytest.mark.parametrize(
    ("settings", "sizes"),
    [
        (Data(), (1437, 360)),  # four fifths of 1,797, rounded down, and the rest
        (Data(train_size=1000), (1000, 797)),
        (Data(test_size=100), (1437, 100)),
        (Data(train_size=1787, test_size=10), (1787, 10)),
        (Data(dataset="mnist"), (60_000, 10_000)),
        (Data(dataset="mnist", train_size=60_000, test_size=10), (60_000, 10)),
        (Data(dataset="svhn", test_size=26_032), (73_257, 26_032)),
        (own(train=61), (48, 13)),
        (own(test=7), (60, 7)),
        (described(), (15, 12)),
    ],
)
def test_a_study_divides_what_has_no_test_part_and_takes_all_else_as_it_is(settings, sizes):
    assert datasets.sizes(settings) == sizes


@pytest.mark.parametrize(
    ("settings", "common"),
    [
        (Data(test_size=101), 51),  # half of them, rounded up
        (Data(test_size=101, common=101), 101),
        (Data(test_size=101, common=1), 1),
        (Data(test_size=101, drawn_by="study"), 101),
        (Data(dataset="mnist", test_size=101), 101),
        (own(test=7), 7),
    ],
)
def test_seeds_have_half_of_the_test_examples_in_common_or_all_that_are_in_a_test_part(settings, common):
    assert datasets.common_size(settings) == common


def test_what_a_network_gets_is_known_of_every_kind_of_data():
    assert datasets.inputs(Data(dataset="cifar10", image_size=16)) == Inputs((3, 16, 16))
    assert datasets.inputs(described()) == Inputs((3, 16, 16))
    assert datasets.inputs(own()) == Inputs((3, 6, 10))
    tokens = own(shape=(7,), kind="tokens", dtype="int16", vocabulary=300)
    assert datasets.inputs(tokens) == Inputs((7,), "tokens", 300)
    assert [datasets.source(data).can_be_mixed for data in (own(), tokens, Data())] == [True, False, True]
    assert [datasets.source(data).white for data in (own(), own(dtype="int16"), Data())] == [255, 65_535, 16]
    with pytest.raises(RepdynError, match=r"`mine:load`, of which nothing is known before it is read; .* fetch` reads"):
        datasets.source(Data(dataset="mine:load"))


def test_classes_are_for_what_cannot_do_without_them():
    assert [datasets.classes(settings) for settings in (Data(), Data(dataset="cifar100"), own())] == [10, 100, 4]
    with pytest.raises(RepdynError, match="The examples of `mine:load` have no classes, which this needs"):
        datasets.classes(own(classes=None))


def test_an_error_of_a_level_names_it_and_others_stay_as_they_are():
    sentence = "`data.common` is 9 and `data.test_size` 3, which `my_data.x` is not."
    for level, said in (("few", sentence.replace("`data.", "`data.few.")), (None, sentence)):
        with pytest.raises(RepdynError, match=f"^{re.escape(said)}$"), datasets.naming(level):
            raise RepdynError(sentence)
    with pytest.raises(ValueError, match=r"^`data\.x`$"), datasets.naming("few"):
        raise ValueError("`data.x`")


def test_levels_are_alike_if_networks_classes_and_numbers_are(config):
    digits = {"dataset": "digits", "train_size": 120, "test_size": 60}
    levels = {"a": digits, "few": digits | {"train_size": 60}, "b": digits | {"label_noise": 0.2}, "c": digits}
    larger = digits | {"image_size": 16}
    study = studies.parse(config | {"data": levels | {"large": larger, "tested": digits | {"test_size": 50}}})
    assert datasets.alike(study) == [["a", "b", "c"], ["few"], ["large"], ["tested"]]
    assert datasets.alike(studies.parse(config)) == [[None]]


@pytest.fixture
def mnist(monkeypatch):
    """Reads a small MNIST, of whose test part something is changed."""
    whole = Stored(np.zeros((30, 1, 28, 28), dtype=np.uint8), np.arange(30) % 10)

    def read(**changes):
        parts = whole, replace(whole, **changes)
        known = replace(datasets.SOURCES["mnist"], train=30, test=30, read=lambda _: parts)
        monkeypatch.setitem(datasets.SOURCES, "mnist", known)
        return datasets.read(Data(dataset="mnist"), NOWHERE)

    return read


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"inputs": np.zeros((29, 1, 28, 28))}, r"has 29 × 1 × 28 × 28 \(images × .*\) with 30 labels, where 30 × 1"),
        ({"inputs": np.zeros((30, 28, 28))}, "has 30 × 28 × 28"),
        ({"labels": np.arange(29) % 10}, "with 29 labels, where 30 × 1 × 28 × 28 should be; delete it"),
        ({"labels": np.arange(30) % 9}, "has no image of class 9"),
        ({"labels": np.arange(30) % 11}, "has labels beyond its classes"),
        ({"labels": np.arange(30) % 11 - 1}, "has labels beyond its classes"),
    ],
)
def test_a_part_of_other_shapes_or_classes_than_it_is_known_for_is_refused(mnist, changes, sentence):
    assert [len(part.labels) for part in mnist()] == [30, 30]
    with pytest.raises(RepdynError, match=f"^The test part of `mnist` under `/nonexistent` .*{sentence}"):
        mnist(**changes)


def test_a_study_of_data_that_need_no_reading_is_settled_as_it_is(config):
    levels = {name: {"dataset": "digits", "train_size": 120, "seed": k} for k, name in enumerate(("a", "b"))}
    for study in (studies.parse(config), studies.parse(config | {"data": levels})):
        assert datasets.settled(study) is study and datasets.described(study) is study
        assert datasets.remarks(study) == []
    levels["b"]["contents"] = "0" * 16 + "-" + "0" * 16
    with pytest.raises(RepdynError, match=r"^`data\.b\.contents` is for image folders, which `digits` is not"):
        datasets.settled(studies.parse(config | {"data": levels}))
