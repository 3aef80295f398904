"""Claims: what each is tested by, and comparisons in words."""

import pytest

from repdyn.catalogue import claims, events, measures, scores
from repdyn.catalogue.factors import FACTORS
from repdyn.records.findings import COMPARED


def test_claims_are_of_scores_and_measures_that_are_declared() -> None:
    for claim in claims.CLAIMS.values():
        assert (claim.test == "twin") == bool(claim.obstacle), "not every study has runs without wrong labels"
        measure, score = claim.primary
        assert measure is None or measure in measures.KERNELS
        assert {score, *claim.exploratory} <= set(scores.SCORES)
        assert scores.SCORES[score].scope != "history" and not scores.SCORES[score].descriptive
        assert set(claim.needs) <= set(events.EVENTS)
        assert claim.null, "a claim says what would be there if it were false"


_NOTHING: dict[str, str | None] = dict.fromkeys([*COMPARED][3:])  # the columns of a comparison
_AT_VIT = {"factor": "optimizer", "first": "sgd", "second": "adam", "other": "arch", "level": "vit"}
_VIT = {"factor": "arch", "first": "vit", "other": "optimizer", "level": "sgd"}


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (_AT_VIT, "optimizer: sgd − adam, arch: vit"),
        (_AT_VIT | {"level_second": "resnet"}, "optimizer: sgd − adam, arch: vit − resnet"),
        (_AT_VIT | {"matching": "equal_speed"}, "optimizer: sgd − adam, arch: vit, at equal speed of fit"),
        (_AT_VIT | {"held": "data", "held_level": "noisy"}, "optimizer: sgd − adam, arch: vit, data: noisy"),
        (_AT_VIT | {"matching": "best_accuracy"}, "optimizer: sgd − adam, arch: vit, at best test accuracy"),
        (_AT_VIT | {"other": None, "level": None}, "optimizer: sgd − adam"),
        (
            {"factor": "data", "first": "noisy", "second": "clean", "held": "optimizer", "held_level": "sgd"},
            "data: noisy − clean, optimizer: sgd",
        ),
        ({"factor": "arch", "first": "vit"}, "arch: vit"),
        (_VIT, "arch: vit, optimizer: sgd"),
        (_VIT | {"held": "data", "held_level": "noisy"}, "arch: vit, optimizer: sgd, data: noisy"),
        ({}, "all runs"),
    ],
)
def test_a_contrast_in_words(of: dict[str, str | None], words: str) -> None:
    assert claims.contrast(**_NOTHING | of) == words


def test_an_unknown_matching_raises() -> None:
    with pytest.raises(KeyError, match="luck"):
        claims.contrast(**_NOTHING | _AT_VIT | {"matching": "luck"})


@pytest.mark.parametrize(
    ("columns", "where"),
    [
        ((None, None, None, None, None), {}),
        (("arch", "vit", None, None, None), {"arch": "vit"}),
        (("arch", "vit", "resnet", "data", "noisy"), {"arch": "vit − resnet", "data": "noisy"}),
        ((None, None, None, "data", "noisy"), {"data": "noisy"}),
        ((None, "vit", None, "data", "noisy"), {"data": "noisy"}),
        # All levels of the other factor: it is named in the table, and nowhere is no place.
        (("arch", None, None, "data", None), {}),
    ],
)
def test_places_are_the_levels_that_are_fixed_in_the_order_of_the_table(
    columns: tuple[str | None, str | None, str | None, str | None, str | None], where: dict[str, str]
) -> None:
    assert list(claims.places(*columns).items()) == list(where.items())


def test_a_level_in_words_is_itself_or_a_difference() -> None:
    assert claims.level_in_words(None, None) is None
    assert claims.level_in_words("0.1", None) == "0.1"
    assert claims.level_in_words("vit", "resnet") == "vit − resnet"


def test_each_factor_is_compared_at_the_levels_of_another() -> None:
    assert set(claims.OTHER) == set(FACTORS)
    assert all(factor != other for factor, other in claims.OTHER.items())


def test_a_claim_is_found_by_its_sentence() -> None:
    everything = {value for value in vars(claims).values() if isinstance(value, claims.Claim)}
    assert {claims.CLAIMS[claim.name] for claim in everything} == everything, "two have the same sentence"
