"""Is a run's own perfect fit special, or would that of another run have scored as well?

Transition and alignment (``phases.py``) compare a moment with all others of a run. Moments in the middle of the log
axis may score well merely because most change happens there. So each run is crossed with the runs of the same
architecture and seed under other optimizers: its score at its own perfect fit minus the mean of its scores at theirs.
If novelty is unrelated to the fit, own and others' moments can be swapped, which flips the sign of a pair's sum. So the
sign-flip test over seeds is valid for any shape of novelty over time. With more than two optimizers, own moments can be
permuted in several ways, and the test is valid as far as sums of these are symmetric.

The score cannot tell whether change goes with the fit, or both go with the speed of a run. If a slow run is a fast one
delayed, change that peaks near the fit, at half its epoch, say, scores above 0, and change that peaks long before it
scores below 0. So a positive score means that change peaks nearer to perfect fit than the runs' difference in speed,
not that it peaks at perfect fit.

Time and memory: negligible.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..catalogue.scores import ALIGNMENT_OWN, TRANSITION_OWN
from ..records import inner_layers
from .phases import lead

if TYPE_CHECKING:
    from ..config.study import Run

COLUMNS = ("arch", "optimizer", "seed", "measure", "score", "value")


def values(moments: Mapping[Run, pd.DataFrame], fitted: Mapping[Run, float]) -> pd.DataFrame:
    """Transition and alignment at a run's own perfect fit minus their means at others', over its inner layers.

    Args:
        moments: run -> its table of moments.
        fitted: run -> the epoch of its sustained perfect fit; without runs that have none.

    Returns:
        ``COLUMNS``, with the scores ``transition_own`` and ``alignment_own``; a run without others has no row.
    """
    rows: list[tuple[Any, ...]] = []
    for run, frame in moments.items():
        others = [epoch for other, epoch in fitted.items() if _is_other(run, other)]
        if run not in fitted or not others:
            continue
        for measure, of_measure in inner_layers.rows(frame).groupby("measure"):
            layers = [_beyond(layer, fitted[run], others) for _, layer in of_measure.groupby("layer")]
            for score, of_layers in zip((TRANSITION_OWN, ALIGNMENT_OWN), zip(*layers, strict=True), strict=True):
                there = [value for value in of_layers if value is not None]
                if there:
                    rows.append((run.arch, run.optimizer, run.seed, measure, score, float(np.mean(there))))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _is_other(run: Run, other: Run) -> bool:
    return (other.arch, other.seed) == (run.arch, run.seed) and other.optimizer != run.optimizer


def _beyond(layer: pd.DataFrame, own: float, others: list[float]) -> Iterator[float | None]:
    """Transition, then alignment, of one layer under one measure: at the own moment minus the mean at others'."""
    at = np.log10(layer["epoch"].to_numpy())
    novel = layer["novelty"].notna().to_numpy()
    novelty = layer["novelty"].to_numpy()[novel]
    yield _difference(*(lead(novelty, at[novel], moment) for moment in (own, *others)))
    alignment = layer["alignment"].to_numpy(dtype=float)
    aligned = np.interp(np.log10([own, *others]), at, alignment, left=np.nan, right=np.nan)
    yield _difference(*(None if np.isnan(value) else float(value) for value in aligned))


def _difference(own: float | None, *others: float | None) -> float | None:
    there = [value for value in others if value is not None]
    return None if own is None or not there else own - float(np.mean(there))
