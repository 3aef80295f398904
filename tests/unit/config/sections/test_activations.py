"""What is taken from networks."""

import pytest
from pydantic import ValidationError

from repdyn.config.sections import Activations, Change


@pytest.mark.parametrize("examples", [0, 10, 100_000])
def test_change_is_measured_on_enough_examples_or_on_none(examples: int) -> None:
    assert Change(examples=examples).examples == examples


@pytest.mark.parametrize("examples", [1, 9])
def test_change_on_fewer_than_ten_examples_is_refused(examples: int) -> None:
    with pytest.raises(
        ValidationError, match=rf"`examples` \({examples}\) must be at least 10, or 0 to measure no change"
    ):
        Change(examples=examples)


def test_layers_that_are_stored_whole_are_said_only_where_there_are_some() -> None:
    """Otherwise every finished study would be made again."""
    assert "whole" not in Activations().model_dump()
    assert Activations(whole=["blocks.*"]).model_dump()["whole"] == ["blocks.*"]
