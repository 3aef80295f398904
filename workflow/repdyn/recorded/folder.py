"""The folder that a recorder leaves, and a study reads: what lies where. Imports nothing heavy.

``recording.json`` says how many optimizer steps an epoch has, and of which tensors the network is made.
``step=….safetensors`` are checkpoints, under the names of the bare network. ``history.jsonl`` has a line for each
evaluation, and ``change.jsonl``, if change is measured, one for each layer between two of them.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import RepdynError, named, no_access

ABOUT = "recording.json"
EVALUATIONS = "history.jsonl"
CHANGES = "change.jsonl"
CHECKPOINT = "step={step}.safetensors"
ROUNDING = 1e-5  # by which an accuracy, a mean of float32 ones, may exceed 1
_FORMAT = 1
_STEP = re.compile(r"step=(\d+)\.safetensors")


@dataclass(frozen=True)
class About:
    """What a recording says of itself.

    Attributes:
        steps_per_epoch: optimizer steps in an epoch.
        network: name of a tensor -> its type and shape, in words.
    """

    steps_per_epoch: float
    network: dict[str, str]

    @classmethod
    def read(cls, folder: Path) -> About:
        """What stands in a folder.

        Raises:
            RepdynError: if it cannot be read, or is of another version of repdyn.
        """
        content, file = read_json(folder / ABOUT), named(folder / ABOUT)
        if content.get("format") != _FORMAT:
            raise RepdynError(
                f"`{file}` is of format {content.get('format')}, and this repdyn reads format {_FORMAT}; use the "
                "repdyn that recorded it."
            )
        per_epoch, network = content.get("steps_per_epoch"), content.get("network", {})
        if not isinstance(per_epoch, int | float) or isinstance(per_epoch, bool) or not 0 < per_epoch < math.inf:
            raise RepdynError(f"`{file}` has `steps_per_epoch` {per_epoch}, but must have a number greater than 0.")
        if not isinstance(network, dict):
            raise RepdynError(f"`{file}` has `network` {network}, but must have an object: tensor -> type and shape.")
        return cls(float(per_epoch), network)

    def text(self, version: str) -> str:
        """As it is written, by a version of repdyn."""
        content = {"format": _FORMAT, "repdyn": version, "steps_per_epoch": self.steps_per_epoch}
        return json.dumps(content | {"network": self.network}, indent=1)


def is_recording(folder: Path) -> bool:
    """Whether a recorder left a folder."""
    return (folder / ABOUT).is_file()


def checkpoints(folder: Path) -> dict[int, Path]:
    """The checkpoints of a recording, by optimizer step, ascending; half-written ones have other names."""
    named_so = ((_STEP.fullmatch(entry.name), entry) for entry in folder.iterdir())
    return dict(sorted((int(match[1]), entry) for match, entry in named_so if match))


def read_json(path: Path) -> dict[str, Any]:
    """A JSON file that holds an object.

    Raises:
        RepdynError: if it cannot be read, or holds something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise no_access(path, error) from None
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise RepdynError(f"`{named(path)}` is not a JSON file with an object in it; it may be half written.")
    return content
