"""Claims about the grid, tested: is a score greater under one level of a factor than under another?

Every contrast of the config is taken for every kind of score, under every measure, for every score of that kind, not
for the one that shows it best. Runs are paired by everything but the contrast's factor, so a pair shares its seed:
initial weights where the architecture is the same, order of examples, wrong labels. A run's value of a layer score is
the mean over its layers but the first and the output.

Estimate: the mean difference over pairs, first level minus second; interval: percentile bootstrap over pairs; p-value:
two-sided, from all sign flips of the differences (exact up to the configured number of resamples; a random sample of
flips beyond). The verdict is `supported` or `contradicted` where p lies at or below 1 − confidence, else `undecided`,
with the number of pairs; with fewer than six pairs no p-value can reach .05, and the verdict says so. Claims are many
and not corrected for their number: a single small p-value among them is weak evidence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats

from . import tables
from .phases import OUTPUT
from .progress import LOG

if TYPE_CHECKING:
    from .jobs import Job
    from .study import Contrast, Run, Study

Array = np.ndarray[Any, np.dtype[Any]]

FINDINGS = tables.schema(
    claim=(pa.string(), "of the contrast's first level against its second"),
    measure=(pa.string(), "measure of similarity and score"),
    contrast=(pa.string(), "factor: first level - second level"),
    estimate=(pa.float64(), "mean difference of the score over pairs; null without pairs"),
    ci_low=(pa.float64(), "bootstrap interval at the configured confidence; null with fewer than two pairs"),
    ci_high=(pa.float64(), "bootstrap interval at the configured confidence; null with fewer than two pairs"),
    p_value=(pa.float64(), "two-sided, sign flips; null with fewer than two pairs"),
    n_pairs=(pa.int64(), "pairs of runs"),
    verdict=(pa.string(), "in words"),
)
# Claim -> the scores of its kind, and whether more of the claim is more (1) or less (-1) of the score.
CLAIMS: dict[str, dict[str, int]] = {
    "phases are more distinguishable": {"distinguishability_2": 1, "distinguishability_3": 1, "novelty": 1},
    "memorization changes layers more": {"change_memorization": 1},
    "layers change more in synchrony": {"synchrony": 1, "progress_gap": -1},
}


def values(scores: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """One row for each run, measure and score: arch, optimizer, seed, measure, score, value."""
    frames = []
    for run, frame in scores.items():
        layers = frame.dropna(subset=["layer"])
        first = layers["layer"].iloc[0] if len(layers) else None
        inner = layers[~layers["layer"].isin([first, OUTPUT])]
        of_layers = inner.groupby(["measure", "score"])["value"].mean().reset_index()
        of_run = frame[frame["layer"].isna() & frame["measure"].notna()][["measure", "score", "value"]]
        both = pd.concat([of_layers, of_run]).assign(arch=run.arch, optimizer=run.optimizer, seed=run.seed)
        frames.append(both)
    return pd.concat(frames, ignore_index=True)


def differences(frame: pd.DataFrame, factor: str, levels: Sequence[str]) -> Array:
    """First level minus second, for each pair of runs that are alike in everything else and both have a value."""
    others = [name for name in ("arch", "optimizer", "seed") if name != factor]
    table = frame.pivot(index=others, columns=factor, values="value")
    pairs = table.reindex(columns=list(levels)).dropna().sort_index()
    found: Array = (pairs[levels[0]] - pairs[levels[1]]).to_numpy(dtype=float)
    return found


def test(d: Array, settings: Mapping[str, Any]) -> dict[str, float | None]:
    """Mean of paired differences, its bootstrap interval and its sign-flip p-value."""
    if len(d) < 2:
        return {"estimate": float(d[0]) if len(d) else None, "ci_low": None, "ci_high": None, "p_value": None}
    random = np.random.default_rng(settings["seed"])
    interval = stats.bootstrap(
        (d,), np.mean, confidence_level=settings["confidence"], n_resamples=settings["resamples"],
        method="percentile", rng=random,
    ).confidence_interval  # fmt: skip
    flips = stats.permutation_test(
        (d,), np.mean, permutation_type="samples", n_resamples=settings["resamples"], rng=random
    )
    return {
        "estimate": float(d.mean()),
        "ci_low": float(interval.low),
        "ci_high": float(interval.high),
        "p_value": float(flips.pvalue),
    }


def verdict(estimate: float | None, p_value: float | None, n: int, direction: int, confidence: float) -> str:
    """What a test says of a claim, in words."""
    threshold = 1 - confidence
    if n < 2 or 2 ** (1 - n) > threshold + 1e-12:
        return f"undecided: {n} pair{'s' if n != 1 else ''} cannot reach p = {threshold:.2g}"
    if p_value is not None and estimate is not None and p_value <= threshold + 1e-12:
        return "supported" if estimate * direction > 0 else "contradicted"
    return f"undecided at {n} pairs"


def find(frame: pd.DataFrame, contrasts: Sequence[Contrast], settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows of the findings table, for the contrasts whose levels are all there."""
    for contrast in contrasts:
        there = set(frame[contrast.factor].astype(str))
        absent = [level for level in contrast.levels if level not in there]
        if absent:
            LOG.info("left out: %s, since the grid has no %s", contrast, ", ".join(absent))
            continue
        for claim, scores in CLAIMS.items():
            for measure in sorted(frame["measure"].unique()):
                for score, direction in scores.items():
                    part = frame[(frame["measure"] == measure) & (frame["score"] == score)]
                    d = differences(part, contrast.factor, contrast.levels)
                    tested = test(d, settings)
                    words = verdict(tested["estimate"], tested["p_value"], len(d), direction, settings["confidence"])
                    row = {"claim": claim, "measure": f"{measure} {score}", "contrast": str(contrast)}
                    yield row | tested | {"n_pairs": len(d), "verdict": words}


def main(job: Job) -> None:
    """Write the findings over all runs of the study."""
    study: Study = job.study
    scores = {
        run: tables.read(job.paths.scores(run.path), study.hyperparameters("phases", run)).to_pandas()
        for run in study.runs
    }
    rows = list(find(values(scores), study.findings.contrasts, job.made_with("findings")["findings"]))
    columns = {name: [row[name] for row in rows] for name in FINDINGS.names}
    tables.write(job.paths.findings(), columns, FINDINGS, job.metadata())
    decided = [row for row in rows if not row["verdict"].startswith("undecided")]
    LOG.info("%d claims tested, %d decided", len(rows), len(decided))
    for row in decided:
        LOG.info("%(contrast)s: %(claim)s (%(measure)s) %(verdict)s, %(estimate).3g, p = %(p_value).3g", row)
