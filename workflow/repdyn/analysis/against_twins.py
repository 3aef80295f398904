"""What wrong labels add to runs, from their layers and those of their twins to the seeds' differences.

Brings together what is held against the same run without wrong labels: change while wrong labels are memorized
(``counterfactual.py``), and its growth with depth where test accuracy dips (``descent.py``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from ..catalogue.events import MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED, SECOND_DESCENT_END, TEST_DIP
from ..catalogue.scores import CHANGE_BEYOND_SHIFTED, TREND_BEYOND_SHIFTED
from . import counterfactual, descent, twins
from .phases import Trajectory

if TYPE_CHECKING:
    from ..config.sections import Findings

COLUMNS = ["measure", "score", "shift", "run", "twin", "difference", "reason"]


def of_run(
    run: Sequence[Trajectory],
    twin: Sequence[Trajectory],
    layers: int,
    facts: Mapping[str, float],
    facts_of_twin: Mapping[str, float],
) -> pd.DataFrame:
    """A run against its twin under every measure that both have: ``COLUMNS``.

    Args:
        run: the layers of its body under every kernel.
        twin: those of the same run without wrong labels.
        layers: number of all observed layers of the network.
        facts: event -> epoch of the run; NaN or None where it did not take place.
        facts_of_twin: those of the twin.

    Returns:
        A row for each score, by its name of all shifts, and shift. ``run`` and ``twin`` are what is compared, null
        where they are not known; ``reason`` says why.
    """
    event = {name: None if pd.isna(epoch) else float(epoch) for name, epoch in facts.items()}
    fit_of_twin = facts_of_twin[PERFECT_FIT_SUSTAINED]
    fits = event[PERFECT_FIT_SUSTAINED], None if pd.isna(fit_of_twin) else float(fit_of_twin)
    rows = []
    for measure in dict.fromkeys(t.measure for t in run):
        own, other = ([t for t in side if t.measure == measure] for side in (run, twin))
        if not other:
            continue
        moved = counterfactual.counterfactual(_matrices(own), _matrices(other), event[MEMORIZATION_ONSET], *fits)
        speeds, of_twin = descent.speeds(own, layers), descent.speeds(other, layers)
        steeper = descent.steeper(speeds, of_twin, event[TEST_DIP], event[SECOND_DESCENT_END], *fits)
        for score, found in ((CHANGE_BEYOND_SHIFTED, moved), (TREND_BEYOND_SHIFTED, steeper)):
            for shift, number in zip(twins.SHIFTS, found.twin, strict=True):
                difference = None if found.run is None or number is None else found.run - number
                rows.append((measure, score, shift, found.run, number, difference, found.reason))
    return pd.DataFrame(rows, columns=COLUMNS).astype({"run": float, "twin": float, "difference": float})


def _matrices(body: Sequence[Trajectory]) -> counterfactual.Layers:
    return {t.layer: (t.S, t.epochs) for t in body}


@dataclass(frozen=True)
class OfCell:
    """What wrong labels add, of one cell of the grid under one measure.

    Attributes:
        same_epochs: seed -> the difference at the same epochs.
        shifted: the test over all shifts.
        of_seeds: seed -> the difference at the shift of that test's estimate, of which it is the mean.
    """

    same_epochs: dict[int, float]
    shifted: twins.AtEveryShift
    of_seeds: dict[int, float]


def of_cell(runs: Mapping[int, pd.DataFrame], settings: Findings) -> dict[tuple[str, str], OfCell]:
    """(measure, score) -> what wrong labels add.

    Args:
        runs: seed -> :func:`of_run`.
        settings: the section ``findings`` of the config.

    A seed without a difference at some shift is left out of the test over all shifts.
    """
    found = {}
    frames = [frame.assign(seed=seed) for seed, frame in runs.items()]
    for (measure, score), group in pd.concat(frames).groupby(["measure", "score"], sort=False):
        wide = group.pivot(index="seed", columns="shift", values="difference").reindex(columns=list(twins.SHIFTS))
        whole = wide.dropna()
        shifted = twins.test(whole.to_numpy(), settings.confidence, settings.resamples, settings.seed)
        least = whole[shifted.shift] if shifted.shift is not None else whole.iloc[:0, 0]
        found[str(measure), str(score)] = OfCell(_of_seeds(wide.iloc[:, 0].dropna()), shifted, _of_seeds(least))
    return found


def _of_seeds(values: pd.Series) -> dict[int, float]:
    return dict(zip(values.index.tolist(), values.tolist(), strict=True))
