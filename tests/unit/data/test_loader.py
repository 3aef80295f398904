import numpy as np
import pytest
import torch
from synthetic import some

from repdyn.data import loader
from repdyn.data.loader import Feed

CPU = torch.device("cpu")


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("size", [8, 4])
def test_batches_are_the_standardised_images_to_the_bit(channels, size, monkeypatch):
    monkeypatch.setattr(loader, "CHUNK", 16)
    images = some(channels, size)
    fed = Feed(images, CPU)
    order = torch.randperm(41)[:30]
    for chosen in (None, order):
        batches = list(fed.batches(16, chosen))
        assert [len(batch) for batch in batches] == ([16, 16, 9] if chosen is None else [16, 14])
        wanted = images[:] if chosen is None else images[chosen.numpy()]
        np.testing.assert_array_equal(torch.cat(batches).numpy(), wanted)
        assert all(batch.is_contiguous(memory_format=torch.channels_last) for batch in batches)


@pytest.mark.parametrize(("free", "fits"), [(1000, False), (2000, True), (None, True)])
def test_images_live_on_a_gpu_if_they_take_no_more_than_half_of_what_is_free(monkeypatch, free, fits):
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (free, 10_000))
    assert loader._fits(1000, CPU if free is None else torch.device("cuda")) is fits


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no GPU")
def test_streamed_batches_are_those_that_live_on_the_gpu(monkeypatch):
    images, gpu, order = some(3), torch.device("cuda"), torch.randperm(41)
    there = Feed(images, gpu)
    monkeypatch.setattr(loader, "_fits", lambda *_: False)
    streamed = Feed(images, gpu)
    assert (there.streamed, streamed.streamed) == (False, True)
    for one, other in zip(there.batches(16, order), streamed.batches(16, order), strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
