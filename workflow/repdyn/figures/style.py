"""The visual language that all figures share: sizes, colours, the epoch axis, marks for events.

Colours are safe for colour-blind readers: optimizers and curves take them from Okabe & Ito's palette as seaborn has it,
similarity from `mako`, which is perceptually uniform, from dark (unlike) to light (alike). Sizes are a paper's: a
column is 3.4 inches, a page 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

COLUMN, PAGE = 3.4, 7.0  # inches
SIMILARITY = sns.color_palette("mako", as_cmap=True)
_PALETTE = sns.color_palette("colorblind", 10)
CURVES = {
    "train": "#444444",
    "clean": _PALETTE[0],
    "mislabelled": _PALETTE[3],
    "true": _PALETTE[1],
    "test": _PALETTE[2],
}
BOUNDARY = "#ff4d4d"
# A line that is seen on light and on dark.
HALO = [patheffects.withStroke(linewidth=1.5, foreground="white", alpha=0.8)]
EVENTS = {
    "memorization_onset": ("memorization begins", "#d55e00", (0, (1, 1.2))),
    "memorization_end": ("memorization ends", "#d55e00", (0, (4, 1.5))),
    "perfect_fit_first": ("perfect fit, first", "#000000", (0, (1, 1.2))),
    "perfect_fit_sustained": ("perfect fit, sustained", "#000000", (0, (4, 1.5))),
}
RC = {
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 6.5,
    "figure.titlesize": 8.5,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.1,
    "legend.frameon": False,
    "savefig.dpi": 220,
    "svg.hashsalt": "repdyn",
    "svg.fonttype": "none",
    "pdf.fonttype": 42,
}


@contextmanager
def language() -> Iterator[None]:
    """Draw, and save, within this context."""
    with mpl.rc_context(RC):  # type: ignore[arg-type]
        yield


def class_colours(classes: int) -> list[Any]:
    """One fixed colour for each class."""
    return list(_PALETTE[:classes]) if classes <= len(_PALETTE) else list(sns.husl_palette(classes))


def run_title(arch: str, optimizer: str, seed: int) -> str:
    """What a run is called in a title."""
    return f"{arch}, {optimizer}, seed {seed}"


def events(scores: pd.DataFrame) -> dict[str, float]:
    """The events of a run that took place: name -> epoch, from its scores."""
    of_run = scores[scores["layer"].isna()].set_index("score")["value"]
    found = {name: of_run.get(name) for name in EVENTS}
    return {name: float(epoch) for name, epoch in found.items() if epoch is not None and np.isfinite(epoch)}


def decades(last: float) -> list[float]:
    """Ticks of a log epoch axis from initialisation on: 0, 1, 10, … and the last epoch if it stands apart."""
    ticks = [0.0, *(10.0**k for k in range(int(np.floor(np.log10(max(last, 1)))) + 1))]
    return [*ticks, last] if last > 4 * ticks[-1] else ticks


def epoch_label(epoch: float, _position: object = None) -> str:
    """An epoch in as few characters as it takes: two digits, or all before the point."""
    return f"{epoch:.0f}" if epoch >= 10 or epoch == 0 else f"{epoch:.2g}"


def log_epochs(axis: Axes, last: float) -> None:
    """Make the x axis one of epochs, log beyond 1 and linear before, so that initialisation has a place."""
    axis.set_xscale("symlog", linthresh=1.0, linscale=0.35)
    axis.set_xlim(-0.04, last * 1.05)
    axis.xaxis.set_major_locator(FixedLocator(decades(last)))
    axis.xaxis.set_minor_locator(NullLocator())
    axis.xaxis.set_major_formatter(FuncFormatter(epoch_label))


class CheckpointAxis:
    """Checkpoints side by side, as the rows and columns of a matrix, with ticks at round epochs.

    Checkpoints on a log schedule are evenly spaced in log epoch but for the first few, so equal cells are a log axis;
    whatever the schedule, a tick stands between the checkpoints that its epoch lies between.
    """

    def __init__(self, epochs: Sequence[float]) -> None:
        """``epochs`` of the checkpoints, ascending, initialisation first."""
        self.epochs = np.asarray(epochs, dtype=float)

    def position(self, epoch: float) -> float:
        """Where an epoch lies, in cells; the first checkpoint's centre is at 0."""
        cells = np.arange(len(self.epochs), dtype=float)
        if epoch <= 0 or len(cells) < 3:
            return float(np.interp(epoch, self.epochs, cells))
        later = self.epochs[1:]
        return float(np.interp(np.log(epoch), np.log(later), cells[1:]))

    def tick(self, axis: Axes, which: str) -> None:
        """Ticks and labels on one side of a matrix: ``x`` or ``y``."""
        last = float(self.epochs[-1])
        chosen = [epoch for epoch in decades(last) if epoch == 0 or epoch >= self.epochs[min(1, len(self.epochs) - 1)]]
        target = axis.xaxis if which == "x" else axis.yaxis
        target.set_major_locator(FixedLocator([self.position(epoch) for epoch in chosen]))
        labels = [epoch_label(epoch) for epoch in chosen]
        target.set_major_formatter(FuncFormatter(lambda _value, position: labels[position or 0]))


def blank(width: float, height: float) -> Figure:
    """An empty figure of that size in inches, laid out so that nothing overlaps."""
    return Figure(figsize=(width, height), layout="constrained")
