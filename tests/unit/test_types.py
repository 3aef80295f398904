"""What a network gets for each example."""

import pytest
import torch

from repdyn.types import Inputs

IMAGES = Inputs((3, 8, 4))
NUMBERS = Inputs((5,), "numbers")
TOKENS = Inputs((6,), "tokens", vocabulary=3)


@pytest.mark.parametrize(
    ("inputs", "words", "size"),
    [
        (IMAGES, "images of 3 × 8 × 4", 96),
        (NUMBERS, "numbers of 5", 5),
        (TOKENS, "tokens of 6", 6),
        (Inputs((), "numbers"), "numbers of ", 1),
        (Inputs((0, 4), "numbers"), "numbers of 0 × 4", 0),
    ],
)
def test_inputs_in_words_and_how_many_numbers_one_has(inputs: Inputs, words: str, size: int) -> None:
    assert str(inputs) == words
    assert inputs.size == size


@pytest.mark.parametrize(
    ("inputs", "dtype"), [(IMAGES, torch.float32), (NUMBERS, torch.float32), (TOKENS, torch.int64)], ids=str
)
@pytest.mark.parametrize("n", [0, 1, 7])
def test_samples_and_zeros_have_the_shape_and_type_of_the_inputs(inputs: Inputs, dtype: torch.dtype, n: int) -> None:
    for found, device in (
        (inputs.sample(n, 0), "cpu"),
        (inputs.zeros(n, "cpu"), "cpu"),
        (inputs.zeros(n, "meta"), "meta"),
    ):
        assert (tuple(found.shape), found.dtype, found.device.type) == ((n, *inputs.shape), dtype, device)
    assert not inputs.zeros(n, "cpu").any()


def test_a_sample_of_numbers_is_standard_normal() -> None:
    sample = Inputs((100,), "numbers").sample(1000, seed=1)
    assert abs(float(sample.mean())) < 4 / 100_000**0.5
    assert abs(float(sample.std()) - 1) < 4 / 200_000**0.5


def test_a_sample_of_tokens_has_every_token_below_the_vocabulary_about_as_often() -> None:
    counts = torch.bincount(Inputs((100,), "tokens", vocabulary=5).sample(1000, seed=1).flatten())
    assert len(counts) == 5
    assert bool(((counts - 20_000).abs() < 4 * (100_000 * 0.2 * 0.8) ** 0.5).all())


@pytest.mark.parametrize("inputs", [IMAGES, TOKENS], ids=str)
def test_a_seed_draws_the_same_and_leaves_torch_s_own_draws_alone(inputs: Inputs) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        before = torch.get_rng_state()
        first, again, other = inputs.sample(4, 0), inputs.sample(4, 0), inputs.sample(4, 1)
        assert torch.equal(first, again) and not torch.equal(first, other)
        assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("inputs", [IMAGES, TOKENS], ids=str)
def test_without_a_seed_torch_s_own_draws_go_on(inputs: Inputs) -> None:
    with torch.random.fork_rng():
        torch.manual_seed(5)
        first, second = inputs.sample(4), inputs.sample(4)
        torch.manual_seed(5)
        assert torch.equal(inputs.sample(4), first)
        assert not torch.equal(first, second)


@pytest.mark.parametrize("inputs", [IMAGES, TOKENS], ids=str)
def test_a_sample_is_on_the_cpu_where_torch_would_put_it_elsewhere(inputs: Inputs) -> None:
    with torch.device("meta"):
        assert inputs.sample(2, 0).device.type == "cpu"
        assert inputs.sample(2).device.type == "cpu"
