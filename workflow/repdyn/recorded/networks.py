"""The weights and buffers of a network by the names that it gives them itself, whatever it was wrapped in."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.parameter import is_lazy

from ..errors import RepdynError

# What `torch.compile`, FSDP and activation checkpointing put into names, anywhere. `module.` of data parallelism is not
# among them: networks have modules of that name themselves.
_WRAPPERS = ("_orig_mod.", "_fsdp_wrapped_module.", "_checkpoint_wrapped_module.")


def bare(name: str) -> str:
    """A weight's name without the wrappers in it."""
    for wrapper in _WRAPPERS:
        name = name.replace(wrapper, "")
    return name


def unwrapped(model: nn.Module) -> nn.Module:
    """The network inside wrappers for compilation and data parallelism."""
    while True:
        if isinstance(inside := getattr(model, "_orig_mod", None), nn.Module):
            model = inside
        elif isinstance(model, nn.DataParallel | nn.parallel.DistributedDataParallel):
            model = model.module
        else:
            return model


def tensors_of(model: nn.Module) -> dict[str, torch.Tensor]:
    """Weights and buffers under the names of the bare network.

    Raises:
        RepdynError: if they are divided among processes, or not made yet.
    """
    found = {bare(name): tensor for name, tensor in model.state_dict().items() if isinstance(tensor, torch.Tensor)}
    for name, tensor in found.items():
        if is_lazy(tensor):
            raise RepdynError(f"`{name}` is not made before a batch passes; pass one through the network first.")
        if type(tensor).__name__ in ("DTensor", "ShardedTensor"):
            raise RepdynError(
                f"`{name}` is divided among processes (FSDP), which a Recorder cannot record; gather the weights, save "
                "them by yourself, and read them by a pattern."
            )
    return found


def copied(model: nn.Module) -> dict[str, torch.Tensor]:
    """Copies in the host's memory; what shares memory in the network shares it there."""
    copies: dict[tuple[object, ...], torch.Tensor] = {}
    found = {}
    for name, tensor in tensors_of(model).items():
        place = (tensor.data_ptr(), tensor.dtype, tensor.shape, tensor.stride()) if tensor.numel() else (name,)
        if place not in copies:
            copies[place] = tensor.detach().to("cpu", copy=True, memory_format=torch.contiguous_format)
        found[name] = copies[place]
    return found
