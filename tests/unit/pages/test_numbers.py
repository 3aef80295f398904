import pytest

from repdyn.pages import numbers


@pytest.mark.parametrize(
    ("value", "words"),
    [(0.1234, "0.123"), (-0.0694, "−0.069"), (None, "–"), (float("nan"), "–"), (float("inf"), "∞"), (-0.0004, "0.000")],
)
def test_a_number_is_readable(value, words):
    assert numbers.number(value) == words


@pytest.mark.parametrize(("value", "words"), [(0.0, "0"), (6.0, "6"), (6.25, "6.2"), (46.7, "47"), (None, "–")])
def test_an_epoch_has_as_few_characters_as_it_takes(value, words):
    assert numbers.epoch(value) == words


def test_a_small_p_is_not_nothing():
    assert numbers.probability(0.0002) == "< 0.001"
    assert numbers.probability(0.25) == "0.250"
    assert numbers.probability(None) == "–"


def test_an_interval_is_missing_as_a_whole():
    assert numbers.interval(-0.0694, 0.25) == "−0.069 to 0.250"
    assert numbers.interval(None, None) == numbers.interval(float("nan"), float("nan")) == "–"
