import argparse
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from repdyn.errors import RepdynError
from repdyn.recorded import weights
from repdyn.training import checkpoints

FILE = Path("net.pt")


class Ran(Exception):
    """Code from a file ran."""


class Trap:
    """An object that runs code when it is unpickled."""

    def __reduce__(self) -> Any:
        return _spring, ()


def _spring() -> None:
    raise Ran


class Tied(nn.Module):
    """A network whose last layer has the weights of its first."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm, self.head = nn.Embedding(5, 3), nn.BatchNorm1d(3), nn.Linear(3, 5, bias=False)
        self.head.weight = self.embed.weight


@pytest.fixture
def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def message(call: Any, *arguments: Any) -> str:
    with pytest.raises(RepdynError) as caught:
        call(*arguments)
    return str(caught.value)


@pytest.mark.parametrize("older", [False, True])
@pytest.mark.parametrize("name", ["net.pt", "net.pth", "pytorch_model.bin", "net.ckpt", "net.pth.tar"])
def test_state_dicts_of_torch_are_read(tmp_path: Path, network: nn.Module, name: str, older: bool) -> None:
    torch.save(network.state_dict(), tmp_path / name, _use_new_zipfile_serialization=not older)
    assert same(weights.read(tmp_path / name, None), network.state_dict())


def test_safetensors_are_read_whole_or_in_shards_or_by_their_folder(tmp_path: Path, network: nn.Module) -> None:
    state = network.state_dict()
    save_file(state, tmp_path / "model.safetensors")
    assert same(weights.read(tmp_path / "model.safetensors", None), state)
    assert same(weights.read(tmp_path, None), state)
    names = sorted(state)
    parts = {"one.safetensors": names[:3], "two.safetensors": names[3:]}
    for file, part in parts.items():
        save_file({name: state[name] for name in part}, tmp_path / file)
    index = tmp_path / "whole.safetensors.index.json"
    index.write_text(
        json.dumps({"weight_map": {name: file for file in parts for name in parts[file]}}), encoding="utf-8"
    )
    assert same(weights.read(index, None), state)
    assert "leave `key` out" in message(weights.read, tmp_path / "model.safetensors", "model")


def test_pickled_shards_are_read(tmp_path: Path, network: nn.Module) -> None:
    state = network.state_dict()
    where = {name: f"part-{number % 2}.bin" for number, name in enumerate(state)}
    for file in set(where.values()):
        torch.save({name: state[name] for name in where if where[name] == file}, tmp_path / file)
    (tmp_path / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": where}), encoding="utf-8")
    assert weights.read(tmp_path, None).keys() == state.keys()


def test_checkpoints_of_repdyn_are_read_and_every_byte_of_them_is_checked(tmp_path: Path, network: nn.Module) -> None:
    file = tmp_path / "step=3.safetensors"
    checkpoints.save(file, network, {"step": 3})
    assert same(weights.read(file, None), network.state_dict())
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    assert "is damaged" in message(weights.read, file, None)


def test_the_only_weights_among_entries_need_no_key(tmp_path: Path, network: nn.Module) -> None:
    file = tmp_path / "last.ckpt"
    state = network.state_dict()
    settings = argparse.Namespace(lr=0.1, out=tmp_path)
    torch.save({"epoch": 3, "best": np.float64(0.5), "curve": np.ones(2), "args": settings, "model": state}, file)
    assert same(weights.read(file, None), state)
    torch.save({"ema": {"shadow": state}, "model.x": {"y": state}, "model": state, "teacher": state}, file)
    assert "has weights at model, teacher; say which" in message(weights.read, file, None)
    for key in ("model", "ema.shadow", "model.x.y"):
        assert same(weights.read(file, key), state)
    said = message(weights.read, file, "mode")
    assert said.endswith("has no entry `mode`; there are `ema`, `model.x`, `model`, `teacher`.")
    assert message(weights.read, file, "ema").endswith("such as `key: ema.shadow`.")


def test_state_beside_tensors_is_no_weight(tmp_path: Path, network: nn.Module) -> None:
    file = tmp_path / "net.pt"
    torch.save({**network.state_dict(), "0._extra_state": {"scale": 1.0}}, file)
    assert same(weights.read(file, None), network.state_dict())


def test_code_in_a_file_never_runs_and_is_named(tmp_path: Path, network: nn.Module) -> None:
    file = tmp_path / "net.pt"
    torch.save({"model": network.state_dict(), "trap": Trap()}, file)
    with pytest.raises(Ran):  # or else it would be no trap
        torch.load(file, weights_only=False)
    said = message(weights.read, file, "model")
    assert "_spring`, and reading that would run code; save tensors alone" in said
    file.write_bytes(pickle.dumps(Trap()))
    message(weights.read, file, None)
    torch.save(network, file)
    assert "holds an object of `torch.nn.modules." in message(weights.read, file, None)
    torch.jit.script(network).save(str(file))
    assert "holds a program of TorchScript" in message(weights.read, file, None)


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"\x00" * 40, b"no weights here"])
def test_what_is_no_checkpoint_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    said = message(weights.read, tmp_path / name, None)
    assert said.startswith(f"`{tmp_path / name}`") and said.endswith(".") and "\n" not in said


@pytest.mark.parametrize("name", ["net.pt", "net.safetensors"])
def test_half_a_file_and_none_are_refused(tmp_path: Path, network: nn.Module, name: str) -> None:
    assert "cannot be read: No such file" in message(weights.read, tmp_path / name, None)
    whole = tmp_path / "whole"
    save_file(network.state_dict(), whole) if name.endswith("s") else torch.save(network.state_dict(), whole)
    (tmp_path / name).write_bytes(whole.read_bytes()[:-300])
    assert "whole" in message(weights.read, tmp_path / name, None)


def test_a_network_gets_its_own_types(network: nn.Module) -> None:
    found = {name: tensor.to(torch.bfloat16) if tensor.is_floating_point() else tensor for name, tensor in
             network.state_dict().items()}  # fmt: skip
    fitted = weights.fit(found, network.state_dict(), None, FILE)
    assert {name: tensor.dtype for name, tensor in fitted.items()} == {
        name: tensor.dtype for name, tensor in network.state_dict().items()
    }
    assert torch.equal(fitted["0.weight"], found["0.weight"].float())


@pytest.mark.parametrize(
    ("prefix", "strip"),
    [
        ("", None), ("module.", "module."), ("_orig_mod.", None), ("_orig_mod.", "_orig_mod."),
        ("model.net.", "model.net."), ("module._orig_mod.", "module."), ("_orig_mod.module.", "module."),
        ("module._orig_mod.", "module._orig_mod."),
    ],
)  # fmt: skip
def test_a_prefix_is_stripped(network: nn.Module, prefix: str, strip: str | None) -> None:
    state = network.state_dict()
    found = {f"{prefix}{name}": tensor for name, tensor in state.items()}
    if strip is not None:
        found["criterion.weight"] = torch.ones(2)  # beside the network
    assert same(weights.fit(found, state, strip, FILE), state)


def test_what_a_compiled_part_puts_into_names_is_taken_off() -> None:
    network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    state = network.state_dict()
    network[1] = torch.compile(network[1])
    assert "1._orig_mod.weight" in network.state_dict()
    assert same(weights.fit(network.state_dict(), state, None, FILE), state)


def test_a_missing_prefix_is_named(network: nn.Module) -> None:
    state = network.state_dict()
    found = {f"{prefix}.{name}": tensor for prefix in ("student", "teacher.net") for name, tensor in state.items()}
    said = message(weights.fit, found, state, None, FILE)
    assert "`net.pt` has no `0.weight`, `0.bias`" in said and "… (9 in all)" in said
    assert said.endswith("that is cured by `strip: student.` or `strip: teacher.net.`.")
    found = {f"module._orig_mod.{name}": tensor for name, tensor in state.items()}
    assert message(weights.fit, found, state, None, FILE).endswith("cured by `strip: module.`.")
    assert "No name in `net.pt` begins with `modle.`" in message(weights.fit, found, state, "modle.", FILE)


def test_other_networks_are_told_by_names_and_shapes(network: nn.Module) -> None:
    state = network.state_dict()
    lacking = {name: tensor for name, tensor in state.items() if name != "2.bias"}
    assert message(weights.fit, {**lacking, "aux.bias": torch.ones(2)}, state, None, FILE).startswith(
        "`net.pt` has no `2.bias` and has `aux.bias`, which the network lacks; build the network that was trained"
    )
    said = message(weights.fit, state | {"2.weight": torch.ones(10, 4)}, state, None, FILE)
    assert said.startswith("`2.weight` is 10 × 4 (float32) in `net.pt`, but 2 × 4 (float32) in the network;")
    said = message(weights.fit, state | {"1.num_batches_tracked": torch.tensor(0.5)}, state, None, FILE)
    assert "is a single number (float32) in `net.pt`, but a single number (int64)" in said


@pytest.mark.parametrize("left_out", ["embed.weight", "head.weight"])
def test_tied_weights_may_be_stored_once(left_out: str) -> None:
    state = Tied().state_dict()
    found = {name: tensor for name, tensor in state.items() if name != left_out}
    assert same(weights.fit(found, state, None, FILE), state)
    prefixed = {f"module.{name}": tensor for name, tensor in found.items()}
    assert "`strip: module.`" in message(weights.fit, prefixed, state, None, FILE)


@pytest.mark.parametrize("left", [0.0, 0.5])
def test_a_file_that_was_cut_off_is_said_to_be(tmp_path: Path, network: nn.Module, left: float) -> None:
    file = tmp_path / "net.pt"
    torch.save(network.state_dict(), file)
    content = file.read_bytes()
    file.write_bytes(content[: int(left * len(content))])
    what = "its end is missing" if left else "it is empty"
    assert f"is not a whole file of `torch.save`: {what}; copy" in message(weights.read, file, None)


def test_the_key_of_weights_that_lie_deeper_is_named(tmp_path: Path, network: nn.Module) -> None:
    file = tmp_path / "net.pt"
    torch.save({"epoch": 1, "trainer": {"state": {"weights": network.state_dict(), "best": 0.5}}}, file)
    for key in (None, "trainer", "trainer.state"):
        assert message(weights.read, file, key).endswith("say where, such as `key: trainer.state.weights`.")
    assert same(weights.read(file, "trainer.state.weights"), network.state_dict())


def test_weights_are_finite_where_those_of_the_network_are(network: nn.Module) -> None:
    network.register_buffer("mask", torch.full((2, 2), -torch.inf).triu(1))
    state = network.state_dict()
    assert same(weights.fit(state, state, None, FILE), state)
    state = {name: tensor.clone() for name, tensor in state.items()}
    state["2.weight"][0, 0] = torch.nan
    said = message(weights.fit, state, network.state_dict(), None, FILE)
    assert said == "`net.pt`: `2.weight` has weights that are NaN or infinite; leave this file out."
