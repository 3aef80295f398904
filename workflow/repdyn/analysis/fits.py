"""The claim that change stops at perfect fit, tested over the runs of each architecture on the same data.

Turns the runs' stops of change and perfect fits into findings (``transition.py`` has the test). Runs of one seed differ
in their optimizer or its rate, and so in when they fit. The estimates are the slope of log stop on log fit, and the
mean log ratio of the two; one p-value is for both. With four levels or more it is at least that of permuted levels,
because a moment that each level has of its own, whatever its fit, may lie along the fits by chance.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from ..catalogue.claims import TRANSITION
from ..catalogue.events import PERFECT_FIT_SUSTAINED
from ..catalogue.factors import ARCH, DATA, FACTORS
from ..catalogue.scores import STOP_EPOCH, STOP_RATIO, STOP_SLOPE
from ..records.layer_names import RUN
from . import sign_flips, transition
from .claim_tests import ClaimTests, Finding
from .pairing import COLUMNS, UNNAMED, Comparison, differences


def of_study(tests: ClaimTests) -> Iterator[Finding]:
    """The slope and the log ratio of each architecture, on each data, under each measure."""
    for (arch, data), of_cell in tests.runs.groupby(["arch", "data"], sort=False):
        held = None if data == UNNAMED else DATA
        comparison = Comparison(ARCH, str(arch), held=held, held_level=held and str(data))
        for measure in tests.measures:
            stops = tests.of_score(measure, STOP_EPOCH)
            runs = of_cell.merge(stops[[*RUN, "value"]], on=[*RUN], how="left")
            yield from _of_runs(tests, comparison, measure, runs)


def _of_runs(tests: ClaimTests, comparison: Comparison, measure: str, runs: pd.DataFrame) -> Iterator[Finding]:
    """The findings of an architecture under a measure; ``value`` of its runs is the epoch of their stop."""
    following = transition.test(
        runs["seed"].tolist(), runs[PERFECT_FIT_SUSTAINED].tolist(), runs["value"].tolist(), runs["optimizer"].tolist(),
        tests.settings.resamples, tests.settings.seed,
    )  # fmt: skip
    dropped = runs.iloc[list(following.dropped)][[*RUN]].assign(reason=list(following.dropped.values()))
    usable = runs.drop(runs.index[list(following.dropped)])
    of_seed = usable.groupby("seed")["seed"].transform("size")
    alone = usable.loc[of_seed < 2, [*RUN]].assign(reason="no other run of its seed to compare with")
    usable, of_seed = usable[of_seed >= 2], of_seed[of_seed >= 2]
    fit, stop = (usable[name].astype(float).map(math.log10) for name in (PERFECT_FIT_SUSTAINED, "value"))
    n = usable["seed"].nunique()
    x = fit - fit.groupby(usable["seed"]).transform("mean")
    ratio = _pairs(usable, stop, fit, 1 / (of_seed * max(n, 1)))
    of_seeds = differences(ratio)
    ends = sign_flips.interval(
        of_seeds.to_numpy(dtype=float), tests.settings.confidence, tests.settings.resamples, tests.settings.seed
    )
    low, high = (None, None) if ends is None else ends
    common: dict[str, Any] = {"ci_low": None, "ci_high": None, "p_value": None, "n_seeds": n}
    identified = following.slope is not None
    found = {
        STOP_SLOPE: _pairs(usable, stop, 0.0 * stop, x / np.square(x).sum()) if identified else ratio.iloc[:0],
        STOP_RATIO: ratio,
    }
    p = None if following.p_value is None else max(following.p_value, following.p_levels or 0.0)
    tested = {
        STOP_SLOPE: common | {"estimate": following.slope, "p_value": p},
        STOP_RATIO: common | {"estimate": float(of_seeds.mean()) if n else None, "ci_low": low, "ci_high": high},
    }
    left_out = pd.concat([dropped, alone], ignore_index=True)
    for score in (STOP_SLOPE, STOP_RATIO):
        primary = (measure, score) == TRANSITION.primary
        yield Finding(
            claim=TRANSITION, measure=measure, score=score, comparison=comparison, primary=primary,
            found=found[score], tested=tested[score], reason=following.reason,
            left_out=left_out if primary else left_out.iloc[:0], flips=False,
        )  # fmt: skip


def _pairs(runs: pd.DataFrame, first: pd.Series, second: pd.Series, weight: pd.Series) -> pd.DataFrame:
    """Runs tested alone as ``pairing.COLUMNS``, sorted."""
    columns = {f"{factor}_first": runs[factor] for factor in FACTORS} | {"seed": runs["seed"]}
    columns |= {"value_first": first, "value_second": second, "weight": weight}
    found = pd.DataFrame(columns).assign(**{f"{factor}_second": None for factor in FACTORS})
    return found[COLUMNS].sort_values(["seed", "optimizer_first"]).reset_index(drop=True)
