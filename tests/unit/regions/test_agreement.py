import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from repdyn.regions import agreement


def random_labels(classifiers=5, points=1000, classes=4, seed=0):
    return np.random.default_rng(seed).integers(0, classes, size=(classifiers, points)).astype(np.uint8) ** 2 % classes


def test_agreement_is_the_share_of_equal_labels_and_kappa_is_cohens():
    labels = random_labels()
    labels[1] = np.where(np.arange(1000) < 700, labels[0], labels[1])
    counts = agreement.count(labels, 4)
    for i in range(5):
        for j in range(5):
            assert counts.similarity[i, j] == (labels[i] == labels[j]).mean()
            np.testing.assert_allclose(counts.kappa[i, j], cohen_kappa_score(labels[i], labels[j]), atol=1e-12)


@settings(max_examples=30)
@given(cut=st.integers(0, 100_000), seed=st.integers(0, 100))
def test_counts_of_pieces_add_up_to_counts_of_the_whole(cut, seed):
    labels = random_labels(3, 100_000, 5, seed)
    parts = [part for part in (labels[:, :cut], labels[:, cut:]) if part.size]
    total = agreement.nothing(3, 5)
    for part in parts:
        total += agreement.count(part, 5)
    np.testing.assert_array_equal(total.same, agreement.count(labels, 5).same)
    np.testing.assert_array_equal(total.classes, agreement.count(labels, 5).classes)


def test_kappa_is_undefined_only_where_both_give_everything_the_same_class():
    labels = np.array([[2, 2, 2, 2], [2, 2, 2, 2], [1, 1, 1, 1], [1, 2, 1, 2]], dtype=np.uint8)
    kappa = agreement.count(labels, 3).kappa
    assert np.isnan(kappa[[0, 0, 1, 2], [0, 1, 1, 2]]).all()
    assert np.isnan(kappa).sum() == 5
    assert kappa[3, 3] == 1.0
    assert kappa[0, 2] == kappa[0, 3] == 0.0


def test_random_labels_agree_by_chance_and_have_no_kappa():
    counts = agreement.count(np.random.default_rng(0).integers(0, 10, size=(2, 200_000)).astype(np.uint8), 10)
    assert abs(counts.similarity[0, 1] - 0.1) < 0.005
    assert abs(counts.kappa[0, 1]) < 0.005


@pytest.mark.parametrize("points", [1, agreement.PIECE - 1, agreement.PIECE, agreement.PIECE + 1])
def test_every_point_counts_at_the_ends_of_pieces(points):
    labels = np.zeros((3, points), dtype=np.uint8)
    labels[1, -1] = labels[2, 0] = 1
    counts = agreement.count(labels, 2)
    both = points - 2 if points > 1 else 1
    assert counts.same.tolist() == [[points, points - 1, points - 1], [points - 1, points, both],
                                    [points - 1, both, points]]  # fmt: skip
    assert counts.classes.tolist() == [[points, 0], [points - 1, 1], [points - 1, 1]]


def test_labels_may_be_a_list_of_wide_types_and_classes_that_nobody_has_count_none():
    labels = [np.array([0, 299, 299, 7], dtype=np.uint16), np.array([0, 299, 7, 7], dtype=np.uint16)]
    counts = agreement.count(labels, 400)
    assert counts.classes.shape == (2, 400) and counts.classes.sum(axis=1).tolist() == [4, 4]
    assert (counts.same.dtype, counts.classes.dtype) == (np.int64, np.int64)
    assert counts.similarity.tolist() == [[1, 0.75], [0.75, 1]]
    np.testing.assert_allclose(counts.kappa[0, 1], cohen_kappa_score(*labels), atol=1e-12)


def test_kappa_is_below_zero_where_classifiers_agree_less_than_chance():
    labels = np.array([[0, 0, 1, 1], [1, 1, 0, 0], [0, 1, 0, 1]], dtype=np.uint8)
    kappa = agreement.count(labels, 2).kappa
    np.testing.assert_array_equal(kappa, [[1, -1, 0], [-1, 1, 0], [0, 0, 1]])


def test_kappa_is_defined_where_all_but_one_of_very_many_points_have_one_class():
    n = 10**9
    one_each = agreement.Counts(np.array([[n, n - 2], [n - 2, n]]), np.array([[n - 1, 1], [n - 1, 1]]))
    np.testing.assert_allclose(one_each.kappa, [[1, 0], [0, 1]], atol=1e-6)
    none = agreement.Counts(np.full((2, 2), n), np.array([[n, 0], [n, 0]]))
    assert np.isnan(none.kappa).all()
