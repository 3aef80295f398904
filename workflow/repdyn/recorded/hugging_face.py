"""Weights in a folder of Hugging Face's under the names that its own loader gives them.

Transformers saves some networks under the names of earlier versions (its ViT among them), and renames what it loads.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RepdynError
from .folder import read_json

if TYPE_CHECKING:
    import torch

_CONFIG = "config.json"


def loaded(file: Path) -> dict[str, torch.Tensor] | None:
    """The tensors of the network in the folder of a file, renamed as Transformers does when it loads them.

    Returns:
        None where the folder does not say which network of Transformers it is, that package is not installed, or the
        folder has not exactly the weights of that network: the loader would draw at random what is missing.
    """
    folder = file if file.is_dir() else file.parent
    if not (folder / _CONFIG).is_file():
        return None
    try:
        import transformers
    except ImportError:
        return None
    try:
        names = read_json(folder / _CONFIG).get("architectures")
    except RepdynError:
        return None
    network = getattr(transformers, str(names[0]), None) if isinstance(names, list) and names else None
    if network is None:
        return None
    try:
        model, about = network.from_pretrained(folder, local_files_only=True, output_loading_info=True)
    except (OSError, ValueError, RuntimeError, ImportError):  # what is wrong is said of the names that are there
        return None
    is_whole = not any(about[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return dict(model.state_dict()) if is_whole else None
