from typing import Any

import pytest
import torch
from torch import nn

from repdyn.errors import RepdynError
from repdyn.recorded import networks


@pytest.mark.parametrize(
    ("name", "bare"),
    [
        ("_orig_mod.0.weight", "0.weight"),
        ("0._orig_mod.1._fsdp_wrapped_module._checkpoint_wrapped_module.bias", "0.1.bias"),
        ("_orig_mod._orig_mod.w", "w"),
        ("module.0.weight", "module.0.weight"),  # networks have such modules themselves
        ("my_orig_model.weight", "my_orig_model.weight"),
        ("", ""),
    ],
)
def test_what_wrappers_put_into_names_is_taken_off_wherever_it_stands(name: str, bare: str) -> None:
    assert networks.bare(name) == bare


class Compiled(nn.Module):
    """Holds a network as `torch.compile` does, whose import takes seconds; ``test_recorder.py`` has that itself."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._orig_mod = model


class Named(nn.Module):
    """Has a module of the name that data parallelism uses, and something of that of compilation."""

    def __init__(self) -> None:
        super().__init__()
        self.module, self._orig_mod = nn.Linear(2, 2), "no module"


@pytest.mark.parametrize(
    "wrap",
    [
        lambda model: model,
        Compiled,
        nn.DataParallel,
        lambda model: Compiled(nn.DataParallel(Compiled(model))),
    ],
)
def test_a_network_is_found_in_any_wrappers_and_is_none_itself(wrap: Any) -> None:
    for model in (nn.Linear(2, 1), Named()):
        assert networks.unwrapped(wrap(model)) is model


def test_tensors_are_weights_and_buffers_under_bare_names_and_nothing_else() -> None:
    class Extra(nn.Linear):
        def get_extra_state(self) -> dict[str, int]:
            return {"calls": 3}

        def set_extra_state(self, state: Any) -> None:
            del state

    model = nn.Sequential(Compiled(Extra(3, 2)), nn.BatchNorm1d(2))
    assert "0._orig_mod._extra_state" in model.state_dict()
    found = networks.tensors_of(model)
    assert list(found) == ["0.weight", "0.bias", *(f"1.{name}" for name in model[1].state_dict())]
    assert found["0.weight"].data_ptr() == model[0]._orig_mod.weight.data_ptr()


@pytest.mark.parametrize("kind", ["DTensor", "ShardedTensor"])
def test_what_is_divided_among_processes_or_not_made_yet_is_refused(kind: str) -> None:
    model = nn.Linear(2, 2)
    model.register_buffer("part", torch.ones(2).as_subclass(type(kind, (torch.Tensor,), {})))
    with pytest.raises(RepdynError, match=r"^`part` is divided among processes \(FSDP\)"):
        networks.tensors_of(model)
    with pytest.raises(RepdynError, match=r"^`1\.weight` is not made before a batch passes"):
        networks.copied(nn.Sequential(nn.Linear(2, 2), nn.LazyLinear(2)))


def test_copies_keep_values_and_types_when_the_network_goes_on() -> None:
    model = nn.Sequential(nn.Linear(3, 4).bfloat16(), nn.BatchNorm1d(4))
    model[0].weight.data = torch.randn(3, 4).bfloat16().T  # which does not lie row by row
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    found = networks.copied(model)
    with torch.no_grad():
        for tensor in model.state_dict().values():
            tensor.add_(1)
    assert found.keys() == before.keys()
    for name, tensor in found.items():
        assert torch.equal(tensor, before[name]) and tensor.dtype == before[name].dtype
        assert tensor.is_contiguous() and not tensor.requires_grad


def test_what_shares_memory_is_copied_once_and_what_only_begins_there_is_not_shared() -> None:
    model = nn.Module()
    whole = torch.arange(9.0)
    tied = {"one": whole, "other": whole.view(9), "shape": whole.view(3, 3), "turned": whole.view(3, 3).T,
            "start": whole[:2], "bits": whole.view(torch.int32)}  # fmt: skip
    for name, tensor in tied.items():
        model.register_buffer(name, tensor)
    for name in ("empty", "empty_too"):
        model.register_buffer(name, torch.empty(0))
    found = networks.copied(model)
    assert found["one"] is found["other"]
    assert len({id(tensor) for tensor in found.values()}) == len(found) - 1
    assert all(torch.equal(found[name], tensor) for name, tensor in tied.items())
