"""The epoch axis: logarithmic from the first epoch on, with initialisation at its beginning.

Labels are measured (``sheet.apart``): where they would touch, every second power of ten keeps its label, or every
third, and so on; ticks stay.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedFormatter, FixedLocator, NullFormatter, NullLocator

from . import sheet


def label(epoch: float) -> str:
    """Format an epoch briefly: two significant digits, or all before the point."""
    return f"{epoch:.0f}" if epoch >= 10 or epoch == 0 else f"{epoch:.2g}"


def decades(last: float, first: float = 1.0) -> list[float]:
    """Ticks for a log epoch axis that starts at initialisation: 0 and the powers of ten between first and last."""
    low, high = np.ceil(np.log10(first) - 1e-9), np.floor(np.log10(max(last, first)) + 1e-9)
    return [0.0, *(float(10.0**k) for k in np.arange(low, high + 1))]


def _written(axis: Axes, which: str, places: Sequence[float], epochs: Sequence[float]) -> list[str]:
    """The labels of ticks; empty where there is no room."""
    return sheet.apart(axis, places, [label(epoch) for epoch in epochs], which)


def logarithmic(axis: Axes, last: float) -> None:
    """Make the x axis one of epochs, logarithmic from 1 and linear below, so that initialisation has a place."""
    axis.set_xscale("symlog", linthresh=1.0, linscale=0.35)
    axis.set_xlim(-0.06, max(last, 1.0) * 1.06)
    ticks = decades(last)
    within = [m * tick for tick in ticks[1:] for m in range(2, 10) if m * tick <= last]
    axis.xaxis.set_major_locator(FixedLocator(ticks))
    axis.xaxis.set_major_formatter(FixedFormatter(_written(axis, "x", ticks, ticks)))
    axis.xaxis.set_minor_locator(FixedLocator(within) if within else NullLocator())
    axis.xaxis.set_minor_formatter(NullFormatter())


class CheckpointAxis:
    """Checkpoints side by side, as the rows and columns of a matrix, with ticks at round epochs.

    Checkpoints on a log schedule, except for the first few, are evenly spaced in log epoch, so equal cells make a log
    axis. On any schedule, an epoch lies between its neighbouring checkpoints.
    """

    def __init__(self, epochs: Sequence[float]) -> None:
        """``epochs`` of the checkpoints, ascending, initialisation first."""
        self.epochs = np.asarray(epochs, dtype=float)

    def position(self, epoch: float) -> float:
        """The position of an epoch in cells; the first checkpoint's centre is at 0."""
        cells = np.arange(len(self.epochs), dtype=float)
        if len(cells) < 3 or epoch <= self.epochs[1]:
            return float(np.interp(epoch, self.epochs, cells))
        return float(np.interp(np.log(epoch), np.log(self.epochs[1:]), cells[1:]))

    def tick(self, axis: Axes, which: str, labelled: bool = True) -> None:
        """Set ticks on one side of a matrix, ``x`` or ``y``, with or without labels; its limits are set already."""
        first, last = float(self.epochs[min(1, len(self.epochs) - 1)]), float(self.epochs[-1])
        chosen = [epoch for epoch in decades(last, max(1.0, first)) if epoch <= last]
        if len(chosen) == 1 and last > 0:  # less than an epoch, or less than a decade late in training
            chosen.append(last)
        places = [self.position(epoch) for epoch in chosen]
        words = _written(axis, which, places, chosen)
        target = axis.xaxis if which == "x" else axis.yaxis
        target.set_major_locator(FixedLocator(places))
        target.set_major_formatter(FixedFormatter(words if labelled else [""] * len(words)))
