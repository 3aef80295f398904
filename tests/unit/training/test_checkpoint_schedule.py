import pytest
from hypothesis import given
from hypothesis import strategies as st

from repdyn.config.sections import Checkpoints
from repdyn.training.checkpoint_schedule import checkpoint_steps, evaluated_epochs, steps_per_epoch


@given(
    per_decade=st.integers(1, 40),
    first=st.floats(0.01, 5),
    epochs=st.integers(1, 2000),
    factor=st.integers(2, 9),
    per_epoch=st.integers(1, 500),
)
def test_longer_training_contains_the_checkpoints_of_shorter(per_decade, first, epochs, factor, per_epoch):
    checkpoints = Checkpoints(per_decade=per_decade, first=first)
    short = checkpoint_steps(checkpoints, epochs, per_epoch)
    long = checkpoint_steps(checkpoints, epochs * factor, per_epoch)
    assert [step for step in long if step <= epochs * per_epoch] == short
    assert short[0] == 0
    assert short == sorted(set(short))
    assert short[-1] <= epochs * per_epoch


def test_a_decade_has_its_fixed_number_and_round_epochs_are_among_them():
    steps = checkpoint_steps(Checkpoints(per_decade=10), 1000, 100)
    epochs = [step / 100 for step in steps]
    assert len(steps) == 1 + 3 * 10 + 1
    assert {0, 1, 10, 100, 1000} <= set(epochs)


def test_early_checkpoints_lie_within_the_first_epoch():
    steps = checkpoint_steps(Checkpoints(per_decade=10, first=0.1), 1, 100)
    assert steps == [0, 10, 13, 16, 20, 25, 32, 40, 50, 63, 79, 100]


def test_linear_and_explicit_schedules_are_what_they_say():
    linear = Checkpoints(schedule="linear", every=0.5)
    assert checkpoint_steps(linear, 2, 10) == [0, 5, 10, 15, 20]
    explicit = Checkpoints(schedule="explicit", epochs=[3, 0.25, 7])
    assert checkpoint_steps(explicit, 5, 8) == [0, 2, 24]


@pytest.mark.parametrize(("train_size", "batch_size", "steps"), [(800, 64, 13), (64, 64, 1), (65, 64, 2)])
def test_the_last_batch_counts_as_a_step(train_size, batch_size, steps):
    assert steps_per_epoch(train_size, batch_size) == steps


def test_training_is_measured_at_every_epoch_or_at_a_fixed_number_in_a_decade():
    assert evaluated_epochs(None, 5) == {0, 1, 2, 3, 4, 5}
    sparse = evaluated_epochs(60, 160)
    assert sparse >= set(range(26))
    assert len(sparse) == 74
    assert {epoch for epoch in evaluated_epochs(60, 1600) if epoch <= 160} == sparse
