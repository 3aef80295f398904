import numpy as np
import pytest

from repdyn.analysis import counterfactual as of
from repdyn.analysis import twins

EPOCHS = np.concatenate([[0.0], 10 ** np.arange(-0.5, 2.01, 0.1)])
LATER = {"onset": 9.0, "fit": 30.0, "fit_of_twin": 15.0}


def path(speed):
    """The cosine kernel of a walk along an arc, by an angle that is a function of log epoch."""
    position = np.concatenate([[-1.0], np.log10(EPOCHS[1:])])
    angle = np.concatenate([[0.0], np.cumsum(speed((position[1:] + position[:-1]) / 2) * np.diff(position))])
    return np.cos(angle[:, None] - angle), EPOCHS


def layers(*speeds):
    return {f"l{i}": path(speed) for i, speed in enumerate(speeds)}


def even(speed):
    return lambda x: np.full_like(x, speed)


def test_the_value_is_the_change_between_two_checkpoints_less_that_of_the_twin_at_the_same_two():
    run, twin = layers(even(0.5), even(0.7)), layers(even(0.2), even(0.3))
    found = of.counterfactual(run, twin, **LATER)
    a, b = np.flatnonzero(EPOCHS < 9)[-1], np.flatnonzero(EPOCHS >= 30)[0]
    own = np.mean([1 - run[name][0][a, b] for name in run])
    other = np.mean([1 - twin[name][0][a, b] for name in twin])
    assert found.run == pytest.approx(own)
    assert found.twin[0] == pytest.approx(other)
    assert found.value == pytest.approx(own - other)
    assert found.reason is None


def test_a_run_that_moves_as_its_twin_has_no_value_but_one_that_is_faster_while_it_memorizes_has():
    same = of.counterfactual(layers(even(0.5)), layers(even(0.5)), **LATER)
    assert same.value == pytest.approx(0)
    faster = layers(lambda x: 0.5 + 0.5 * ((x > 0.9) & (x < 1.5)))
    assert of.counterfactual(faster, layers(even(0.5)), **LATER).value > 0.1


def test_being_later_on_the_same_path_is_a_difference_at_the_same_epochs_and_none_at_the_same_stage():
    def until(epoch):
        return lambda x: 1.0 * (x < np.log10(epoch))

    found = of.counterfactual(layers(until(30.0)), layers(until(15.0)), **LATER)
    assert found.differences[0] == found.value > 0.05
    assert found.differences[-1] == pytest.approx(0, abs=0.02)
    assert np.argmin(found.differences) == len(twins.SHIFTS) - 1


def test_layers_that_only_one_of_them_has_do_not_count():
    run, twin = layers(even(0.5), even(3.0)), layers(even(0.2))
    assert of.counterfactual(run, twin, **LATER).value == pytest.approx(
        of.counterfactual(layers(even(0.5)), twin, **LATER).value
    )
    assert of.counterfactual({"a": path(even(1))}, {"b": path(even(1))}, **LATER).reason == (
        "run and twin have no layer in common"
    )


@pytest.mark.parametrize(
    ("moments", "reason"),
    [
        ({"onset": None}, "no onset of memorization"),
        ({"fit": None}, "no sustained perfect fit"),
        ({"onset": 0.2}, "no checkpoint between initialisation and onset of memorization"),
        ({"fit": 101.0}, "no checkpoint after sustained perfect fit"),
    ],
)
def test_without_its_moments_a_run_has_no_value_and_the_reason_is_said(moments, reason):
    found = of.counterfactual(layers(even(0.5)), layers(even(0.5)), **(LATER | moments))
    assert (found.run, found.value, found.differences, found.reason) == (None, None, None, reason)
    assert found.twin == (None,) * len(twins.SHIFTS)


def test_without_the_twins_fit_there_is_a_value_but_no_other_shift():
    found = of.counterfactual(layers(even(0.5)), layers(even(0.2)), 9.0, 30.0, None)
    assert found.value == of.counterfactual(layers(even(0.5)), layers(even(0.2)), **LATER).value
    assert found.twin[1:] == (None,) * 4
    assert found.differences is None


def test_a_twin_that_ends_before_has_no_change_there():
    S, epochs = path(even(0.2))
    short = {"l0": (S[:20, :20], epochs[:20])}
    found = of.counterfactual(layers(even(0.5)), short, **LATER)
    assert found.value is None
    assert found.reason == "the twin's checkpoints do not span these epochs"


def test_between_checkpoints_similarity_is_interpolated_in_log_epochs():
    S, epochs = path(even(0.4))
    assert of.change(S, epochs, 0.0, 1.0) == pytest.approx(1 - np.cos(0.4))
    assert of.change(S, epochs, 0.03, 1.07) == pytest.approx(1 - np.cos(0.4 * 1.04), abs=5e-4)
    other = epochs * 10**0.04
    assert of.change(S, other, 0.04, 1.04) == pytest.approx(1 - np.cos(0.4))
    assert of.change(S, epochs, -0.6, 1.0) is None
    assert of.change(S, epochs, 0.0, 2.2) is None
    assert of.change(S[:1, :1], epochs[:1], 0.0, 1.0) is None
