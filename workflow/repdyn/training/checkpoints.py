"""Checkpoints: weights and buffers of a network at an optimizer step, as safetensors.

Every byte is under a checksum, which reading compares: that of the header (``storage/tensor_files.py``), and in the
metadata one of all tensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import RepdynError
from ..storage import tensor_files
from ..storage.files import atomic, checksum, damaged
from ..storage.origin import Metadata, Origin

# What the format calls the types of tensors.
_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.complex64: "C64",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint64: "U64",
    torch.uint32: "U32", torch.uint16: "U16", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def save(path: Path, model: nn.Module, metadata: Metadata) -> None:
    """Write weights and buffers, whole or not at all; ``metadata`` is what the file says about itself.

    Raises:
        RepdynError: if the disk is full, or a tensor is of a type that the format does not have.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            raise RepdynError(f"A checkpoint cannot hold `{name}`, which is of {tensor.dtype}; use another type.")
    # Weights that are shared stand there under each of their names. Of the longest numbers first, so that each tensor
    # begins at a multiple of their length.
    order = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    entries = {
        name: tensor_files.Entry(_DTYPES[tensor.dtype], tensor.shape, tensor.nbytes)
        for name, tensor in ((name, tensors[name]) for name in order)
    }
    with atomic(path) as temporary, temporary.open("wb") as file:
        tensor_files.write_header(file, entries, dict(metadata) | {"checksum": _checksum(tensors)})
        for name in order:
            file.write(_bytes(tensors[name]))


def load(path: str | Path, model: nn.Module, wanted: Origin | None = None) -> None:
    """Put the weights and buffers of a checkpoint into a network of the same shape.

    Args:
        path: the file.
        model: the network.
        wanted: which checkpoint it must be; None asks nothing.

    Raises:
        RepdynError: if the file is missing or damaged, may not be read, or is not the one that is wanted.
    """
    tensors = read(path, wanted)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise damaged(
            path, f"its tensors are not those of the network: {str(error).splitlines()[-1].strip()}"
        ) from None
    # What a model computed once from the weights it had, as LeViT its attention biases, it drops when its mode changes.
    mode = model.training
    model.train(not mode).train(mode)


def read(path: str | Path, wanted: Origin | None = None) -> dict[str, torch.Tensor]:
    """Weights and buffers by name; raises like :func:`load`."""
    with tensor_files.reading(path, "pt", wanted) as (file, about):
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    if _checksum(tensors) != about.get("checksum"):
        raise damaged(path, "its checksum is not that of its tensors")
    return tensors


def _checksum(tensors: Mapping[str, torch.Tensor]) -> int:
    return checksum(_bytes(tensors[name]) for name in sorted(tensors))


def _bytes(tensor: torch.Tensor) -> Any:
    """A tensor's numbers as they stand in memory, and in the file."""
    return tensor.reshape(-1).view(torch.uint8).numpy()
