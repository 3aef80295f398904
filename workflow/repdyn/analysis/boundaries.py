"""Where measures and detectors put the greatest boundary of a layer's training, and how far apart these are.

A detector turns the trajectory of a layer under a measure into one moment, whether or not it is a boundary beyond
drift: where the best two phases meet (``change_points.py``), the greatest novelty (Foote 2000), where change stops
(``transition.py``), and where half of all change is done. What is there shows under several; a moment that one ruler
gives alone is that ruler's.

A row has two distances in decades of epochs: from the same detector under the other measures, and from the other
detectors under the same measure; medians of the absolute differences.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from ..records.phases import BOUNDARIES
from . import phases
from . import transition as stops
from .phases import LEAST_CHECKPOINTS, Trajectory

SEGMENTATION, NOVELTY, STOP, HALF = "segmentation", "novelty", "stop", "half"
DETECTORS = (SEGMENTATION, NOVELTY, STOP, HALF)


def moments(t: Trajectory) -> dict[str, float]:
    """The moment of each detector in decades of epochs; NaN where there is none.

    Args:
        t: a layer under a measure, with enough checkpoints.
    """
    at, novelties = phases.between(t.grid), phases.novelties(t.even)
    most = at[phases.REACH - 1 + int(novelties.argmax())] if len(novelties) else np.nan
    stop = stops.stop(stops.log_speed(t.even, t.spacing), at).epoch
    shares = phases.progress(t)
    # The first moment is initialisation, with no change before it.
    half = np.nan if shares is None else float(np.interp(0.5, shares, t.grid))
    return {
        SEGMENTATION: phases.boundary(t),
        NOVELTY: float(most),
        STOP: np.nan if stop is None else float(np.log10(stop)),
        HALF: half,
    }


def of_run(trajectories: Iterable[Trajectory], parts: Mapping[str, str]) -> pd.DataFrame:
    """The rows of ``BOUNDARIES`` of a run.

    Args:
        trajectories: every layer under every kernel; those with too few checkpoints have no rows.
        parts: layer -> the part of the network that it belongs to.
    """
    rows = [
        (t.layer, t.depth, parts[t.layer], t.measure, detector, moment)
        for t in trajectories
        if len(t.steps) >= LEAST_CHECKPOINTS
        for detector, moment in moments(t).items()
    ]
    found = pd.DataFrame(rows, columns=["layer", "depth", "part", "measure", "detector", "moment"])
    found["from_measures"] = _apart(found, "detector")
    found["from_detectors"] = _apart(found, "measure")
    return found.assign(epoch=10 ** found["moment"].astype(float))[BOUNDARIES.names]


def _apart(found: pd.DataFrame, shared: str) -> pd.Series:
    """Median distance of each moment to the others of its layer that share a measure or a detector."""
    apart = pd.Series(np.nan, index=found.index, dtype=float)
    for _, group in found.groupby(["layer", shared], sort=False):
        values = group["moment"].to_numpy(dtype=float)
        for place, index in enumerate(group.index):
            others = np.abs(np.delete(values, place) - values[place])
            there = others[~np.isnan(others)]
            if len(there):
                apart[index] = np.median(there)
    return apart
