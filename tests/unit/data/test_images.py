import numpy as np
import pytest

from repdyn.data.images import Images, Standardisation, resized
from repdyn.errors import RepdynError


def taken(stored, index, size, white=255):
    """Images of a data set, standardised by themselves."""
    return Images(stored, index, size, Standardisation.of(stored, index, size, white).table)


def directly(stored, index, size, white=255):
    """The same without a table, in float64 until the end, resizing by means."""
    images = stored[index] / white
    old = images.shape[-1]
    block = -(-old // size)
    pad = block * size - old
    sides = (pad // 2, pad - pad // 2)
    images = np.pad(images, ((0, 0), (0, 0), sides, sides))
    images = images.reshape(*images.shape[:2], size, block, size, block).mean(axis=(3, 5))
    mean, std = images.mean(axis=(0, 2, 3), keepdims=True), images.std(axis=(0, 2, 3), keepdims=True)
    return ((images - mean) / std).astype(np.float32)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("side", "size", "white"), [(8, 8, 16), (28, 28, 255), (28, 32, 255), (28, 16, 255), (32, 9, 255)]
)
def test_a_table_gives_the_bits_that_arithmetic_in_float64_gives(channels, side, size, white):
    generator = np.random.default_rng([channels, side, size])
    for _ in range(5):
        stored = generator.integers(0, white + 1, size=(60, channels, side, side), dtype=np.uint8)
        index = generator.permutation(60)[:40]
        images = taken(stored, index, size, white)
        expected = directly(stored, index, size, white)
        assert images[:].dtype == np.float32
        assert images.shape == expected.shape
        np.testing.assert_array_equal(images[:], expected)
        np.testing.assert_array_equal(np.asarray(images.subset(slice(3, 9)))[[1, 0]], expected[[4, 3]])


def test_of_a_data_set_that_is_a_mapped_file_only_what_is_taken_is_in_memory():
    class Watched(np.ndarray):
        def __getitem__(self, key):
            found = super().__getitem__(key)
            if self.base is whole:
                taken_from_file.append(len(found))
            return found

    whole = np.random.default_rng(0).integers(0, 256, size=(50, 1, 4, 4), dtype=np.uint8)
    taken_from_file: list[int] = []
    images = taken(whole.view(Watched), np.array([4, 40, 8]), 4)
    assert images[[0, 2]].shape == (2, 1, 4, 4)
    assert images.subset(np.array([False, True, False]))[:].shape == (1, 1, 4, 4)
    assert taken_from_file == [3, 2, 1]


def test_resizing_pads_to_a_multiple_and_sums_blocks():
    images = np.arange(2 * 28 * 28, dtype=np.int64).reshape(2, 1, 28, 28) % 256
    shrunk = resized(images.astype(np.uint8), 16)
    assert shrunk.shape == (2, 1, 16, 16)
    padded = np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))
    assert shrunk[1, 0, 3, 5] == padded[1, 0, 6:8, 10:12].sum()
    assert shrunk.sum() == images.sum()
    assert resized(np.full((1, 1, 48, 48), 255, dtype=np.uint8), 4).max() == 255 * 12**2


def test_images_of_one_shade_are_refused():
    stored = np.zeros((5, 2, 4, 4), dtype=np.uint8)
    stored[:, 0, 0] = 9
    with pytest.raises(RepdynError, match="All 3 images to train on have the same value in every pixel of channel 1"):
        Standardisation.of(stored, np.arange(3), 4, 255)
