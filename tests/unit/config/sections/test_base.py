"""What every section does with what it is given."""

from typing import Any

import pytest
from changing import changed
from pydantic import TypeAdapter, ValidationError

from repdyn.config import study as studies
from repdyn.config.sections import Architecture, Checkpoints, Cka, Optimizer, Phases, Training
from repdyn.config.sections.base import ImageSize, RunSeed, Section, Seed, distinct, is_empty

# What a section needs beside the setting that is tried.
BESIDE: dict[type[Section], dict[str, Any]] = {
    Architecture: {"model": "vit"},
    Optimizer: {"opt": "adam", "lr": 1.0},
    Training: {"epochs": 1},
    Checkpoints: {"schedule": "explicit"},
}


@pytest.mark.parametrize(
    ("section", "setting", "value", "read"),
    [
        (Phases, "onset", "1e-3", 0.001),
        (Training, "evaluations_per_decade", "1e3", 1000),
        (Training, "evaluations_per_decade", None, None),
        (Checkpoints, "epochs", ["1e1", 2], [10.0, 2.0]),
        (Optimizer, "lr", {"vit": "5e-1"}, {"vit": 0.5}),
        (Optimizer, "opt", "1e-3", "1e-3"),
        (Architecture, "layers", ["1e-3"], ["1e-3"]),
        (Cka, "tf32", True, True),
        (Architecture, "kwargs", {"eps": ["1e-8", {"on": True}]}, {"eps": [1e-8, {"on": True}]}),
    ],
)
def test_a_setting_is_read_as_what_it_is_declared_to_be(
    section: type[Section], setting: str, value: Any, read: Any
) -> None:
    found = getattr(section.model_validate(BESIDE.get(section, {}) | {setting: value}), setting)
    assert found == read and type(found) is type(read)


@pytest.mark.parametrize(
    ("section", "setting", "value"),
    [
        (Phases, "onset", True),
        (Training, "evaluations_per_decade", False),
        (Checkpoints, "epochs", [1.0, True]),
        (Optimizer, "lr", {"vit": True}),
    ],
)
def test_a_truth_value_is_no_number(section: type[Section], setting: str, value: Any) -> None:
    with pytest.raises(ValidationError, match=r"`true` and `false`, and in YAML yes, no, on and off, are not numbers"):
        section.model_validate(BESIDE.get(section, {}) | {setting: value})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "nan", "1e999"])
def test_a_number_is_finite(value: Any) -> None:
    with pytest.raises(ValidationError, match=r"finite_number|float_parsing"):
        Optimizer(opt="adam", lr=0.1, weight_decay=value)


def test_a_section_has_no_other_keys_and_cannot_be_changed() -> None:
    with pytest.raises(ValidationError, match="extra_forbidden"):
        Phases.model_validate({"onsett": 0.2})
    with pytest.raises(ValidationError, match="frozen"):
        Phases().onset = 0.2


def test_a_number_that_yaml_takes_for_text_is_a_number(config: dict[str, Any]) -> None:
    study = studies.parse(changed(config, "optimizers.sgd.lr", "1e-3"))
    assert study.hyperparameters("train", study.runs[0])["optimizer"]["lr"] == 0.001


def test_exponents_that_yaml_takes_for_text_are_numbers_in_arguments_and_for_integers(config: dict[str, Any]) -> None:
    changed(config, "archs.vit.kwargs.drop_rate", "1e-1")
    changed(config, "optimizers.sgd.kwargs", {"eps": ["1E-8", "weights-1e-8"]})
    study = studies.parse(changed(config, "findings.resamples", "1e3"))
    assert study.archs["vit"].kwargs["drop_rate"] == 0.1
    assert study.optimizer(study.runs[0]).kwargs == {"eps": [1e-8, "weights-1e-8"]}
    assert study.findings.resamples == 1000


@pytest.mark.parametrize(
    ("of", "last"), [(RunSeed, 2**31 - 1), (Seed, 2**63 - 1), (ImageSize, 4_096)], ids=["run", "draw", "image"]
)
def test_bounds_of_seeds_and_images(of: Any, last: int) -> None:
    adapter = TypeAdapter(of)
    assert adapter.validate_python(last) == last
    for beyond in (last + 1, -1):
        with pytest.raises(ValidationError):
            adapter.validate_python(beyond)


def test_duplicates_are_named_each_once_and_sorted_and_the_order_of_a_list_without_any_is_kept() -> None:
    assert distinct([3, 1, 2]) == [3, 1, 2]
    assert distinct([]) == []
    with pytest.raises(ValueError, match=r"^a, c is listed more than once; name each once$"):
        distinct(["c", "a", "b", "a", "c", "c"])


@pytest.mark.parametrize(("value", "empty"), [(None, True), ([], True), ({}, True), (False, True), ([0], False)])
def test_what_is_not_set_is_left_out_of_what_files_are_made_with(value: Any, empty: bool) -> None:
    assert is_empty(value) == empty
