import itertools
import json
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from repdyn.explorer.pack import TYPES, changes, pack, triangle, unpack
from repdyn.types import Array

ARRAYS = st.sampled_from([np.uint8, np.uint16, np.int32, np.float32, np.float64]).flatmap(
    lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5))
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), ARRAYS, max_size=4), st.dictionaries(st.text(), st.integers()))
def test_what_is_packed_is_unpacked_again(arrays: dict[str, Array], about: dict[str, Any]) -> None:
    about.pop("arrays", None)
    head, found = unpack(pack(about, arrays))
    assert head == about
    assert list(found) == list(arrays)
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype
        np.testing.assert_array_equal(found[name], array)


def test_arrays_lie_where_a_typed_array_can_be_laid_over_them() -> None:
    content = zlib.decompress(pack({"é": 1}, {"a": np.zeros(3, np.uint8), "b": np.ones(2)}))
    length = int.from_bytes(content[:4], "little")
    places = json.loads(content[4 : 4 + length])["arrays"]
    assert (4 + length) % 8 == 0
    assert all(place["offset"] % 8 == 0 for place in places.values())


@given(st.integers(1, 6), st.integers(0, 2**32 - 1), st.sampled_from([0, -1]), st.sampled_from([2, 4]))
def test_a_triangle_holds_every_pair_to_its_decimals(size: int, seed: int, low: int, decimals: int) -> None:
    values = low + (1 - low) * np.random.default_rng(seed).random((2, size, size))
    values = (values + values.swapaxes(1, 2)) / 2
    values[0, 0, size - 1] = values[0, size - 1, 0] = np.nan
    packed = triangle(values, low, 1, decimals)
    # As data.js finds a pair.
    for layer, (a, b) in itertools.product(range(2), itertools.product(range(size), repeat=2)):
        i, j = min(a, b), max(a, b)
        found = packed[layer, i * size - i * (i - 1) // 2 + j - i]
        if np.isnan(values[layer, a, b]):
            assert found == 2 ** (8 * packed.itemsize) - 1
        else:
            assert abs(low + found / 10**decimals - values[layer, a, b]) <= 0.5 * 10.0**-decimals + 1e-12


@pytest.mark.parametrize("decimals", TYPES)
def test_no_similarity_is_taken_for_undefined_and_rounding_beyond_the_ends_is_drawn_in(decimals: int) -> None:
    packed = triangle(np.array([[[1 + 1e-9]], [[-1 - 1e-9]], [[np.nan]]]), -1, 1, decimals).ravel().tolist()
    assert packed == [2 * 10**decimals, 0, np.iinfo(TYPES[decimals]).max]


@given(hnp.arrays(st.sampled_from([np.uint8, np.uint16]), (2, 4, 3)))
def test_changes_add_up_to_the_labels(labels: Array) -> None:
    np.testing.assert_array_equal(np.cumsum(changes(labels), axis=1, dtype=labels.dtype), labels)


@pytest.mark.parametrize(
    "array",
    [
        np.arange(6, dtype=">i4").reshape(2, 3),
        np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        np.arange(24.0).reshape(4, 6)[::2, ::-2],
        np.array(1.5),
    ],
    ids=["big-endian", "Fortran", "strided", "a number"],
)
def test_numbers_are_the_same_however_they_lie_in_memory(array: Array) -> None:
    piece = pack({}, {"é": array, "behind": np.arange(3)})
    _, found = unpack(piece)
    assert found["é"].shape == array.shape
    np.testing.assert_array_equal(found["é"], array)
    np.testing.assert_array_equal(found["behind"], np.arange(3))
    assert piece == pack({}, {"é": np.array(array, order="C"), "behind": np.arange(3)})


def test_a_checkpoint_whose_labels_fall_wraps_round_and_the_first_stays_as_it_is() -> None:
    labels = np.array([[[3, 7], [1, 7], [0, 9]]], dtype=np.uint8)
    found = changes(labels)
    assert found.dtype == np.uint8
    assert found.tolist() == [[[3, 7], [254, 0], [255, 2]]]
