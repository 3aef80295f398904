import numpy as np
import pytest

from repdyn.data.pictures import in_own_range, pictures


@pytest.mark.parametrize(
    ("shape", "picture"),
    [
        ((1, 6, 10), (6, 10, 1)),
        ((3, 6, 10), (6, 10, 3)),
        ((2, 6, 10), (6, 10, 1)),
        ((5, 6, 10), (6, 10, 1)),
        ((40,), (10, 40, 1)),
        ((2, 40), (10, 40, 1)),
        ((60, 40), (60, 40, 1)),
        ((1,), (1, 1, 1)),
        ((2, 3, 4, 5), (24, 5, 1)),
    ],
)
def test_inputs_of_any_shape_have_a_picture(shape, picture):
    drawn = np.random.default_rng(0).normal(size=(4, *shape))
    shown = pictures(in_own_range(drawn))
    assert shown.shape == (4, *picture)
    assert (shown.min(), shown.max()) >= (0, 0) and shown.max() <= 1


def test_colours_and_bars_are_where_they_were():
    colour = np.random.default_rng(0).normal(size=(1, 3, 2, 4))
    np.testing.assert_array_equal(pictures(colour)[0, 1, 2], colour[0, :, 1, 2])
    signal = np.arange(16.0).reshape(1, 2, 8)
    np.testing.assert_array_equal(pictures(signal)[0, :, :, 0], signal[0])


def test_an_input_that_is_all_the_same_is_black():
    np.testing.assert_array_equal(in_own_range(np.full((2, 3), 7.0)), np.zeros((2, 3)))
