import io

import pytest
import torch

from repdyn.training import optimizer_state


class Around(torch.optim.Optimizer):
    """Holds optimizers where it is told to; its own state leaves theirs out."""

    def __init__(self, params, hold):
        super().__init__(params, {"lr": 0.1})
        hold(self, params)

    def step(self):
        self.state[self.param_groups[0]["params"][0]]["calls"] = torch.tensor(1.0)


def parameters():
    return [torch.nn.Parameter(torch.full((2,), float(i + 1))) for i in range(2)]


def in_attribute(self, params):
    self.inner = torch.optim.SGD(params, lr=0.1, momentum=0.9)


def in_list(self, params):
    self.all = [torch.optim.SGD(params[:1], lr=0.1, momentum=0.9), None, torch.optim.Adam(params[1:], lr=0.1)]


def in_tuple_and_dictionary(self, params):
    self.some = (torch.optim.Adam(params[:1], lr=0.1),)
    self.more = {"b": torch.optim.SGD(params[1:], lr=0.1, momentum=0.9), "c": 5}


def two_deep(self, params):
    self.inner = Around(params, in_list)


def shared_and_in_circles(self, params):
    self.inner = torch.optim.Adam(params, lr=0.1)
    self.again, self.inner.outer = [self.inner], self


HOLDING = [in_attribute, in_list, in_tuple_and_dictionary, two_deep, shared_and_in_circles]


def parts(optimizer):
    return optimizer_state._parts(optimizer)


def take_steps(optimizer, number):
    for _ in range(number):
        for part in parts(optimizer):
            for group in part.param_groups:
                for p in group["params"]:
                    p.grad = p.detach() * 2
            part.step()


def saved(state):
    """As read from a file, which holds no objects."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def values(params):
    return [p.detach().tolist() for p in params]


@pytest.mark.parametrize("hold", HOLDING, ids=lambda hold: hold.__name__)
def test_optimizers_within_go_on_from_their_saved_state(hold):
    params = parameters()
    optimizer = Around(params, hold)
    take_steps(optimizer, 3)
    state, before = saved(optimizer_state.state_dict(optimizer)), [p.detach().clone() for p in params]
    take_steps(optimizer, 2)
    others = [torch.nn.Parameter(p) for p in before]
    another = Around(others, hold)
    optimizer_state.load_state_dict(another, state)
    take_steps(another, 2)
    assert values(others) == values(params)


@pytest.mark.parametrize(
    ("hold", "number"),
    [(in_attribute, 2), (in_list, 3), (in_tuple_and_dictionary, 3), (two_deep, 4), (shared_and_in_circles, 2)],
)
def test_each_part_is_there_once_inner_ones_first(hold, number):
    optimizer = Around(parameters(), hold)
    found = parts(optimizer)
    assert (len(found), found[-1] is optimizer) == (number, True)
    assert len(optimizer_state.state_dict(optimizer)) == number


def test_groups_that_inner_and_outer_share_are_shared_after_loading():
    """As of sharpness-aware minimization: loading puts new groups in place, and the outer one relinks them."""

    class Shares(Around):
        def load_state_dict(self, state_dict):
            super().load_state_dict(state_dict)
            self.inner.param_groups = self.param_groups

    optimizer = Shares(parameters(), in_attribute)
    optimizer.inner.param_groups = optimizer.param_groups
    optimizer_state.load_state_dict(optimizer, saved(optimizer_state.state_dict(optimizer)))
    assert optimizer.inner.param_groups is optimizer.param_groups


@pytest.mark.parametrize("others", [lambda state: state[1:], lambda state: [*state, state[-1]]])
def test_a_state_of_another_number_of_optimizers_is_no_state_of_these(others):
    optimizer = torch.optim.SGD(parameters(), lr=0.1)
    with pytest.raises(ValueError, match=r"zip\(\) argument 2 is"):
        optimizer_state.load_state_dict(optimizer, others(optimizer_state.state_dict(optimizer)))


def test_random_generators_go_on():
    optimizer, other = (torch.optim.SGD(parameters(), lr=0.1) for _ in range(2))
    optimizer.a, optimizer.b = (torch.Generator().manual_seed(seed) for seed in (1, 2))
    other.b, other.a = torch.Generator(), torch.Generator()
    torch.rand(3, generator=optimizer.a)
    state = saved(optimizer_state.state_dict(optimizer))
    expected = [torch.rand(3, generator=generator).tolist() for generator in (optimizer.a, optimizer.b)]
    optimizer_state.load_state_dict(other, state)
    assert [torch.rand(3, generator=generator).tolist() for generator in (other.a, other.b)] == expected


@pytest.mark.parametrize("kind", [torch.float64, torch.float16, torch.int64, torch.bool])
def test_state_keeps_its_type_and_bits_whatever_the_parameters_are(kind):
    optimizer, other = (torch.optim.SGD(parameters(), lr=0.1) for _ in range(2))
    value = torch.tensor([1 + 2**-40, 3.0], dtype=torch.float64).to(kind)
    first, second = optimizer.param_groups[0]["params"]
    optimizer.state[second] = {"own": value, "nothing": None, "number": 3}
    optimizer_state.load_state_dict(other, saved(optimizer_state.state_dict(optimizer)))
    found = other.state[other.param_groups[0]["params"][1]]
    assert (found["own"].dtype, found["own"].tolist()) == (kind, value.tolist())
    assert (found["nothing"], found["number"]) == (None, 3)
    assert not other.state.get(other.param_groups[0]["params"][0])
    assert first is not second


def test_a_state_of_another_form_is_left_to_its_optimizer():
    class Own(Around):
        def state_dict(self):
            return {"mine": 5}

        def load_state_dict(self, state):
            self.loaded = state

    optimizer = Own(parameters(), lambda *_: None)
    optimizer_state.load_state_dict(optimizer, saved(optimizer_state.state_dict(optimizer)))
    assert optimizer.loaded == {"mine": 5}
