"""Which examples, and which of their labels are wrong."""

from typing import Any

import pytest
from pydantic import ValidationError

from repdyn.config.facts import Facts
from repdyn.config.sections import Data, Folder

FACTS: dict[str, Any] = {
    "shape": (4,), "kind": "numbers", "dtype": "float32", "classes": 3, "vocabulary": None, "train": 100, "test": 50,
    "given_labels": False, "contents": "0",
}  # fmt: skip
FOLDER = Folder(path="pictures", classes=4, size=8, train=100, test=50)


@pytest.mark.parametrize(
    ("dataset", "is_own"),
    [
        ("digits", False),
        ("cifar10", False),
        ("my_data:load", True),
        ("a.npz", True),
        ("./folder", True),
        ("npz", False),
    ],
)
def test_data_of_ones_own_are_a_function_an_npz_or_a_folder(dataset: str, is_own: bool) -> None:
    assert Data(dataset=dataset).is_own == is_own


# What each setting is for: of a function, an `.npz`, a folder and repdyn's own.
FITS = {
    "kwargs": ({"n": 3}, (True, False, False, False)),
    "files": (["*.csv"], (True, False, False, False)),
    "columns": ({"inputs": "x"}, (False, True, True, False)),
    "kind": ("numbers", (True, True, True, False)),
    "facts": (FACTS, (True, True, True, False)),
    "image_size": (8, (False, False, False, True)),
}


@pytest.mark.parametrize("key", FITS)
@pytest.mark.parametrize(("place", "dataset"), list(enumerate(["my_data:load", "a.npz", "./folder", "digits"])))
def test_a_setting_goes_with_the_kinds_of_data_that_it_is_for(key: str, place: int, dataset: str) -> None:
    value, fits = FITS[key]
    if fits[place]:
        assert getattr(Data.model_validate({"dataset": dataset, key: value}), key)
        return
    with pytest.raises(ValidationError, match=rf"`{key}` is for .*, which `{dataset}` is not; leave it out"):
        Data.model_validate({"dataset": dataset, key: value})


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"dataset": "image-folder"}, "`dataset: image-folder`, and no other, needs a section `folder`"),
        ({"dataset": "digits", "folder": FOLDER}, "`dataset: image-folder`, and no other, needs a section `folder`"),
        ({"common": 5, "drawn_by": "study"}, "`common` is for `drawn_by: seed`; where the study draws"),
        ({"label_noise_kind": "pairs", "label_noise_pairs": {True: 0}}, "`true` and `false`, and in YAML yes, no"),
        ({"class_names": ["cat", "cat"]}, "cat is listed more than once"),
        ({"label_noise_pairs": {0: 1}}, "`label_noise_pairs` is for `label_noise_kind: pairs` only"),
        (
            {"label_noise_kind": "pairs", "label_noise_pairs": {0: 1, 2: 2}},
            "`label_noise_pairs` makes class 2 into itself; a wrong label is another one",
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        Data(**settings)


def test_settings_that_go_together_are_kept() -> None:
    assert Data(dataset="image-folder", folder=FOLDER).folder == FOLDER
    assert Data(common=5).drawn_by == "seed"
    assert Data(label_noise_kind="pairs").label_noise_pairs is None
    # As JSON has them, the keys are text.
    assert Data.model_validate({"label_noise_kind": "pairs", "label_noise_pairs": {"0": 1}}).label_noise_pairs == {0: 1}


@pytest.mark.parametrize(
    ("written", "by", "mean"),
    [("channel", "channel", None), ("none", "none", None), ({"mean": [0.5, 0], "std": [0.25, 1]}, None, [0.5, 0.0])],
)
def test_inputs_are_standardised_in_one_way(written: Any, by: str | None, mean: list[float] | None) -> None:
    found = Data.model_validate({"standardise": written})
    assert found.standardise is not None
    assert (found.standardise.by, found.standardise.mean) == (by, mean)
    assert Data.model_validate(found.model_dump()) == found, "jobs read a copy of the config"


@pytest.mark.parametrize(
    "written",
    [
        {}, {"mean": [0.5]}, {"std": [0.5]}, {"mean": [0.5], "std": [0.5, 0.5]}, {"mean": [0.5], "std": [0]},
        {"by": "channel", "mean": [0.5], "std": [0.5]}, "sideways",
    ],
    ids=str,
)  # fmt: skip
def test_no_way_or_two_ways_to_standardise_are_refused(written: Any) -> None:
    with pytest.raises(ValidationError):
        Data.model_validate({"standardise": written})


@pytest.mark.parametrize(
    ("noise", "given", "mislabels"), [(0.0, None, False), (0.1, None, True), (0.0, False, False), (0.0, True, True)]
)
def test_labels_are_wrong_by_noise_or_as_they_were_given(noise: float, given: bool | None, mislabels: bool) -> None:
    facts = None if given is None else Facts(**FACTS | {"given_labels": given})
    dataset = "digits" if facts is None else "a.npz"
    assert Data(dataset=dataset, label_noise=noise, facts=facts).mislabels == mislabels


def test_what_is_not_set_of_data_of_ones_own_is_not_said() -> None:
    """Otherwise every finished study would be made again."""
    later = {"kwargs", "files", "columns", "kind", "standardise", "facts", "contents"}
    assert not later & set(Data().model_dump())
