from pathlib import Path

import numpy as np
import pytest

from repdyn.config.sections import Data
from repdyn.data import datasets, subsets
from repdyn.errors import RepdynError

NOWHERE = Path("/nonexistent")
DIGITS = Data(dataset="digits", train_size=800, label_noise=0.2)


def test_exactly_the_configured_fraction_is_mislabelled_and_never_with_its_true_class():
    digits = subsets.load(DIGITS, NOWHERE, seed=3)
    assert digits.mislabelled.sum() == 160
    assert len(digits.train) == 800
    assert len(digits.test) == 997
    assert not digits.test.mislabelled.any()


def test_training_and_test_examples_are_disjoint():
    digits = subsets.load(DIGITS, NOWHERE)
    assert not set(digits.train.examples) & set(digits.test.examples)


def test_seeds_share_which_examples_are_mislabelled_but_not_the_wrong_labels():
    first, second = subsets.load(DIGITS, NOWHERE, seed=0), subsets.load(DIGITS, NOWHERE, seed=1)
    assert np.array_equal(first.train.images[:], second.train.images[:])
    assert np.array_equal(first.mislabelled, second.mislabelled)
    assert (first.train.given_labels != second.train.given_labels).sum() > 100


def test_another_data_seed_chooses_other_examples():
    other = subsets.load(DIGITS.model_copy(update={"seed": 1}), NOWHERE)
    assert not np.array_equal(subsets.load(DIGITS, NOWHERE).train.examples, other.train.examples)


def test_images_are_standardised_by_the_training_set_and_can_be_turned_back():
    digits = subsets.load(DIGITS, NOWHERE)
    images = digits.train.images[:]
    assert images.dtype == np.float32
    assert images.shape == (800, 1, 8, 8)
    assert abs(images.mean(dtype=np.float64)) < 1e-6
    assert abs(images.std(dtype=np.float64) - 1) < 1e-6
    back = images * digits.std[0] + digits.mean[0]
    assert back.min() == pytest.approx(0, abs=1e-6)
    assert back.max() == pytest.approx(1, abs=1e-6)


def test_sizes_and_shape_are_known_without_reading():
    assert datasets.sizes(DIGITS) == (800, 997)
    assert datasets.shape(DIGITS) == (1, 8, 8)
    digits = subsets.load(DIGITS, NOWHERE)
    assert (len(digits.train), len(digits.test)) == datasets.sizes(DIGITS)
    assert digits.shape == datasets.shape(DIGITS)


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (Data(dataset="mnits"), "`data.dataset` is 'mnits', but must be one of: digits"),
        (Data(train_size=1500, test_size=500), "do not both fit into the 1797 examples of `digits`"),
        (Data(train_size=1797), "do not both fit"),
        (
            Data(dataset="fashion-mnist", train_size=70_000),
            "`data.train_size` is 70000, but `fashion-mnist` has only 60000",
        ),
    ],
)
def test_a_data_set_too_small_or_unknown_is_named(settings, sentence):
    with pytest.raises(RepdynError, match=sentence):
        datasets.sizes(settings)


def test_a_training_subset_without_a_class_is_refused():
    with pytest.raises(RepdynError, match=r"`data.train_size` 10 leaves no training example of class 0 of `digits`"):
        subsets.load(Data(dataset="digits", train_size=10), NOWHERE)


def test_only_a_byte_for_each_number_of_an_image_is_held():
    digits = subsets.load(DIGITS, NOWHERE)
    assert digits.train.images.stored is digits.test.images.stored
    assert digits.train.images.stored.nbytes == 1797 * 64
