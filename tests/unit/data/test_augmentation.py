import pytest
import torch

from repdyn.config import sections
from repdyn.data.augmentation import Augmenter

BLACK = torch.tensor([-1.0, -2.0, -3.0])
ALL = torch.arange(200)


@pytest.fixture
def images():
    return torch.randn(200, 3, 5, 6, generator=torch.Generator().manual_seed(0))


def drawn(padding, flip, seed=0):
    augment = Augmenter(sections.Augmentation(padding=padding, flip=flip), BLACK, 200)
    augment.draw(torch.Generator().manual_seed(seed))
    return augment


def test_without_padding_and_flips_images_are_what_they_were(images):
    assert torch.equal(drawn(0, False)(images, ALL), images)


def test_about_half_of_the_images_are_mirrored(images):
    found = drawn(0, True)(images, ALL)
    mirrored = (found == images.flip(3)).all(dim=(1, 2, 3))
    assert torch.equal(found[~mirrored], images[~mirrored])
    assert 70 < mirrored.sum() < 130


def test_a_crop_is_the_image_moved_with_black_around_it_and_every_place_occurs(images):
    padded = BLACK[:, None, None].expand(200, 3, 9, 10).clone()
    padded[:, :, 2:7, 2:8] = images
    places = [(top, left) for top in range(5) for left in range(5)]
    crops = torch.stack([padded[:, :, top : top + 5, left : left + 6] for top, left in places])
    found = drawn(2, False)(images, ALL)
    hits = torch.isclose(crops, found, rtol=0, atol=1e-6).all(dim=(2, 3, 4))  # (places, images)
    assert (hits.sum(0) == 1).all()
    assert (hits.sum(1) > 0).all()


def test_an_epoch_s_draw_depends_on_its_generator_alone_not_on_batches(images):
    one, other = drawn(2, True, seed=3), drawn(2, True, seed=3)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(1))
    in_parts = torch.cat([other(images[part], part) for part in order.split(64)])
    assert torch.equal(one(images[order], order), in_parts)
    other.draw(torch.Generator().manual_seed(4))
    assert not torch.equal(one(images, ALL), other(images, ALL))


def test_batches_lie_channels_last(images):
    assert drawn(1, True)(images, ALL).is_contiguous(memory_format=torch.channels_last)
