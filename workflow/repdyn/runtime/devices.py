"""The device that a stage computes on, set up so that the same job gives the same bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch

from ..errors import RepdynError


def prepare(name: str) -> torch.device:
    """The device called ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, with deterministic kernels and no TF32.

    Threads are those of ``OMP_NUM_THREADS``, which Snakemake sets from a rule's ``threads``, or one: the networks of
    quick studies are slower on two.

    Raises:
        RepdynError: if the device is not there.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # What `use_deterministic_algorithms` does, but that one imports torch's compiler, to tell it too: as long again as
    # torch itself. `stepping.py` tells it where it is used.
    torch.set_deterministic_debug_mode("error")
    # A help in finding uses of uninitialised memory, at a few per cent of the time; there are none here.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    if device.type == "cuda" and not torch.cuda.is_available():
        raise RepdynError(f"`execution.device` is {name}, but there is no GPU here; use `auto` or `cpu`.")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise RepdynError(f"`execution.device` is {name}, but there are only {torch.cuda.device_count()} GPUs here.")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise RepdynError("`execution.device` is mps, but that is not available here; use `auto` or `cpu`.")
    return device


def random_state(device: torch.device) -> dict[str, torch.Tensor]:
    """Kind of device -> the state of its random numbers, which dropout draws; nothing for the CPU: torch has those."""
    if device.type == "cpu":
        return {}
    return {device.type: torch.get_device_module(device).get_rng_state(device)}


def set_random_state(device: torch.device, states: Mapping[str, torch.Tensor]) -> None:
    """Go on with the random numbers of a state, unless it is of another kind of device."""
    if device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type], device)
