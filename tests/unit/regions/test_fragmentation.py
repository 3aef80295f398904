import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from repdyn.regions import fragmentation


@settings(max_examples=30)
@given(seed=st.integers(0, 10_000), side=st.integers(2, 24), classes=st.integers(1, 6), smooth=st.floats(0.3, 3))
def test_fragments_are_scipys_components_counted_plane_by_plane_and_class_by_class(seed, side, classes, smooth):
    scores = np.random.default_rng(seed).normal(size=(4, classes, side, side))
    labels = ndimage.gaussian_filter(scores, (0, 0, smooth, smooth)).argmax(axis=1).astype(np.uint8)
    pieces, present = fragmentation.fragments(labels)
    for plane, count, in_it in zip(labels, pieces, present, strict=True):
        each = [ndimage.label(plane == c, structure=np.ones((3, 3)))[1] for c in np.unique(plane)]
        assert (count, in_it) == (sum(each), len(each))


def test_diagonal_neighbours_are_connected_and_planes_are_not():
    checkers = np.indices((4, 4)).sum(axis=0) % 2
    pieces, classes = fragmentation.fragments(np.stack([checkers, checkers, np.zeros((4, 4), dtype=int)]))
    assert pieces.tolist() == [2, 2, 1]
    assert classes.tolist() == [2, 2, 1]


def test_a_spiral_is_one_piece_however_often_it_meets_a_row():
    spiral = np.zeros((33, 33), dtype=np.uint8)
    for k in range(0, 16, 4):
        far = 32 - k
        spiral[k, max(0, k - 4) : far + 1] = spiral[k : far + 1, far] = spiral[far, k : far + 1] = 1
        spiral[k + 4 : far + 1, k] = 1
    labels = np.stack([spiral, 1 - spiral, spiral.T])
    expected = [sum(ndimage.label(plane == c, structure=np.ones((3, 3)))[1] for c in (0, 1)) for plane in labels]
    assert expected == [2, 2, 2]
    assert fragmentation.fragments(labels)[0].tolist() == expected


def test_planes_counted_in_several_parts_are_those_counted_at_once(monkeypatch):
    labels = np.random.default_rng(0).integers(0, 4, size=(7, 9, 9))
    whole = fragmentation.fragments(labels)
    for points in (1, 9 * 9, 200, 9 * 9 * 6):
        monkeypatch.setattr(fragmentation, "POINTS", points)
        np.testing.assert_array_equal(fragmentation.fragments(labels), whole)


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 1), (2, 1, 9), (2, 9, 1), (2, 4, 7)])
def test_planes_may_be_a_single_point_a_line_or_a_rectangle(shape):
    labels = np.random.default_rng(0).integers(0, 3, size=shape)
    pieces, present = fragmentation.fragments(labels)
    assert (pieces.dtype, present.dtype) == (np.int64, np.int64)
    for plane, count, in_it in zip(labels, pieces, present, strict=True):
        each = [ndimage.label(plane == c, structure=np.ones((3, 3)))[1] for c in np.unique(plane)]
        assert (count, in_it) == (sum(each), len(each))


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int64])
def test_which_numbers_classes_have_does_not_matter(kind):
    labels = np.random.default_rng(0).integers(0, 5, size=(6, 10, 10))
    names = np.array([255, 0, 7, 254, 31])
    for one, other in zip(
        fragmentation.fragments(labels), fragmentation.fragments(names[labels].astype(kind)), strict=True
    ):
        np.testing.assert_array_equal(one, other)


def test_fragments_stay_when_a_plane_is_turned_or_mirrored():
    labels = np.random.default_rng(1).integers(0, 3, size=(5, 12, 12))
    whole = fragmentation.fragments(labels)
    for turned in (labels[:, ::-1], labels[:, :, ::-1], labels.transpose(0, 2, 1), np.rot90(labels, axes=(1, 2))):
        np.testing.assert_array_equal(fragmentation.fragments(turned), whole)


def test_a_comb_whose_teeth_meet_in_the_last_row_alone_is_one_piece():
    comb = np.zeros((40, 41), dtype=np.uint8)
    comb[:, ::2] = 1
    comb[-1] = 1
    pieces, classes = fragmentation.fragments(np.stack([comb, comb[::-1]]))
    assert pieces.tolist() == [1 + 20, 1 + 20], "the gaps between the teeth are pieces, too"
    assert classes.tolist() == [2, 2]
