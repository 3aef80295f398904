"""What data of one's own do not allow."""

from typing import Literal

import pytest

from repdyn.catalogue.stages import STAGES
from repdyn.config import left_out
from repdyn.config.facts import Facts
from repdyn.config.sections import Data

PLANES = {"planes", "regions", "regions_between"}


def data(kind: Literal["images", "numbers", "tokens"], classes: int | None) -> Data:
    facts = Facts(
        shape=(4,),
        kind=kind,
        dtype="int64" if kind == "tokens" else "float32",
        classes=classes,
        vocabulary=7 if kind == "tokens" else None,
        train=100,
        test=None,
        given_labels=False,
        contents="0",
    )
    return Data(dataset="my_data:load", facts=facts)


@pytest.mark.parametrize(
    ("kind", "classes", "stages"),
    [
        ("images", 3, set()),
        ("numbers", 3, set()),
        ("tokens", 3, PLANES),
        ("images", None, PLANES | {"probes"}),
        ("numbers", None, PLANES | {"probes"}),
        ("tokens", None, PLANES | {"probes"}),
    ],
)
def test_tokens_have_no_planes_and_without_classes_there_are_no_probes_either(
    kind: Literal["images", "numbers", "tokens"], classes: int | None, stages: set[str]
) -> None:
    found = left_out.stages(data(kind, classes))
    assert set(found) == stages
    assert set(found) <= set(STAGES)


@pytest.mark.parametrize(("kind", "classes", "word"), [("numbers", None, "classes"), ("tokens", 3, "tokens")])
def test_each_stage_says_why_in_a_sentence_with_the_data(
    kind: Literal["numbers", "tokens"], classes: int | None, word: str
) -> None:
    for sentence in left_out.stages(data(kind, classes)).values():
        assert "`my_data:load`" in sentence and word in sentence
        assert sentence[0].isupper() and sentence.endswith(".") and "\n" not in sentence


def test_accuracies_are_unknown_only_without_classes() -> None:
    sentence = left_out.accuracies(data("tokens", None))
    assert sentence == "The examples of `my_data:load` have no classes, so there are no accuracies."
    assert left_out.accuracies(data("tokens", 3)) is None
    assert left_out.accuracies(Data()) is None


def test_data_sets_that_come_with_repdyn_allow_everything() -> None:
    assert left_out.stages(Data()) == {}
