"""A network, and what is observed of it."""

from typing import Any

import pytest
from pydantic import ValidationError

from repdyn.config.sections import Architecture


def test_logits_are_found_by_an_import_path() -> None:
    assert Architecture(model="resnet18", logits="my_code:logits").logits == "my_code:logits"
    assert Architecture(model="resnet18", logits=None).logits is None
    with pytest.raises(ValidationError, match="'my_code' is no import path; write `my_code:logits`, or leave it out"):
        Architecture(model="resnet18", logits="my_code")


def test_arguments_of_a_model_are_left_as_they_are_but_for_numbers_in_text() -> None:
    kwargs = {"drop": "1e-1", "act": "gelu", "bias": True, "sizes": [1, "2"]}
    assert Architecture(model="vit", kwargs=kwargs).kwargs == kwargs | {"drop": 0.1}


@pytest.mark.parametrize(
    ("setting", "value", "default"),
    [("change_layers", ["a"], None), ("logits", "a:b", None), ("batch_dimension", 1, 0)],
)
def test_later_settings_are_said_only_where_they_are_set(setting: str, value: Any, default: Any) -> None:
    """Otherwise every finished study would be made again."""
    assert setting not in Architecture(model="vit").model_dump()
    assert setting not in Architecture(model="vit", **{setting: default}).model_dump()
    assert Architecture(model="vit", **{setting: value}).model_dump()[setting] == value


@pytest.mark.parametrize("setting", ["layers", "change_layers"])
def test_layers_are_all_by_default_and_never_none(setting: str) -> None:
    assert getattr(Architecture(model="vit"), setting) is None
    with pytest.raises(ValidationError, match="too_short"):
        Architecture.model_validate({"model": "vit", setting: []})
