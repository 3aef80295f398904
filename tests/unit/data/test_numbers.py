"""Inputs that networks get as they are stored, and their standardisation by channel."""

import numpy as np
import pytest

from repdyn.data import numbers
from repdyn.errors import RepdynError


@pytest.mark.parametrize("shape", [(3,), (3, 7), (3, 4, 5), (3, 2, 2, 2)])
def test_mean_and_deviation_are_those_of_the_chosen_inputs_however_they_are_divided(shape, monkeypatch):
    # Means far above the spread, so that a sum in float32, or of squares, would have no digits left.
    stored = (1e4 + np.random.default_rng(0).normal(size=(50, *shape))).astype(np.float32)
    stored[:, 1] *= 3
    index = np.random.default_rng(1).permutation(50)[:31]
    channels = np.moveaxis(stored[index].astype(np.float64), 1, 0).reshape(3, -1)
    for chunk in (1, 10, 31, 1000):
        monkeypatch.setattr(numbers, "CHUNK", chunk)
        scale = numbers.Scale.of(stored, index)
        np.testing.assert_allclose(scale.mean, channels.mean(axis=1), rtol=1e-12)
        np.testing.assert_allclose(scale.std, channels.std(axis=1), rtol=1e-9)


def test_a_channel_of_one_number_among_those_to_train_on_is_named():
    stored = np.random.default_rng(0).normal(size=(9, 3, 4)).astype(np.float32)
    stored[:5, 2] = 0.1  # elsewhere it varies
    with pytest.raises(RepdynError, match=r"All 5 examples to train on have the same number in channel 2, so they"):
        numbers.Scale.of(stored, np.arange(5))
    numbers.Scale.of(stored, np.arange(6))


@pytest.mark.parametrize("shape", [(3,), (3, 7), (3, 4, 5)])
def test_inputs_are_standardised_by_channel_in_float32_wherever_they_are_taken(shape):
    stored = np.random.default_rng(0).normal(5, 2, size=(20, *shape)).astype(np.float32)
    index = np.random.default_rng(1).permutation(20)[:11]
    scale = numbers.Scale(np.array([1.0, 2.0, 3.1]), np.array([0.5, 3.0, 7.0]))
    of_channel = (1, 3, *(1,) * (len(shape) - 1))
    mean, std = (each.astype(np.float32).reshape(of_channel) for each in (scale.mean, scale.std))
    wanted = (stored[index] - mean) / std
    found = numbers.Numbers(stored, index, scale)
    assert len(found) == 11 and found.shape == (11, *shape)
    assert found[:].dtype == np.float32
    mask = np.arange(11) % 3 == 0
    for positions in (slice(None), slice(2, 5), [3, 1, 1], mask, np.array([], dtype=int), 4):
        np.testing.assert_array_equal(found[positions], wanted[positions])
        np.testing.assert_array_equal(found.held(positions), stored[index[positions]])
    np.testing.assert_array_equal(found.subset(mask).subset([2, 0])[:], wanted[mask][[2, 0]])
    np.testing.assert_array_equal(np.asarray(found), wanted)
    assert [each.shape for each in found.affine] == [of_channel[1:]] * 2


def test_without_a_scale_floats_are_copies_of_themselves_and_tokens_become_int64():
    stored = np.arange(12, dtype=np.float32).reshape(4, 3)
    plain = numbers.Numbers(stored, np.arange(4))
    assert plain.affine is None
    plain[:2][:] = -1  # what is done to a batch does not reach the data
    plain[3][:] = -1
    np.testing.assert_array_equal(stored, np.arange(12).reshape(4, 3))
    tokens = numbers.Numbers(np.array([[200, 3], [7, 255]], dtype=np.uint8), np.array([1, 0, 1]))
    assert tokens[:].dtype == np.int64 and tokens[:].tolist() == [[7, 255], [200, 3], [7, 255]]
    assert tokens.held().dtype == np.uint8
    assert np.asarray(tokens, dtype=np.float64).dtype == np.float64
    with pytest.raises(ValueError, match="there is always a copy"):
        np.asarray(plain, copy=False)
