"""Prepare the device that a stage computes on, so that the same job gives the same bytes."""

from __future__ import annotations

import os
from collections.abc import Mapping

import torch

from ..errors import RepdynError


def prepare(name: str) -> torch.device:
    """Set up the device ``auto``, ``cpu``, ``cuda``, ``cuda:1`` or ``mps``, with deterministic kernels and no TF32.

    The number of threads is ``OMP_NUM_THREADS``, which Snakemake sets from a rule's ``threads``, or one: the networks
    of quick studies are slower on two.

    Raises:
        RepdynError: if the device is not available.
    """
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    # `use_deterministic_algorithms` does the same, but imports torch's compiler to set it up too, which takes as long
    # as torch itself. `stepping.py` sets up the compiler where it is used.
    torch.set_deterministic_debug_mode("error")
    # Filling helps to find uses of uninitialised memory, of which there are none here; it costs a few per cent of time.
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
    """Kind of device -> the state of its random numbers, which dropout uses; empty for the CPU (see ``seeds.py``)."""
    if device.type == "cpu":
        return {}
    return {device.type: torch.get_device_module(device).get_rng_state(device)}


def set_random_state(device: torch.device, states: Mapping[str, torch.Tensor]) -> None:
    """Restore the state of a device's random numbers, unless it is of another kind of device."""
    if device.type in states:
        torch.get_device_module(device).set_rng_state(states[device.type], device)
