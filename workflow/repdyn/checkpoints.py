"""Checkpoints: weights and buffers of a network at an optimizer step, as safetensors."""

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
from .files import atomic, damaged, missing


def save(path: Path, model: nn.Module, metadata: Mapping[str, Any]) -> None:
    """Write weights and buffers, whole or not at all; ``metadata`` is what the file says about itself.

    Raises:
        RepdynError: if the disk is full.
    """
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in model.state_dict().items()}
    with atomic(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"repdyn": json.dumps(dict(metadata))})
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


def is_whole(path: Path) -> bool:
    """Whether a checkpoint can be read to its end."""
    try:
        with safe_open(path, framework="pt"):
            return True
    except (SafetensorError, OSError):
        return False


def _read(path: Path, hyperparameters: Mapping[str, Any] | None) -> dict[str, torch.Tensor]:
    try:
        with safe_open(path, framework="pt") as file:
            found = json.loads((file.metadata() or {}).get("repdyn", "null"))
            if hyperparameters is not None:
                if found is None:
                    raise damaged(path, "it carries no repdyn metadata")
                tables.refuse_strangers(path, found["hyperparameters"], hyperparameters)
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a mapping)
    except FileNotFoundError:
        raise missing(path) from None
    except (SafetensorError, OSError) as error:
        raise damaged(path, error) from None
