"""What training needs to continue after a kill, a timeout or a requeue, or to go on for more epochs.

A state lives in ``results/{study}/state/RUN/{key}``, outside Snakemake's outputs, which it deletes before each
attempt. The key is a digest of the code and of the hyperparameters other than the length of training. The folder
holds ``state.pt``, which ends with a checksum of what comes before, and the checkpoints taken so far; the study's own
checkpoint files are hard links to them, so keeping both costs nothing.

A state belongs to a living job until that job ends (``storage/locks.py``):

- A second job of the same key, as after a kill of Snakemake that its job outlived, waits and then continues from where
  the first one came to. Should the first have shown no sign of life for an hour, it goes on beside it: both would write
  the same bytes.
- A job that succeeds deletes the states of its run under other keys, which can no longer be continued, but none that a
  living job has, none that was written to since this job began, and, where the lock cannot tell because the file system
  has none or its last owner was on another machine and did not let go, none that was written to within a day.

What cannot be read for a moment stops the job. What is damaged is set aside, not overwritten.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import torch

from ..errors import DamagedError, MissingError, RepdynError
from ..records.train import CHECKPOINT
from ..runtime.progress import LOG
from ..storage import locks
from ..storage.files import atomic, checksum, damaged, set_aside, unreadable
from ..storage.origin import Origin
from . import checkpoints

_CHECKSUM = 4  # bytes
_LOCK = "lock"
PATIENCE = 3600.0  # seconds without a sign of life, after which a lock is not waited for
DAY = 24 * 3600.0


class StateFolder:
    """The folder of one run's state under one key."""

    def __init__(self, folder: Path, origin: Origin, code: str) -> None:
        """``folder`` belongs to the run; the state lies in a subfolder named by the key.

        Args:
            folder: of the run.
            origin: of the state.
            code: digest of the code that trains.
        """
        meaning = json.dumps({"hyperparameters": origin.hyperparameters, "code": code}, sort_keys=True)
        self._key = hashlib.sha256(meaning.encode()).hexdigest()[:16]
        self._run_folder, self._origin = folder, origin
        self._checkpoint = replace(origin, record=CHECKPOINT)
        self.folder = folder / self._key
        self._file = self.folder / "state.pt"
        self._since = 0.0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the state while the block runs; waits for another job that has it.

        Raises:
            RepdynError: if the folder may not be written to.
        """
        lock = self._take()
        if lock is None:
            self._since = time.time()
            yield
            return
        with lock:
            lock.sign()
            self._since = lock.time
            yield

    def _take(self) -> locks.Lock | None:
        """The lock; None where there is none to be had."""
        path, seen, since = self.folder / _LOCK, 0.0, time.monotonic()
        told = False
        while True:
            try:
                lock = locks.take(path)
            except locks.UnsupportedError:
                LOG.info("the file system has no locks, so a second job of this run would not be noticed")
                return None
            if lock is not None:
                return lock
            if (sign := _last_sign(self.folder)) > seen:
                seen, since = sign, time.monotonic()
            if time.monotonic() - since >= PATIENCE:
                LOG.warning("%s, which trains this run, gives no sign of life; goes on without it", locks.owner(path))
                return None
            if not told:
                LOG.info("waits for %s, which trains this run", locks.owner(path))
                told = True
            time.sleep(0.5)

    def checkpoint(self, step: int) -> Path:
        """Where the checkpoint of a step is kept."""
        return self.folder / f"step={step}.safetensors"

    def save(self, state: Mapping[str, Any]) -> None:
        """Save atomically; raises a RepdynError if the disk is full."""
        run = None if self._origin.run is None else asdict(self._origin.run)
        record = self._origin.record
        about = {"table": record.name, "stage": record.stage, "run": run, "key": self._key}
        buffer = io.BytesIO()  # torch hides why a file cannot be written
        torch.save(dict(state) | {"about": about}, buffer)
        content = buffer.getbuffer()
        with atomic(self._file) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.write(checksum([content]).to_bytes(_CHECKSUM, "little"))

    def load(self, steps: list[int]) -> dict[str, Any] | None:
        """The last state, or None where there is none to continue from.

        Args:
            steps: the checkpoints that training takes; those up to the state's step must be there, and whole.

        Raises:
            RepdynError: if a file cannot be read, or is of another training.
        """
        path = self._file
        try:
            state = self._read()
            for step in steps:
                if step <= state["step"]:
                    path = self.checkpoint(step)
                    checkpoints.read(path, self._checkpoint.at(step))
        except MissingError:
            if path != self._file:
                LOG.warning("%s is missing; training starts from the beginning", path)
            return None
        except DamagedError as error:
            LOG.warning("%s", error)
            LOG.warning("training starts from the beginning; the damaged file is now %s", set_aside(path))
            return None
        return state

    def _read(self) -> dict[str, Any]:
        try:
            content = memoryview(self._file.read_bytes())
        except OSError as error:
            raise unreadable(self._file, error) from None
        # Torch itself would not see a byte that has changed.
        content, end = content[:-_CHECKSUM], content[-_CHECKSUM:]
        if not content or checksum([content]) != int.from_bytes(end, "little"):
            raise damaged(self._file, "its checksum is not that of its content")
        # On the CPU, so that the next job may have another GPU, or none, and no GPU holds everything twice.
        state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
        about = state.pop("about", {})
        self._origin.check_place(self._file, about)
        if about.get("key") != self._key:
            raise RepdynError(
                f"`{self._file}` is the state of a training with other settings or code, whose folder is called "
                f"{about.get('key')}; move it there, or delete it."
            )
        return state

    def publish(self, step: int, path: Path) -> None:
        """Make ``path`` the checkpoint of a step: a hard link, or a copy where the file system has none.

        Raises:
            RepdynError: if the disk is full, or the place may not be written to.
        """
        source = self.checkpoint(step)
        link = path.with_name(f".{path.name}.link")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            link.unlink(missing_ok=True)
            os.link(source, link)
            link.replace(path)
            link.unlink(missing_ok=True)  # renaming one link onto another to the same file does nothing
        except OSError:
            with suppress(OSError):
                link.unlink(missing_ok=True)
            with atomic(path) as temporary:
                shutil.copyfile(source, temporary)

    def remove_others(self) -> None:
        """Delete the states of this run under other keys that nobody can have a use for."""
        for other in self._run_folder.iterdir():
            if other == self.folder or not other.is_dir():
                continue
            written, age = _last_sign(other), self._since - _last_sign(other)
            try:
                lock = locks.take(other / _LOCK)
            except locks.UnsupportedError:
                if age > DAY:
                    shutil.rmtree(other, ignore_errors=True)
                continue
            if lock is None:
                LOG.info("%s stays: %s trains there", other, locks.owner(other / _LOCK))
                continue
            with lock:
                if written <= self._since and (age > DAY or not lock.is_left_behind):
                    shutil.rmtree(other, ignore_errors=True)


def _last_sign(folder: Path) -> float:
    """When a file in a folder was last written to, by the clock of the file system."""
    times = [0.0]
    with suppress(FileNotFoundError):  # the folder is deleted meanwhile
        for file in folder.iterdir():
            with suppress(FileNotFoundError):  # the file is, or it is renamed
                times.append(file.stat().st_mtime)
    return max(times)
