"""Checkpoints: weights and buffers of a network at an optimizer step, as safetensors.

Two checksums cover every byte, and reading checks them: one of the header (``storage/tensor_files.py``), and one of all
tensors, in the metadata.
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

# Tensor types -> their names in the format.
_DTYPES = {
    torch.float64: "F64", torch.float32: "F32", torch.float16: "F16", torch.bfloat16: "BF16",
    torch.float8_e4m3fn: "F8_E4M3", torch.float8_e5m2: "F8_E5M2", torch.complex64: "C64",
    torch.int64: "I64", torch.int32: "I32", torch.int16: "I16", torch.int8: "I8", torch.uint64: "U64",
    torch.uint32: "U32", torch.uint16: "U16", torch.uint8: "U8", torch.bool: "BOOL",
}  # fmt: skip


def save(path: Path, model: nn.Module, metadata: Metadata) -> None:
    """Write weights and buffers atomically, with ``metadata`` in the header; raises like :func:`write`."""
    write(path, {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}, metadata)


def write(path: Path, tensors: Mapping[str, torch.Tensor], metadata: Metadata) -> None:
    """Write contiguous tensors on the CPU atomically, with ``metadata`` in the header.

    Raises:
        RepdynError: if the disk is full, or the format lacks the type of a tensor.
    """
    for name, tensor in tensors.items():
        if tensor.dtype not in _DTYPES:
            raise RepdynError(f"A checkpoint cannot hold `{name}`, which is of {tensor.dtype}; use another type.")
    # Shared weights are stored under each of their names. Larger item sizes come first, so that each tensor begins at a
    # multiple of its item size.
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
        wanted: the expected origin; None accepts any.

    Raises:
        RepdynError: if the file is missing, damaged or not readable, or has another origin.
    """
    tensors = read(path, wanted)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise damaged(
            path, f"its tensors are not those of the network: {str(error).splitlines()[-1].strip()}"
        ) from None
    # A change of mode clears what a model has cached from its former weights (LeViT caches attention biases).
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
    """A tensor's bytes in memory, which are those of the file."""
    return tensor.reshape(-1).view(torch.uint8).numpy()
