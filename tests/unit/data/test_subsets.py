import hashlib
from dataclasses import replace
from pathlib import Path

import fake_datasets as fakes
import numpy as np
import pytest

from repdyn.config.sections import Activations, Data, Planes
from repdyn.data import datasets, subsets
from repdyn.data.images import Stored
from repdyn.errors import RepdynError
from repdyn.regions import planes
from repdyn.representations import extract
from repdyn.types import Inputs

NOWHERE = Path("/nonexistent")
DIGITS = Data(dataset="digits", train_size=800, label_noise=0.2)


def test_exactly_the_configured_fraction_is_mislabelled_and_never_with_its_true_class():
    digits = subsets.load(DIGITS, NOWHERE, seed=3)
    assert digits.mislabelled.sum() == 160
    assert len(digits.train) == 800
    assert len(digits.test) == 997
    assert not digits.test.mislabelled.any()


def test_training_and_test_examples_are_disjoint():
    digits = subsets.load(DIGITS, NOWHERE, 0)
    assert not set(digits.train.examples) & set(digits.test.examples)


def test_where_the_study_draws_seeds_share_all_but_the_wrong_labels():
    settings = DIGITS.model_copy(update={"drawn_by": "study"})
    first, second = subsets.load(settings, NOWHERE, seed=0), subsets.load(settings, NOWHERE, seed=1)
    assert np.array_equal(first.train.inputs[:], second.train.inputs[:])
    assert np.array_equal(first.mislabelled, second.mislabelled)
    assert (first.train.given_labels != second.train.given_labels).sum() > 100
    assert len(first.common) == len(first.test) == 997


def test_seeds_differ_in_split_and_in_who_is_mislabelled_and_share_what_runs_are_compared_on():
    first, second = subsets.load(DIGITS, NOWHERE, seed=0), subsets.load(DIGITS, NOWHERE, seed=1)
    shared = set(first.train.examples) & set(second.train.examples)
    assert 400 < len(shared) < 600  # of 800 drawn from 1,298, 493 by chance
    wrong = [set(found.train.examples[found.mislabelled]) for found in (first, second)]
    assert len(wrong[0] & wrong[1]) < 40  # of 160, 20 by chance
    np.testing.assert_array_equal(first.common.examples, second.common.examples)
    np.testing.assert_array_equal(first.common.inputs[:], second.common.inputs[:])  # standardised alike
    np.testing.assert_array_equal(first.test.examples[:499], first.common.examples)


def test_a_larger_common_block_holds_the_smaller_whatever_is_trained_on():
    few, many = (subsets.draw(DIGITS.model_copy(update=with_), 3) for with_ in ({"common": 100}, {"common": 900}))
    other = subsets.draw(DIGITS.model_copy(update={"common": 100, "train_size": 500}), 3)
    np.testing.assert_array_equal(few.test[: few.common], many.test[: few.common])
    np.testing.assert_array_equal(few.test[: few.common], other.test[: other.common])


@pytest.mark.parametrize("common", [None, 1, 500, 997])
@pytest.mark.parametrize("sizes", [{}, {"train_size": 300, "test_size": 997}, {"train_size": 800}])
def test_no_seed_trains_on_what_runs_are_compared_on_where_the_study_divides_the_data(common, sizes):
    settings = Data(dataset="digits", common=min(common or 1, datasets.sizes(Data(**sizes))[1]), **sizes)
    aside = subsets.draw(settings, 0).test[: settings.common]
    for seed in range(20):
        found = subsets.draw(settings, seed)
        np.testing.assert_array_equal(found.test[: found.common], aside)
        assert (len(found.train), len(found.test)) == datasets.sizes(settings)
        assert not set(found.test) & set(found.train)
        assert set(found.train) <= set(found.pool) and not set(found.pool) & set(aside)
        assert len(set(found.train)) == len(found.train) and len(set(found.test)) == len(found.test)


NAMED = [name for name, known in datasets.SOURCES.items() if known.test is not None]


@pytest.mark.parametrize("drawn_by", ["seed", "study"])
@pytest.mark.parametrize("name", NAMED)
def test_no_seed_trains_on_test_images_and_all_are_compared_on_the_same_ones(name, drawn_by, monkeypatch):
    random = np.random.default_rng(0)
    known = replace(datasets.SOURCES[name], train=260, test=220, classes=10)
    shape = known.inputs.shape
    parts = [Stored(random.integers(0, 256, (n, *shape), dtype=np.uint8), np.arange(n) % 10) for n in (260, 220)]
    # Every image is one of its own, so that its bytes say which it is.
    monkeypatch.setitem(datasets.SOURCES, name, replace(known, read=lambda *_: tuple(parts), layout=None))
    settings = Data(dataset=name, train_size=150, test_size=90, label_noise=0.2, drawn_by=drawn_by)
    of_seeds = [subsets.load(settings, NOWHERE, seed) for seed in range(4)]
    compared = {image.tobytes() for image in of_seeds[0].common.inputs.levels()}
    assert len(compared) == 90
    for found in of_seeds:
        assert {image.tobytes() for image in found.common.inputs.levels()} == compared
        assert not compared & {image.tobytes() for image in found.train.inputs.levels()}
    split, wrong = ({str(np.sort(part(found))) for found in of_seeds} for part in (_trained, _wrong))
    assert len(split) == len(wrong) == (4 if drawn_by == "seed" else 1)


def _trained(found):
    return found.train.examples


def _wrong(found):
    return found.train.examples[found.mislabelled]


def test_a_training_part_that_is_used_whole_is_that_of_all_seeds_and_they_still_mislabel_others(monkeypatch):
    random = np.random.default_rng(0)
    parts = [Stored(random.integers(0, 256, (n, 1, 28, 28)), np.arange(n) % 10) for n in (60, 40)]
    known = replace(datasets.SOURCES["mnist"], train=60, test=40, read=lambda *_: tuple(parts))
    monkeypatch.setitem(datasets.SOURCES, "mnist", known)
    first, second = (subsets.load(Data(dataset="mnist", label_noise=0.5), NOWHERE, seed) for seed in (0, 1))
    assert set(first.train.examples) == set(second.train.examples) == set(range(60))
    assert set(_wrong(first)) != set(_wrong(second))


# Of what a study drew before seeds drew: examples and labels trained on, tested on, standardised images, examples
# compared and probed, and the images of planes.
DRAWN = {
    ("digits", 0): "587ab2246c39ee8c 8068ec8859c0543d 6da3856cef465ec7 8e8a3162b5127897 152c324ce854d24d",
    ("digits", 5): "d7b0f0305048af69 8068ec8859c0543d 6da3856cef465ec7 8e8a3162b5127897 152c324ce854d24d",
    ("fashion-mnist", 0): "8e86cad587e46f56 d615675d2a7ec4fa 957196c3a05918f8 87af03860720ab97 978eae480b991bb6",
    ("fashion-mnist", 5): "8ec45490197e0505 d615675d2a7ec4fa 957196c3a05918f8 87af03860720ab97 978eae480b991bb6",
}


@pytest.mark.parametrize(("name", "seed"), DRAWN)
def test_a_study_that_draws_for_all_seeds_draws_what_it_always_did(name, seed, tmp_path, monkeypatch):
    settings, chosen = Data(train_size=800, label_noise=0.2, seed=3, drawn_by="study"), Activations(probe_examples=300)
    if name != "digits":
        fakes.put(tmp_path / "FashionMNIST/raw", fakes.mnist(monkeypatch))
        settings = Data(dataset=name, train_size=24, test_size=15, label_noise=0.3, seed=1, drawn_by="study")
        chosen = Activations(similarity_examples=10, probe_examples=20)
    found = subsets.load(settings, tmp_path, seed)
    splits, sets = extract.choose(chosen, found, settings.seed), planes.sets(found)
    rows = [row for pool in sets for row in planes.through(sets[pool], pool, Planes(count=3))]
    drawn = [
        (found.train.examples, found.train.given_labels),
        (found.test.examples,),
        (found.train.inputs[:5], found.test.inputs[:5]),
        [split.examples for split in splits.values()],
        [row["examples"] for row in rows],
    ]
    digests = [hashlib.sha256(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays)) for arrays in drawn]
    assert " ".join(digest.hexdigest()[:16] for digest in digests) == DRAWN[name, seed]


def test_another_data_seed_chooses_other_examples():
    other = subsets.load(DIGITS.model_copy(update={"seed": 1}), NOWHERE, 0)
    assert not np.array_equal(subsets.load(DIGITS, NOWHERE, 0).train.examples, other.train.examples)


def test_images_are_standardised_by_all_that_can_be_trained_on_and_can_be_turned_back():
    drawn, stored = subsets.draw(DIGITS, 0), datasets.read(DIGITS, NOWHERE)[0]
    pool = stored.inputs[drawn.pool] / 16
    digits = subsets.load(DIGITS, NOWHERE, 0)
    assert (digits.mean[0], digits.std[0]) == pytest.approx((pool.mean(), pool.std()))
    digits = subsets.load(DIGITS, NOWHERE, 0)
    images = digits.train.inputs[:]
    assert images.dtype == np.float32
    assert images.shape == (800, 1, 8, 8)
    assert abs(images.mean(dtype=np.float64)) < 0.05
    assert abs(images.std(dtype=np.float64) - 1) < 0.05
    back = images * digits.std[0] + digits.mean[0]
    assert back.min() == pytest.approx(0, abs=1e-6)
    assert back.max() == pytest.approx(1, abs=1e-6)


def test_sizes_and_shape_are_known_without_reading():
    assert datasets.sizes(DIGITS) == (800, 997)
    assert datasets.inputs(DIGITS) == Inputs((1, 8, 8))
    digits = subsets.load(DIGITS, NOWHERE, 0)
    assert (len(digits.train), len(digits.test)) == datasets.sizes(DIGITS)
    assert digits.train.inputs.shape[1:] == datasets.inputs(DIGITS).shape


def test_a_training_subset_without_a_class_is_refused():
    with pytest.raises(
        RepdynError, match=r"`data.train_size` 10 leaves no training example of class . of `digits` of seed 0;"
    ):
        subsets.load(Data(dataset="digits", train_size=10), NOWHERE, 0)


def test_only_a_byte_for_each_number_of_an_image_is_held():
    digits = subsets.load(DIGITS, NOWHERE, 0)
    assert digits.train.inputs.stored is digits.test.inputs.stored
    assert digits.train.inputs.stored.nbytes == 1797 * 64
