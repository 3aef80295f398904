"""How runs are trained, and when checkpoints are taken."""

from typing import Any

import pytest
from pydantic import ValidationError

from repdyn.config.sections import Checkpoints, Intervention, Optimizer, RateSchedule, Training
from repdyn.training.checkpoint_schedule import checkpoint_steps


@pytest.mark.parametrize(
    ("settings", "length"),
    [
        ({"sched": "cosine"}, 20),
        ({"sched": "cosine", "epochs": 7}, 7),
        ({"sched": "step"}, None),
        ({"sched": "constant", "epochs": 7}, None),
        ({"sched": "multistep", "kwargs": {"decay_epochs": [2]}}, None),
        ({"sched": "plateau"}, None),
        ({"sched": "step", "kwargs": {"noise": 0.1}}, 20),
    ],
)
def test_a_schedule_is_as_long_as_training_unless_it_is_endless(settings: dict[str, Any], length: int | None) -> None:
    schedule = RateSchedule(**settings)
    filled = schedule.within(20)
    assert filled.epochs == length
    assert filled.model_dump(exclude={"epochs"}) == schedule.model_dump(exclude={"epochs"})


def test_the_optimizer_of_a_run_has_its_architecture_s_rate_and_a_length() -> None:
    optimizer = Optimizer(opt="adam", lr={"vit": 0.1, "resnet": 0.2}, schedule=RateSchedule(sched="cosine"))
    of_run = optimizer.of_run("resnet", 30)
    assert (of_run.lr, of_run.schedule) == (0.2, RateSchedule(sched="cosine", epochs=30))
    assert optimizer.rate("vit") == 0.1
    with pytest.raises(KeyError, match="mlp"):
        optimizer.rate("mlp")
    constant = Optimizer(opt="adam", lr=0.5).of_run("any", 30)
    assert (constant.lr, constant.schedule) == (0.5, None)


@pytest.mark.parametrize(
    "kind",
    [{"rate": 0.1}, {"labels": "redraw"}, {"freeze": ["blocks.*"]}, {"invert": True}, {"data": "noisy"}],
    ids=str,
)
def test_an_intervention_is_one_change_at_an_epoch_and_says_nothing_else(kind: dict[str, Any]) -> None:
    assert Intervention(epoch=3, **kind).model_dump() == {"epoch": 3, **kind}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "and here is none; write"),
        ({"invert": False}, "and here is none; write"),
        ({"rate": 0.1, "labels": "redraw"}, "and here are rate, labels; write several as several"),
        ({"data": "noisy", "invert": True}, "and here are invert, data; write several as several"),
    ],
)
def test_no_change_or_several_are_no_intervention(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Intervention(epoch=3, **settings)


def test_a_history_with_a_row_for_each_of_very_many_epochs_is_refused() -> None:
    assert Training(epochs=1_000_000).evaluations_per_decade is None
    assert Training(epochs=1_000_001, evaluations_per_decade=60).epochs == 1_000_001
    with pytest.raises(ValidationError, match="a row for each of 1,000,001 epochs exceeds 1,000,000 rows; set"):
        Training(epochs=1_000_001)


@pytest.mark.parametrize(
    "settings", [{"schedule": "explicit"}, {"epochs": [1.0]}, {"schedule": "linear", "epochs": [1]}]
)
def test_epochs_are_listed_for_an_explicit_schedule_and_for_that_one_only(settings: dict[str, Any]) -> None:
    with pytest.raises(
        ValidationError, match="`epochs` is a list for `schedule: explicit`, and for that schedule only"
    ):
        Checkpoints(**settings)


@pytest.mark.parametrize(
    ("checkpoints", "epochs", "number"),
    [
        (Checkpoints(per_decade=10), 1000, 31),
        (Checkpoints(per_decade=10), 1, 1),
        (Checkpoints(per_decade=5, first=0.01), 100, 21),
        (Checkpoints(per_decade=1, first=100.0), 10, 0),
        (Checkpoints(schedule="linear", every=2.5), 10, 4),
        (Checkpoints(schedule="linear", every=0.07), 7, 100),
        (Checkpoints(schedule="linear", every=3.0), 10, 3),
        (Checkpoints(schedule="linear", every=30.0), 10, 0),
        (Checkpoints(schedule="explicit", epochs=[0.5, 3, 7]), 10, 3),
    ],
)
def test_the_number_of_checkpoints_is_counted_without_placing_them(
    checkpoints: Checkpoints, epochs: int, number: int
) -> None:
    assert checkpoints.at_most(epochs) == number
    steps_of_no_two = 10**6
    assert len(checkpoint_steps(checkpoints, epochs, steps_of_no_two)) == number + 1, "and initialisation"


@pytest.mark.parametrize("first", [0.02, 0.3, 1.0, 2.0, 7.0])
@pytest.mark.parametrize("epochs", [1, 2, 9, 10, 77, 1000])
def test_a_first_epoch_beside_the_grid_makes_it_one_too_many_at_most(first: float, epochs: int) -> None:
    for per_decade in (1, 3, 10):
        checkpoints = Checkpoints(per_decade=per_decade, first=first)
        taken = len(checkpoint_steps(checkpoints, epochs, 10**6)) - 1
        assert taken <= checkpoints.at_most(epochs) <= taken + 1
