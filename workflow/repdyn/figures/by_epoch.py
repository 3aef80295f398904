"""How fast each layer changes from one evaluated epoch to the next, by depth and time: its weights, its activations."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from ..analysis import trajectory
from ..records.change import CHANGE
from ..records.phases import SCORES
from ..types import Array
from . import reading, sheet, style
from .dynamics import Scale, layers_by_time

if TYPE_CHECKING:
    from ..pipeline.jobs import Job

LEAST = 1e-7  # a smaller change is drawn as this one; what stands still has no logarithm
NONE = "No change between evaluated epochs was measured: `change.examples` is 0, or a recorder was given no inputs."
TOO_FEW = "Too few evaluated epochs for rates of change."


def rates(change: pd.DataFrame, epochs: Array, moved: pd.Series) -> pd.DataFrame:
    """Layers by intervals between evaluated epochs: log10 of the change per decade of epochs, NaN where not measured.

    Args:
        change: a run's table.
        epochs: (E,) ascending, those evaluated; the first may be 0.
        moved: of each row, how far the layer moved.
    """
    apart = np.diff(trajectory.positions(epochs))
    intervals = pd.MultiIndex.from_tuples(itertools.pairwise(epochs))
    found = {}
    for layer in style.depth_order(change):
        of_layer = change["layer"] == layer
        index = pd.MultiIndex.from_frame(change.loc[of_layer, ["epoch_a", "epoch_b"]])
        there = pd.Series(moved[of_layer].to_numpy(dtype=float), index).reindex(intervals)
        found[layer] = np.log10(np.maximum(there.to_numpy(), LEAST) / apart)
    return pd.DataFrame.from_dict(found, orient="index")


@style.styled
def through_training(change: pd.DataFrame, title: str = "", events: dict[str, float] | None = None) -> Figure:
    """Draw a panel for weights and one for activations: layers (rows, from the input on) by time (columns).

    Args:
        change: a run's table ``change``.
        title: the figure's title.
        events: name -> epoch, for events that took place.
    """
    epochs = np.unique(change[["epoch_a", "epoch_b"]].to_numpy(dtype=float))
    if (epochs > 0).sum() < 2:
        return sheet.nothing(title, NONE if change.empty else TOO_FEW)
    panels = {
        "weights: distance moved": rates(change, epochs, change["weights"]),
        "activations: 1 − CKA": rates(change, epochs, 1 - change["cka"]),
    }
    scales = [_scale(name, panel) for name, panel in panels.items()]
    scales[-1] = replace(scales[-1], label="log10 of change\nper tenfold of epochs")
    return layers_by_time(
        scales, first=0.0, epochs=epochs.tolist(), title=title, events=events,
        cmap=style.CHANGE,
    )  # fmt: skip


def _scale(name: str, panel: pd.DataFrame) -> Scale:
    """A panel whose colours span all but one value in a hundred at either end, to half a decade."""
    values = panel.to_numpy()
    values = values[np.isfinite(values)]
    low, high = np.percentile(values, [1, 99]) if len(values) else (-1.0, 0.0)
    lowest = math.floor(2 * low) / 2
    highest = max(math.ceil(2 * high) / 2, lowest + 0.5)
    between = 1.0 if highest - lowest > 1 else 0.5
    ticks = np.arange(math.ceil(lowest / between), math.floor(highest / between) + 1) * between
    return Scale({name: panel}, (lowest, highest), ticks=ticks.tolist())


def _draw(job: Job) -> Figure:
    name = style.run_title(job.run)
    text, events = f"How fast each layer changes from epoch to epoch: {name}", style.events(reading.of_run(job, SCORES))
    return through_training(reading.of_run(job, CHANGE), text, events)


FIGURES = {"change-by-epoch": _draw}


def draw(job: Job, figure: str) -> Figure:
    """Read a run's tables and draw one of ``FIGURES``.

    Raises:
        KeyError: if there is no such figure here.
    """
    return FIGURES[figure](job)
