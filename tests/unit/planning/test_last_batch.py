"""A last batch that is too small for batch norm is remarked on, with a size that would do."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from repdyn.planning import last_batch

NORMED = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3))
PLAIN = nn.Sequential(nn.Linear(4, 3), nn.LayerNorm(3))


def test_it_names_the_sizes_and_one_that_would_do():
    said = last_batch.remark(NORMED, 400, 64)
    assert said is not None
    assert "16 of 64 examples" in said
    assert "80, as `training.batch_size`, divides 400" in said


@pytest.mark.parametrize(
    ("model", "examples", "batch_size"),
    [
        pytest.param(NORMED, 400, 50, id="all batches are as large"),
        pytest.param(NORMED, 240, 64, id="the last is hardly smaller"),
        pytest.param(PLAIN, 400, 64, id="no batch norm"),
        pytest.param(NORMED, 400, 400, id="one batch"),
    ],
)
def test_nothing_is_said_where_nothing_is_wrong(model, examples, batch_size):
    assert last_batch.remark(model, examples, batch_size) is None


def test_the_network_keeps_its_mode():
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3)).eval()
    last_batch.remark(model, 400, 64)
    assert not model.training


@given(st.integers(1, 3000), st.integers(1, 500))
def test_the_suggested_size_divides_the_examples_and_none_nearer_does(number, near):
    found = last_batch.divisor(number, near)
    assert number % found == 0

    def off(size):
        return max(size / near, near / size)

    assert all(off(found) <= off(d) for d in range(1, number + 1) if number % d == 0)
