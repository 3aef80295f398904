"""What training needs to continue after a kill, a timeout or a requeue, or to go on for more epochs.

A state lives in ``results/{study}/state/RUN/{key}``, outside Snakemake's outputs, which it deletes before each
attempt. The key is a digest of the code and of the hyperparameters other than the length of training. The folder
holds ``state.pt``, which ends with a checksum of what comes before, and the checkpoints taken so far; the study's own
checkpoint files are hard links to them, so keeping both costs nothing.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import pickle
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from . import checkpoints
from .files import atomic, checksum
from .progress import LOG

_CHECKSUM = 4  # bytes


class StateFolder:
    """The folder of one run's state under one key."""

    def __init__(self, folder: Path, hyperparameters: Mapping[str, Any], code: str) -> None:
        """``folder`` belongs to the run; the state lies in a subfolder named by the key."""
        meaning = json.dumps({"hyperparameters": hyperparameters, "code": code}, sort_keys=True)
        self._run_folder = folder
        self.folder = folder / hashlib.sha256(meaning.encode()).hexdigest()[:16]
        self._file = self.folder / "state.pt"

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step is kept."""
        return self.folder / f"step={step}.safetensors"

    def save(self, state: Mapping[str, Any]) -> None:
        """Save atomically; raises a RepdynError if the disk is full."""
        buffer = io.BytesIO()  # torch hides why a file cannot be written
        torch.save(dict(state), buffer)
        content = buffer.getbuffer()
        with atomic(self._file) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.write(checksum([content]).to_bytes(_CHECKSUM, "little"))

    def load(self, steps: list[int]) -> dict[str, Any] | None:
        """The last state, or None where there is none to continue from.

        Args:
            steps: the checkpoints that training takes; those up to the state's step must be there, and whole.
        """
        if not self._file.is_file():
            return None
        try:
            state = self._read()
        except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError, KeyError) as error:
            LOG.warning("%s cannot be read (%s); training starts from the beginning", self._file, type(error).__name__)
            return None
        for step in steps:
            if step <= state["step"] and not checkpoints.is_whole(self.checkpoint(step)):
                LOG.warning("%s is missing or damaged; training starts from the beginning", self.checkpoint(step))
                return None
        return state

    def _read(self) -> dict[str, Any]:
        content = memoryview(self._file.read_bytes())
        if checksum([content[:-_CHECKSUM]]) != int.from_bytes(content[-_CHECKSUM:], "little"):
            raise ValueError  # torch itself would not see a byte that has changed
        # On the CPU, so that the next job may have another GPU, or none, and no GPU holds everything twice.
        state: dict[str, Any] = torch.load(io.BytesIO(content[:-_CHECKSUM]), weights_only=True, map_location="cpu")
        return state

    def publish(self, step: int, path: Path) -> None:
        """Make ``path`` the checkpoint of a step: a hard link, or a copy where the file system has none."""
        source = self.checkpoint(step)
        path.parent.mkdir(parents=True, exist_ok=True)
        link = path.with_name(f".{path.name}.link")
        link.unlink(missing_ok=True)
        try:
            os.link(source, link)
            link.replace(path)
            link.unlink(missing_ok=True)  # renaming one link onto another to the same file does nothing
        except OSError:
            with atomic(path) as temporary:
                shutil.copyfile(source, temporary)

    def remove_others(self) -> None:
        """Delete states of this run under other keys: they can no longer be continued."""
        for other in self._run_folder.iterdir():
            if other != self.folder and other.is_dir():
                shutil.rmtree(other, ignore_errors=True)
