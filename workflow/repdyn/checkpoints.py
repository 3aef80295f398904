"""Checkpoints: weights and buffers of a network at an optimizer step, as safetensors.

That format sees a truncated file, but not a byte that has changed on a disk or on its way; so the metadata hold a
checksum of all tensors, which reading compares.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import nn

from . import tables
from .errors import RepdynError
from .files import atomic, checksum, damaged, missing


def save(path: Path, model: nn.Module, metadata: Mapping[str, Any]) -> None:
    """Write weights and buffers, whole or not at all; ``metadata`` is what the file says about itself.

    Raises:
        RepdynError: if the disk is full.
    """
    # Weights that are shared stand there under each of their names.
    tensors = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in model.state_dict().items()}
    about = json.dumps(dict(metadata) | {"checksum": _checksum(tensors)})
    with atomic(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"repdyn": about})
        except SafetensorError as error:
            raise OSError(str(error)) from None


def load(path: str | Path, model: nn.Module, hyperparameters: Mapping[str, Any] | None = None) -> None:
    """Put the weights and buffers of a checkpoint into a network of the same shape.

    Raises:
        RepdynError: if the file is missing, damaged, of another network, or made with other hyperparameters.
    """
    tensors = _read(Path(path), hyperparameters)
    try:
        model.load_state_dict(tensors)
    except RuntimeError as error:
        raise damaged(
            path, f"its tensors are not those of the network: {str(error).splitlines()[-1].strip()}"
        ) from None
    # What a model computed once from the weights it had, as LeViT its attention biases, it drops when its mode changes.
    mode = model.training
    model.train(not mode).train(mode)


def is_whole(path: Path) -> bool:
    """Whether a checkpoint can be read to its end, and is what was written."""
    try:
        _read(path, None)
    except RepdynError:
        return False
    return True


def _checksum(tensors: Mapping[str, torch.Tensor]) -> int:
    return checksum(tensors[name].reshape(-1).view(torch.uint8).numpy() for name in sorted(tensors))


def _read(path: Path, hyperparameters: Mapping[str, Any] | None) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            about = json.loads((file.metadata() or {}).get("repdyn", "null"))
            if about is None:
                raise damaged(path, "it carries no repdyn metadata")
            if hyperparameters is not None:
                tables.refuse_strangers(path, about["hyperparameters"], hyperparameters)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError:
        raise missing(path) from None
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from None
    if _checksum(tensors) != about["checksum"]:
        raise damaged(path, "its checksum is not that of its tensors")
    return tensors
