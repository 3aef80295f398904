"""Tensors of one number hold the same numbers whatever the weights; what only happens to be alike has two."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repdyn.models.value_numbers import ValueNumbers

SAME = {
    "itself": lambda x: x,
    "flattened": lambda x: x.flatten(1),
    "reshaped twice": lambda x: x.reshape(2, 2, -1).view(2, -1),
    "copied": lambda x: x.clone().contiguous().detach(),
    "a dimension more": lambda x: x[:, None].squeeze(1),
    "dropout in evaluation": lambda x: F.dropout(x, training=False),
    "nothing added, times one": lambda x: (x + 0) * 1 / 1.0,
    "rectified twice": F.relu,
    "every row": lambda x: x[:],
}
OTHER = {
    "transposed": lambda x: x.transpose(1, 2),
    "a sum": lambda x: x + 1,
    "a branch of zeros": lambda x: x + 0 * x,
    "other rows": lambda x: x[1:],
    "reversed": lambda x: x.flip(1),
    "normalised": lambda x: F.layer_norm(x, x.shape[1:]),
    "a mean": lambda x: x.mean(1),
    "a maximum with another": lambda x: torch.max(x, 0 * x),
    "in place": lambda x: x.clone().add_(1),
    "other bits": lambda x: x.view(torch.int32).float(),
    "of complex conjugates": lambda x: torch.view_as_real(torch.complex(x, x).conj().resolve_conj()),
}
MAPS = {
    "mean": (lambda x: x.mean((2, 3)), True),
    "adaptive mean": (lambda x: F.adaptive_avg_pool2d(x, 1), True),
    "adaptive maximum": (lambda x: F.adaptive_max_pool2d(x, 1), True),
    "maximum of a padded map": (lambda x: F.max_pool2d(x, 3, 2, 1), True),
    "channels last": (lambda x: x.permute(0, 2, 3, 1), True),
    "channels last in memory": (lambda x: x.contiguous(memory_format=torch.channels_last), True),
    "mean of a padded map": (lambda x: F.avg_pool2d(x, 3, 2, 1), False),
    "deviation": (lambda x: x.std((2, 3), unbiased=False), False),
    "mean over channels": (lambda x: x.mean(1), False),
}


@pytest.fixture(params=["meta", "cpu"])
def device(request):
    return request.param


def number(numbers, tensor):
    """The number of a tensor as it is compared: flattened."""
    return numbers.of(tensor.flatten(1))


@pytest.mark.parametrize("change", SAME.values(), ids=list(SAME))
def test_what_copies_or_reshapes_keeps_the_number(device, change):
    with torch.no_grad(), ValueNumbers() as numbers:
        x = F.relu(torch.ones(2, 3, 4, device=device))
        assert number(numbers, change(x)) == number(numbers, x)


@pytest.mark.parametrize("change", OTHER.values(), ids=list(OTHER))
def test_what_may_change_a_number_gives_another(device, change):
    with torch.no_grad(), ValueNumbers() as numbers:
        x = torch.ones(2, 3, 4, device=device)
        assert number(numbers, change(x)) != number(numbers, x)


@pytest.mark.parametrize(("change", "same"), MAPS.values(), ids=list(MAPS))
def test_pooling_a_map_of_one_pixel_changes_nothing(device, change, same):
    with torch.no_grad(), ValueNumbers() as numbers:
        x = torch.ones(2, 3, 1, 1, device=device)
        assert (number(numbers, change(x)) == number(numbers, x)) == same
        larger = torch.ones(2, 3, 4, 4, device=device)
        found = change(larger)
        if found.shape != larger.shape or not found.is_contiguous(memory_format=torch.channels_last):
            assert number(numbers, found) != number(numbers, larger)


def test_one_operation_on_the_same_operands_gives_the_same_numbers_and_other_weights_give_others(device):
    one, other = nn.Linear(4, 4, device=device), nn.Linear(4, 4, device=device)
    with torch.no_grad(), ValueNumbers() as numbers:
        x = torch.ones(2, 4, device=device)
        assert numbers.of(one(x)) == numbers.of(one(x))
        assert numbers.of(one(x)) != numbers.of(other(x))
        assert numbers.of(one(x)) != numbers.of(one(x + 1))


def test_random_numbers_are_never_the_same(device):
    with torch.no_grad(), ValueNumbers() as numbers:
        assert numbers.of(torch.rand(3, device=device)) != numbers.of(torch.rand(3, device=device))
        assert numbers.of(torch.empty(3, device=device)) != numbers.of(torch.empty(3, device=device))


def test_what_is_written_over_has_another_number_through_whichever_view(device):
    with torch.no_grad(), ValueNumbers() as numbers:
        x = torch.ones(2, 4, device=device)
        before, view = numbers.of(x), x.view(4, 2)
        assert numbers.of(view) == before
        view[:1].mul_(2)
        assert before not in (numbers.of(x), numbers.of(view))
