"""Give each job of a machine with several NVIDIA GPUs a card of its own.

CUDA takes the first card unless it is told otherwise, so jobs that run side by side would all compute there. A job
therefore locks a place on a card, a file in a folder of this user and machine, and shows CUDA that card alone, by
``CUDA_VISIBLE_DEVICES``. The system releases the lock however the job ends. Places are taken in turn: the first of each
card, then the second of each. So no job waits for a card; as many jobs as there are cards have one each, and more are
spread evenly.

Nothing is chosen where there is nothing to choose: on a machine with one card or none, if ``CUDA_VISIBLE_DEVICES``
names one (as Slurm sets it for a job that asked for one), or if the study names its device (``cpu``, ``cuda:1``). If
``CUDA_VISIBLE_DEVICES`` names several, a job gets one of those.
"""

from __future__ import annotations

import itertools
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..storage import locks
from .progress import LOG

VISIBLE = "CUDA_VISIBLE_DEVICES"
DEVICES = Path("/dev")  # where an NVIDIA driver puts a file for each card that this machine, or container, has
_CARD = re.compile(r"nvidia\d+")


def names() -> list[str]:
    """The cards that CUDA would see: those that the user names, or all of the machine by their numbers."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        given = [name.strip() for name in named.split(",")]
        return list(itertools.takewhile(lambda name: name and not name.startswith("-"), given))  # as CUDA reads it
    try:
        there = sum(_CARD.fullmatch(file.name) is not None for file in DEVICES.iterdir())
    except OSError:
        there = 0
    return [str(number) for number in range(there)]


def _places() -> Path:
    """The folder of the locks: of this user, on this machine.

    In a job of Slurm also of that job, because Slurm may number the cards of each job from 0.
    """
    return Path(tempfile.gettempdir(), "-".join(["repdyn-cards", str(os.getuid()), os.environ.get("SLURM_JOB_ID", "")]))


def _take(cards: list[str]) -> tuple[str, locks.Lock]:
    """The first free place: its card, and the lock on it."""
    folder, place = _places(), 0
    while True:
        for card in cards:
            lock = locks.take(folder / f"{card.replace(os.sep, '_')}-{place}")
            if lock is not None:
                return card, lock
        place += 1


@contextmanager
def of_its_own(device: str) -> Iterator[None]:
    """Let CUDA see one card inside, that of the fewest jobs, if there are several to choose from.

    Call it before CUDA is used, which reads ``CUDA_VISIBLE_DEVICES`` once.

    Args:
        device: ``execution.device`` of the study.

    Raises:
        RepdynError: if the folder of the locks cannot be written.
    """
    cards = names() if device in ("auto", "cuda") else []
    if len(cards) < 2:
        yield
        return
    try:
        card, lock = _take(cards)
    except locks.UnsupportedError:
        LOG.warning("`%s` has no locks, so that no card can be chosen; all jobs take the first", tempfile.gettempdir())
        yield
        return
    before = os.environ.get(VISIBLE)
    with lock:
        os.environ[VISIBLE] = card
        LOG.info("computes on card %s of %s", card, ", ".join(cards))
        try:
            yield
        finally:
            os.environ.pop(VISIBLE, None)
            if before is not None:
                os.environ[VISIBLE] = before
