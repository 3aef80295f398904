"""The events of all layers of a run, by CKA and by weights, from its table of change between evaluated epochs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from ..records.events import DATED, DOWN, EVENTS, NONE, SPARSE, UNDEFINED, UP
from ..types import Array
from . import sharp_margin

# Column of the table ``change`` -> how it becomes a squared distance.
MEASURES: dict[str, Callable[[Array], Array]] = {
    "cka": sharp_margin.of_similarity,
    "weights": sharp_margin.of_displacement,
}


def of_run(change: pd.DataFrame) -> pd.DataFrame:
    """The rows of ``EVENTS`` of a run.

    Args:
        change: the run's table ``change``; without rows where nothing was measured, and then there are none here.
    """
    rows: list[tuple[Any, ...]] = []
    for (layer, depth), of_layer in change.groupby(["layer", "depth"], sort=False):
        ordered = of_layer.sort_values("epoch_a")
        epochs = np.append(ordered["epoch_a"].iloc[0], ordered["epoch_b"])
        for measure, squared in MEASURES.items():
            found = sharp_margin.events_of(epochs, squared(ordered[measure].to_numpy(dtype=float)))
            where = found.searched or (np.nan, np.nan)
            for event in found.events:
                sign = UP if event.sign > 0 else DOWN
                dates = (event.epoch, event.low, event.high)
                rows.append((layer, depth, measure, DATED, *dates, sign, event.height, *where))
            if not found.events:
                rows.append((layer, depth, measure, _why(found), *[np.nan] * 3, None, np.nan, *where))
    names = [name for name in EVENTS.names if name != "threshold"]
    return pd.DataFrame(rows, columns=names).assign(threshold=sharp_margin.THRESHOLD)[EVENTS.names]


def _why(found: sharp_margin.Dated) -> str:
    """Why a layer has no events by a measure."""
    if found.undefined:
        return UNDEFINED
    return SPARSE if found.searched is None else NONE
