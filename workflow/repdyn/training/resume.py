"""The state from which training resumes after a kill, a timeout or a requeue, or trains for more epochs.

A state lies in ``results/{study}/state/RUN/{key}``, outside Snakemake's outputs, which Snakemake deletes before each
attempt. The key is a digest of the code and of the hyperparameters other than the length of training. The folder holds
``state.pt``, which ends with a checksum of its content, and the checkpoints taken so far. The study's own checkpoint
files are hard links to them, so keeping both costs nothing.

A job locks its state until it ends (``storage/locks.py``):

- A second job of the same key, for example if a job outlives a killed Snakemake, waits and then continues where the
  first one ended. If the first shows no sign of life for an hour, the second runs beside it: both write the same bytes.
- A job that succeeds deletes the states of its run under other keys, which no job can continue. It keeps those that
  another job has locked, and those written to since this job began. If the file system has no locks, or the last owner
  was on another machine and did not release its lock, it keeps those written to within a day.

A file that cannot be read stops the job. A damaged file is set aside, not overwritten.
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
from dataclasses import replace
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
PATIENCE = 3600.0  # seconds to wait for a lock whose owner shows no sign of life
DAY = 24 * 3600.0


class StateFolder:
    """The folder of one run's state under one key."""

    def __init__(self, folder: Path, origin: Origin, code: str) -> None:
        """Name the state's folder by its key.

        Args:
            folder: of the run.
            origin: of the state.
            code: digest of the training code.
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
        """Lock the state while the block runs; wait for another job that has locked it.

        Raises:
            RepdynError: if the folder is not writable.
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
        """The lock; None if the file system has no locks, or the owner of this one shows no sign of life."""
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
        """Path of a step's checkpoint in the state folder."""
        return self.folder / f"step={step}.safetensors"

    def save(self, state: Mapping[str, Any]) -> None:
        """Save atomically; raise a RepdynError if the disk is full."""
        run = None if self._origin.run is None else self._origin.run.facts
        record = self._origin.record
        about = {"table": record.name, "stage": record.stage, "run": run, "key": self._key}
        buffer = io.BytesIO()  # torch hides why a file cannot be written
        torch.save(dict(state) | {"about": about}, buffer)
        content = buffer.getbuffer()
        with atomic(self._file) as temporary, temporary.open("wb") as file:
            file.write(content)
            file.write(checksum([content]).to_bytes(_CHECKSUM, "little"))

    def load(self, steps: list[int]) -> dict[str, Any] | None:
        """The last state, or None if there is none to continue from.

        Args:
            steps: the checkpoints that training takes; those up to the state's step must exist and be intact.

        Raises:
            RepdynError: if a file cannot be read, or belongs to another training.
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
        # Torch itself would not notice a changed byte.
        content, end = content[:-_CHECKSUM], content[-_CHECKSUM:]
        if not content or checksum([content]) != int.from_bytes(end, "little"):
            raise damaged(self._file, "its checksum is not that of its content")
        # On the CPU, so that the next job may have another GPU, or none, and no GPU holds two copies.
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
        """Make ``path`` the checkpoint of a step: a hard link, or a copy if the file system has none.

        Raises:
            RepdynError: if the disk is full, or ``path`` is not writable.
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
        """Delete the states of this run under other keys that no job can use."""
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
    """The time of the last write to a file in a folder, by the clock of the file system."""
    times = [0.0]
    with suppress(FileNotFoundError):  # the folder may be deleted meanwhile
        for file in folder.iterdir():
            with suppress(FileNotFoundError):  # the file may be deleted or renamed
                times.append(file.stat().st_mtime)
    return max(times)
