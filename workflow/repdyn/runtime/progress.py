"""Report progress: a bar on a terminal, regular lines in a log.

Under Snakemake several jobs share one terminal, so a job prints whole lines, the first after a few seconds and then at
intervals. Each gives the number done, the speed and the time left.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")
LOG = logging.getLogger("repdyn")
FIRST_LINE_AFTER = 5.0  # seconds
LINE_EVERY = 20.0  # seconds


class Progress:
    """Counts work done; a context manager."""

    def __init__(self, total: int, unit: str, done: int = 0) -> None:
        """Begin with ``total`` pieces of work called ``unit``; ``done`` of them were done in an earlier attempt."""
        self._total, self._unit, self._done, self._before = total, unit, done, done
        self._start = self._last_line = time.monotonic()
        self._spoke = False
        # Show a bar only if nobody else writes: a job that logs to a file shares its terminal with others.
        to_file = any(isinstance(handler, logging.FileHandler) for handler in LOG.handlers)
        bar = sys.stderr.isatty() and not to_file
        self._bar = tqdm(total=total, initial=done, unit=f" {unit}", leave=False) if bar else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.close()

    def advance(self, note: str = "") -> None:
        """Count one more piece as done; ``note`` is printed behind the progress."""
        self._done += 1
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update()
            return
        now = time.monotonic()
        if now - self._last_line >= (LINE_EVERY if self._spoke else FIRST_LINE_AFTER) and self._done < self._total:
            self._last_line, self._spoke = now, True
            rate = (self._done - self._before) / (now - self._start)
            left = tqdm.format_interval((self._total - self._done) / rate)
            speed = f"{rate:.1f} {self._unit}s/s" if rate >= 1 else f"{1 / rate:.1f} s/{self._unit}"
            width = len(str(self._total))
            LOG.info(
                "%s %*d/%d, %s, %s left%s",
                self._unit,
                width,
                self._done,
                self._total,
                speed,
                left,
                note and f", {note}",
            )


def track(items: Iterable[T], total: int, unit: str) -> Iterator[T]:
    """Iterate over items and report each as a piece of work."""
    with Progress(total, unit) as progress:
        for item in items:
            yield item
            progress.advance()
