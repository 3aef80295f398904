"""Thresholds of events, and what is contrasted."""

import pytest
from pydantic import ValidationError

from repdyn.config.sections import Contrast, Phases


def test_memorization_begins_below_where_it_ends() -> None:
    assert Phases(onset=0.94).onset == 0.94
    for onset in (0.95, 0.96):
        with pytest.raises(ValidationError, match=rf"`onset` \({onset}\) must lie below `end` \(0.95\)"):
            Phases(onset=onset)


def test_a_contrast_is_of_two_levels_and_says_which_is_taken_from_which() -> None:
    assert str(Contrast(factor="optimizer", levels=("sgd", "adam"))) == "optimizer: sgd - adam"
    with pytest.raises(ValidationError, match="`levels` compares sgd with itself; name two"):
        Contrast(factor="optimizer", levels=("sgd", "sgd"))


@pytest.mark.parametrize("levels", [(), ("sgd",), ("sgd", "adam", "lion"), ("sgd", "../adam")])
def test_what_is_no_pair_of_names_is_no_contrast(levels: tuple[str, ...]) -> None:
    with pytest.raises(ValidationError, match="levels"):
        Contrast.model_validate({"factor": "optimizer", "levels": levels})
