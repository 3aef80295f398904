import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest
import torch

from repdyn.errors import RepdynError
from repdyn.runtime import devices


@pytest.fixture(autouse=True)
def as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What preparing a device sets is as before afterwards."""
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG", raising=False)
    monkeypatch.setattr(torch.backends.cudnn, "benchmark", True)
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", True)
    monkeypatch.setattr(torch.utils.deterministic, "fill_uninitialized_memory", True)
    threads, mode = torch.get_num_threads(), torch.get_deterministic_debug_mode()
    matmul = torch.backends.cuda.matmul
    tf32, matmul.allow_tf32 = matmul.allow_tf32, True
    yield
    matmul.allow_tf32 = tf32
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode(mode)
    os.environ.pop("CUBLAS_WORKSPACE_CONFIG", None)


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    """Lets torch say how many GPUs there are."""

    def there_are(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "is_available", lambda: count > 0)
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return there_are


def test_kernels_are_deterministic_and_of_full_precision_on_whatever_device():
    devices.prepare("cpu")
    assert torch.get_deterministic_debug_mode() == 2
    found = torch.backends.cudnn.benchmark, torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    assert found == (False, False, False)
    assert not torch.utils.deterministic.fill_uninitialized_memory
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"


def test_a_workspace_that_the_user_chose_is_kept(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    devices.prepare("cpu")
    assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"


@pytest.mark.parametrize(("said", "threads"), [("2", 2), ("1", 1), ("", 1), (None, 1)])
def test_threads_are_those_of_the_rule_or_one(monkeypatch, said, threads):
    torch.set_num_threads(3)
    if said is None:
        monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    else:
        monkeypatch.setenv("OMP_NUM_THREADS", said)
    devices.prepare("cpu")
    assert torch.get_num_threads() == threads


@pytest.mark.parametrize(
    ("name", "count", "device"),
    [("auto", 0, "cpu"), ("cpu", 2, "cpu"), ("auto", 1, "cuda"), ("cuda", 1, "cuda"), ("cuda:1", 2, "cuda:1")],
)
def test_the_device_is_the_one_asked_for_or_a_gpu_where_there_is_one(gpus, name, count, device):
    gpus(count)
    assert devices.prepare(name) == torch.device(device)


@pytest.mark.parametrize(
    ("name", "count", "said"),
    [
        ("cuda", 0, "`execution.device` is cuda, but there is no GPU here; use `auto` or `cpu`."),
        ("cuda:0", 0, "`execution.device` is cuda:0, but there is no GPU here"),
        ("cuda:2", 2, "`execution.device` is cuda:2, but there are only 2 GPUs here."),
    ],
)
def test_a_gpu_that_is_not_there_is_a_sentence(gpus, name, count, said):
    gpus(count)
    with pytest.raises(RepdynError, match=said):
        devices.prepare(name)


def test_mps_is_refused_where_it_is_not_available(monkeypatch):
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    with pytest.raises(RepdynError, match=r"`execution\.device` is mps, but that is not available here"):
        devices.prepare("mps")
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert devices.prepare("mps").type == "mps"


def test_random_numbers_of_a_gpu_go_on_from_their_state_and_those_of_another_kind_are_left(monkeypatch):
    states = {"cuda:1": torch.tensor([1, 2])}

    def set_state(state: torch.Tensor, device: torch.device) -> None:
        states[str(device)] = state

    generator = SimpleNamespace(get_rng_state=lambda device: states[str(device)], set_rng_state=set_state)
    monkeypatch.setattr(torch, "get_device_module", lambda _: generator)
    cpu, gpu = torch.device("cpu"), torch.device("cuda:1")
    kept = devices.random_state(gpu)
    assert (list(kept), kept["cuda"].tolist()) == (["cuda"], [1, 2])
    assert devices.random_state(cpu) == {}
    states["cuda:1"] = torch.tensor([3, 4])
    devices.set_random_state(gpu, devices.random_state(cpu))
    devices.set_random_state(cpu, kept)
    devices.set_random_state(gpu, {"mps": torch.tensor([5])})
    assert {name: state.tolist() for name, state in states.items()} == {"cuda:1": [3, 4]}
    devices.set_random_state(gpu, kept)
    assert states["cuda:1"].tolist() == [1, 2]
