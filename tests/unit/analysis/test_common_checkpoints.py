"""The checkpoints at which runs can be compared."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from repdyn.analysis import common_checkpoints
from repdyn.analysis.common_checkpoints import FURTHEST, common
from repdyn.errors import RepdynError


def run(*epochs, per_epoch=10):
    return {round(epoch * per_epoch): float(epoch) for epoch in epochs}


def test_runs_with_the_same_checkpoints_have_all_of_them_in_common():
    found = common({"a": run(0, 1, 2, 4), "b": run(0, 1, 2, 4)})
    assert found.epochs == (0, 1, 2, 4)
    assert found.steps == {"a": (0, 10, 20, 40), "b": (0, 10, 20, 40)}
    assert not found.is_grid


def test_missing_checkpoints_leave_those_that_all_have():
    found = common({"a": run(0, 1, 2, 4, 16), "b": run(0, 1, 4, 8, 16)})
    assert found.epochs == (0, 1, 4, 16)
    assert found.steps["a"] == found.steps["b"] == (0, 10, 40, 160)


def test_a_run_takes_its_nearest_checkpoint_in_log_epoch():
    found = common({"sparse": run(0, 1, 10, 100), "dense": run(0, 0.9, 1.2, 9, 10.5, 13, 95, 120, per_epoch=20)})
    assert found.is_grid
    assert found.epochs == (0, 1, 10, 100)
    assert found.steps["dense"] == (0, 18, 210, 1900)


def test_an_epoch_is_left_out_where_a_run_has_a_gap():
    found = common({"a": run(1, 2, 4, 8, 16), "b": run(1, 2, 16.5)})
    assert found.epochs == (1, 2, 16.5)  # `b` has nothing near 4 or 8
    assert found.steps["a"] == (10, 20, 160)


def test_initialisation_counts_only_if_all_have_it():
    assert common({"a": run(0, 1, 2), "b": run(1, 2)}).epochs == (1, 2)


@pytest.mark.parametrize("other", [run(0, 50, 60), run(3), {}, run(0)])
def test_runs_may_have_no_epoch_in_common(other):
    assert common({"a": run(0.5, 1, 2), "b": other}).epochs == ()


def test_runs_without_a_common_epoch_cannot_be_compared():
    with pytest.raises(RepdynError, match=r"no common epoch.* a, epoch 1 to 2; b, epoch 50 to 60"):
        common_checkpoints.needed({"a": run(1, 2), "b": run(50, 60)})


@given(
    st.lists(
        st.sets(st.integers(0, 2000), min_size=1, max_size=30).map(lambda steps: {s: s / 10 for s in sorted(steps)}),
        min_size=2,
        max_size=4,
    )
)
def test_epochs_ascend_and_each_checkpoint_stands_for_one_that_is_near(runs):
    found = common(dict(enumerate(runs)))
    assert list(found.epochs) == sorted(set(found.epochs))
    for number, of_run in enumerate(runs):
        steps = found.steps[number]
        assert len(steps) == len(found.epochs) == len(set(steps))
        assert set(steps) <= set(of_run)
        for step, epoch in zip(steps, found.epochs, strict=True):
            assert (epoch == 0) == (of_run[step] == 0)
            if epoch:
                assert abs(np.log10(of_run[step] / epoch)) <= FURTHEST


def test_tables_say_which_steps_were_compared():
    same, other = common({"a": run(1, 2), "b": run(1, 2)}), common({"a": run(1, 2), "b": run(1.1, 2)})
    assert common_checkpoints.said({"same": same}) == {}
    assert common_checkpoints.said({"same": same, "other": other}) == {
        "common_checkpoints": {"other": {"epochs": [1, 2], "steps": {"a": [10, 20], "b": [11, 20]}}}
    }
