import io
import itertools
import random

import numpy as np
import pytest
import torch

from repdyn.runtime import seeds

PURPOSES = [
    (seeds.INITIALISATION,),
    (seeds.NOISE,),
    *((purpose, epoch) for purpose in (seeds.ORDER, seeds.AUGMENTATION) for epoch in range(50)),
]


def drawn() -> tuple[float, ...]:
    """A number of each global generator; normal ones come in pairs, of which generators keep the second."""
    legacy = np.random.random(), np.random.normal()  # noqa: NPY002
    return random.random(), random.gauss(), *legacy, torch.rand(()).item(), torch.randn(()).item()


def test_streams_are_those_that_finished_studies_were_drawn_from():
    expected = {(0, 0): 7896617691693857887, (3, 1): 5712964121383671236, (3, 2, 7): 1735961936752399922}
    assert {key: seeds.stream(*key) for key in expected} == expected


def test_no_two_seeds_or_purposes_share_a_stream_and_each_is_a_seed_of_torch():
    run_seeds = (*range(20), 2**31 - 1)
    found = [seeds.stream(seed, *purpose) for seed, purpose in itertools.product(run_seeds, PURPOSES)]
    assert len(set(found)) == len(run_seeds) * len(PURPOSES)
    assert all(0 <= seed < 2**63 for seed in found)


@pytest.mark.parametrize("seed", [0, 5, 2**32 + 5, 2**63 - 1])
def test_a_seed_decides_all_three_generators(seed):
    with seeds.seeded(seed):
        first = drawn()
    with seeds.seeded(seed):
        assert drawn() == first
    with seeds.seeded(seed ^ 1):
        assert not set(first) & set(drawn())


def test_generators_go_on_from_a_state_that_was_saved_to_a_file():
    with seeds.seeded(1):
        drawn()  # leaves the second normal number of a pair
        file = io.BytesIO()
        torch.save(seeds.state(), file)
        expected = drawn()
        seeds.begin(2)
        file.seek(0)
        seeds.go_on(torch.load(file, weights_only=True))
        assert drawn() == expected


def test_a_state_is_not_changed_by_what_is_drawn_after_it():
    with seeds.seeded(1):
        state = seeds.state()
        first = drawn()
        for _ in range(3):
            seeds.go_on(state)
            assert drawn() == first


def test_what_is_drawn_inside_leaves_no_trace_even_after_an_error():
    with seeds.seeded(3):
        state = seeds.state()
        expected = drawn()
        seeds.go_on(state)
        with pytest.raises(ZeroDivisionError), seeds.seeded(4):
            drawn()
            raise ZeroDivisionError
        assert drawn() == expected
