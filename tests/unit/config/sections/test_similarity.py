"""Measures of a study: what one's own cannot be called, and settings that do not go together."""

from typing import Any

import pytest
from pydantic import ValidationError

from repdyn.catalogue.measures import OF_ACTIVATIONS
from repdyn.config.sections.similarity import TAKEN, ChosenMeasure, Cka, Comparisons
from repdyn.figures import catalogue
from repdyn.records.cka import CKA, INTERVAL
from repdyn.records.cka_between import CKA_BETWEEN
from repdyn.records.cka_layers import CKA_LAYERS
from repdyn.records.layer_names import RUN

COLUMNS = {*RUN, *(name for table in (CKA, INTERVAL, CKA_LAYERS, CKA_BETWEEN) for name in table.names)}
FIGURES = {*catalogue._OF_EVERY_RUN, *catalogue._OF_EVERY_STUDY, "regions"}


@pytest.mark.parametrize("name", sorted(COLUMNS | FIGURES))
def test_a_measure_of_ones_own_cannot_take_the_name_of_a_column_or_a_figure(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a measure of your own"):
        ChosenMeasure(name=name, vector="my_code:measure")


def test_other_names_can_be_taken() -> None:
    for name in ("gaussian", "cca_10", "cka_rbf"):
        assert ChosenMeasure(name=name, pairs="my_code:measure").name == name
        assert name not in TAKEN


@pytest.mark.parametrize(
    "name", ["Gaussian", "1st", "_mine", "my-measure", "größe", "x" * 41, "mine_p", "a_calibrated", ""]
)
def test_a_name_that_is_no_column_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="cannot be the name of a measure of your own"):
        ChosenMeasure(name=name, vector="my_code:measure")


def test_a_name_of_one_or_forty_letters_is_a_column() -> None:
    for name in ("f", "x" * 40):
        assert ChosenMeasure(name=name, vector="my_code:measure").function == "my_code:measure"


@pytest.mark.parametrize("name", OF_ACTIVATIONS)
def test_a_measure_of_the_catalogue_needs_no_function_and_can_have_none(name: str) -> None:
    assert ChosenMeasure(name=name).function is None
    with pytest.raises(ValidationError, match="cannot be the name of a measure of your own"):
        ChosenMeasure(name=name, pairs="my_code:measure")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"name": "ckaa"}, "'ckaa' is not a measure; there are cka, cka_debiased, .* one of your own needs `vector`"),
        ({"name": "regions:test"}, "'regions:test' is not a measure"),
        ({"name": "mine", "vector": "a:b", "pairs": "a:c"}, "`mine` has `vector` and `pairs`; keep one"),
        ({"name": "mine", "vector": "my_code"}, "`mine`: 'my_code' is no import path; write `my_code:my_measure`"),
        ({"name": "rsa", "neighbours": 5}, "`neighbours` is a setting of `knn`, not of `rsa`"),
        ({"name": "knn", "components": 5}, "`components` is a setting of `subspace`, not of `knn`"),
        ({"name": "mine", "pairs": "a:b", "neighbours": 5}, "`neighbours` is a setting of `knn`, not of `mine`"),
    ],
)
def test_what_does_not_go_with_a_measure_is_refused(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValidationError, match=sentence):
        ChosenMeasure(**settings)


def test_settings_go_with_their_measure_and_defaults_with_any() -> None:
    assert ChosenMeasure(name="knn", neighbours=5).neighbours == 5
    assert ChosenMeasure(name="subspace", components=3).components == 3
    for name in ("knn", "rsa"):
        measure = ChosenMeasure(name=name)
        assert ChosenMeasure(**measure.model_dump()) == measure


@pytest.mark.parametrize(("confidence", "least"), [(0.9, 9), (0.95, 19), (0.99, 99), (0.999, 999)])
def test_an_interval_needs_a_resample_beyond_each_end_at_its_level(confidence: float, least: int) -> None:
    assert Cka(resamples=least, confidence=confidence).resamples == least
    with pytest.raises(ValidationError, match=rf"`resamples` \({least - 1}\) must be at least {least} for `confidence"):
        Cka(resamples=least - 1, confidence=confidence)


def test_resamples_and_batches_do_not_go_together() -> None:
    with pytest.raises(ValidationError, match="`resamples` needs whole Grams: leave out `batch_examples`"):
        Cka(resamples=100, batch_examples=8)
    assert Cka(batch_examples=8).resamples == 0


def test_permutations_are_none_or_allow_a_p_of_five_in_a_hundred() -> None:
    for enough in (0, 19):
        assert Comparisons(permutations=enough).permutations == enough
    for few in (1, 18):
        with pytest.raises(
            ValidationError, match=rf"`permutations` \({few}\) must be at least 19, so that p can be .05"
        ):
            Comparisons(permutations=few)
