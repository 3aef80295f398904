"""Claims about the grid, tested: is a score greater under one level of a factor than under another, or than chance?

Every contrast of the study is taken for every claim that compares, under every measure, for every score of its kind,
not for the one that shows it best. Runs are paired by everything but the contrast's factor. Contrasts of optimizers are
between families; where a family has several members they are also given at equal speed of fit and at best test accuracy
(``matching.py``). Claims of a single level hold a score that is 0 by chance against 0: a transition at perfect fit, for
each architecture, by scores that hold it against all moments and by scores that hold it against perfect fit of other
runs (``crossover.py``); more change in deeper layers, over the runs in which test accuracy dips and recovers
(epoch-wise double descent), which is also held against the runs of the same architecture and seed in which it does not.
The latter differ in their optimizer, too: where runs dip under one optimizer only, as nearly on digits, that is a
contrast of optimizers under another name.
A run's value of a layer score is the mean over its layers but the first and the output.

Seeds are the replicates. Pairs of one seed share initial weights, order or wrong labels, so they are not independent:
they are averaged, and whole seeds are resampled and flipped. Estimate: the mean over seeds; interval: percentile
bootstrap over seeds (too short for few seeds: of three it is their range); p-value: two-sided, from all sign flips of
the seeds' means (exact up to the configured number of resamples; a random sample of flips beyond), valid if, were the
claim false, a seed's mean were as likely to have either sign. The verdict is ``supported`` or ``contradicted`` where p
lies at or below 1 − confidence, else ``undecided``; the least p of n seeds is 2^(1 − n), so below six seeds nothing can
be decided at .05, and the verdict says so. Claims are many, and verdicts are not corrected for their number: one in
twenty that is not true would be decided all the same. The q-value says what their number comes to: were every claim of
the table with this q-value or a lower one called decided, at most this share of them would be so by chance (Benjamini &
Hochberg 1995). That is proved for independent tests and for some that err together (Benjamini & Yekutieli 2001); these
share runs, layers and measures, so that here it is a guide, no guarantee.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from . import crossover, tables
from .layer_names import OUTPUT
from .matching import Matching, matchings
from .progress import LOG
from .records.findings import FINDINGS
from .records.phases import MOMENTS, SCORES

if TYPE_CHECKING:
    from .jobs import Job
    from .settings import Contrast
    from .study import Run, Study

# Claim -> the scores of its kind, and whether more of the claim is more (1) or less (-1) of the score.
CLAIMS: dict[str, dict[str, int]] = {
    "phases are more distinguishable": {"distinguishability_2": 1, "distinguishability_3": 1, "novelty": 1},
    "memorization changes layers more": {"change_memorization": 1},
    "layers change more in synchrony": {"synchrony": 1, "progress_gap": -1, "boundary_spread": -1},
}
TRANSITION = "perfect fit is a transition"
DESCENT = "deeper layers change more where test accuracy dips and recovers"
# What the claim is held against: it needs no dip, so that runs without one have it too.
DESCENT_SCORE = "depth_trend_memorization"
AGAINST_CHANCE: dict[str, dict[str, int]] = {
    TRANSITION: {"transition_fitted": 1, "alignment_fitted": 1, "transition_own": 1, "alignment_own": 1},
    DESCENT: {"depth_trend_descent": 1},
}
# Score -> whether more of it is more (1) or less (-1) of its claim.
DIRECTIONS = {score: sign for scores in (CLAIMS | AGAINST_CHANCE).values() for score, sign in scores.items()}
FACTS = ("perfect_fit_first", "test_accuracy_best", "test_dip")
FITTED = "perfect_fit_sustained"


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


def facts(scores: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """One row for each run: arch, optimizer, seed and what of its history decides what is compared."""
    rows = []
    for run, frame in scores.items():
        found = frame[frame["measure"].isna()].set_index("score")["value"]
        history = {name: found.get(name, np.nan) for name in (*FACTS, FITTED)}
        rows.append({"arch": run.arch, "optimizer": run.optimizer, "seed": run.seed} | history)
    return pd.DataFrame(rows)


def differences(
    frame: pd.DataFrame, factor: str, levels: Sequence[str], families: Mapping[str, str] | None = None
) -> pd.Series:
    """First level minus second, for each pair that is alike in everything else and has both values; by seed.

    Several optimizers of one family are averaged where families are compared.
    """
    others = [name for name in ("arch", "optimizer", "seed") if name != factor and name in frame]
    if factor == "optimizer" and families is not None:
        frame = frame.assign(optimizer=frame["optimizer"].map(families))
    table = frame.pivot_table(index=others, columns=factor, values="value", aggfunc="mean")
    pairs = table.reindex(columns=list(levels)).dropna().sort_index()
    return (pairs[levels[0]] - pairs[levels[1]]).droplevel([name for name in others if name != "seed"])


def test(d: pd.Series, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Mean over seeds of differences (indexed by seed), its bootstrap interval and its sign-flip p-value."""
    seeds = d.groupby(level=0).mean().to_numpy(dtype=float)
    n = len(seeds)
    found: dict[str, Any] = {"estimate": float(seeds.mean()) if n else None, "n_pairs": len(d), "n_seeds": n}
    if n < 2:
        return found | {"ci_low": None, "ci_high": None, "p_value": None}
    random = np.random.default_rng(settings["seed"])
    interval = stats.bootstrap(
        (seeds,), np.mean, confidence_level=settings["confidence"], n_resamples=settings["resamples"],
        method="percentile", rng=random,
    ).confidence_interval  # fmt: skip
    flips = stats.permutation_test(
        (seeds,), np.mean, permutation_type="samples", n_resamples=settings["resamples"], rng=random
    )
    low, high = float(interval.low), float(interval.high)
    return found | {"ci_low": low, "ci_high": high, "p_value": float(flips.pvalue)}


def verdict(estimate: float | None, p_value: float | None, n: int, direction: int, confidence: float) -> str:
    """What a test of n seeds says of a claim, in words."""
    threshold = 1 - confidence
    seeds = f"{n} seed{'s' if n != 1 else ''}"
    if n < 2 or 2 ** (1 - n) > threshold + 1e-12:
        return f"undecided at {seeds}: too few to reach p = {threshold:.2g}"
    if p_value is not None and estimate is not None and p_value <= threshold + 1e-12:
        return "supported" if estimate * direction > 0 else "contradicted"
    return f"undecided at {seeds}"


def compare(
    frame: pd.DataFrame, contrast: Contrast, matching: Matching | None, settings: Mapping[str, Any],
    families: Mapping[str, str], compared: str | None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """All claims that compare, for one contrast in one matching."""
    name = f"{contrast}, {matching.name}" if matching is not None and matching.name else str(contrast)
    runs = frame if matching is None else matching.restrict(frame)
    for claim, scores in CLAIMS.items():
        for measure in sorted(frame["measure"].unique()):
            for score, direction in scores.items():
                part = runs[(runs["measure"] == measure) & (runs["score"] == score)]
                d = differences(part, contrast.factor, contrast.levels, families)
                yield _row(claim, f"{measure} {score}", name, test(d, settings), direction, settings, compared)


def against_chance(
    frame: pd.DataFrame, claim: str, where: str, settings: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """One claim of a level alone, over the runs of a frame."""
    for measure in sorted(frame["measure"].unique()):
        for score, direction in AGAINST_CHANCE[claim].items():
            part = frame[(frame["measure"] == measure) & (frame["score"] == score)]
            d = part.set_index("seed")["value"].astype(float).dropna()
            yield _row(claim, f"{measure} {score}", where, test(d, settings), direction, settings, None)


def with_and_without_dip(
    frame: pd.DataFrame, of_runs: pd.DataFrame, settings: Mapping[str, Any]
) -> Iterator[dict[str, Any]]:
    """Runs in which test accuracy dips against those of the same architecture and seed in which it does not."""
    dips = of_runs[["arch", "optimizer", "seed"]].assign(dip=np.where(of_runs["test_dip"].notna(), "with", "without"))
    both = frame.merge(dips, on=["arch", "optimizer", "seed"]).drop(columns="optimizer")
    for measure, part in both[both["score"] == DESCENT_SCORE].groupby("measure"):
        d = differences(part, "dip", ("with", "without"))
        name = f"{measure} {DESCENT_SCORE}"
        yield _row(DESCENT, name, "dip: with - without", test(d, settings), 1, settings, None)


def _row(
    claim: str, measure: str, contrast: str, tested: dict[str, Any], direction: int, settings: Mapping[str, Any],
    compared: str | None,
) -> dict[str, Any]:  # fmt: skip
    words = verdict(tested["estimate"], tested["p_value"], tested["n_seeds"], direction, settings["confidence"])
    return {"claim": claim, "measure": measure, "contrast": contrast, "compared": compared, "verdict": words} | tested


def find(
    frame: pd.DataFrame, contrasts: Sequence[Contrast], settings: Mapping[str, Any],
    of_runs: pd.DataFrame | None = None, families: Mapping[str, str] | None = None,
    rates: Mapping[tuple[str, str], float] | None = None,
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Rows of the findings table.

    Args:
        frame: what ``values`` returned.
        contrasts: of the study.
        settings: ``confidence``, ``resamples`` and ``seed`` of the config.
        of_runs: what ``facts`` returned; None leaves out what needs it.
        families: optimizer -> family; None makes each its own.
        rates: (arch, optimizer) -> learning rate.
    """
    families = families or {name: name for name in frame["optimizer"].unique()}
    for contrast in contrasts:
        if contrast.factor == "arch" or of_runs is None:
            yield from compare(frame, contrast, None, settings, families, None)
        else:
            for matching in matchings(of_runs, families, contrast.levels):
                compared = matching.describe(rates or {})
                LOG.info("%s %s compares %s", contrast, matching.name, compared or "nothing: no rate fits everywhere")
                yield from compare(frame, contrast, matching, settings, families, compared)
    for arch in frame["arch"].drop_duplicates():
        yield from against_chance(frame[frame["arch"] == arch], TRANSITION, f"arch: {arch}", settings)
    if of_runs is not None and of_runs["test_dip"].notna().any():
        yield from against_chance(frame, DESCENT, "runs with a dip", settings)
        yield from with_and_without_dip(frame, of_runs, settings)
    else:
        LOG.info("left out: %s, since it does so in no run", DESCENT)


def q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """What each p-value comes to among all of them, by Benjamini & Hochberg 1995; None where there is none."""
    known = np.array([p for p in p_values if p is not None])
    adjusted = iter(stats.false_discovery_control(known).tolist() if len(known) else [])
    return [None if p is None else next(adjusted) for p in p_values]


def _of_runs(job: Job, table: tables.Table) -> dict[Run, pd.DataFrame]:
    """One table of every run."""
    return {run: tables.read(*job.place(table, run)).to_pandas() for run in job.study.runs}


def main(job: Job) -> None:
    """Write the findings over all runs of the study."""
    study: Study = job.study
    scores, moments = _of_runs(job, SCORES), _of_runs(job, MOMENTS)
    of_runs = facts(scores)
    # Initialisation has no place on the log axis that moments are told apart on.
    fitted = {run: epoch for run, epoch in zip(scores, of_runs[FITTED], strict=True) if epoch > 0}
    families = study.families
    rates = {(run.arch, run.optimizer): study.learning_rate(run) for run in study.runs}
    settings = job.made_with("findings")["findings"]
    frame = pd.concat([values(scores), crossover.values(moments, fitted)], ignore_index=True)
    rows = list(find(frame, study.contrasts, settings, of_runs, families, rates))
    for row, q in zip(rows, q_values([row["p_value"] for row in rows]), strict=True):
        row["q_value"] = q
    columns = {name: [row[name] for row in rows] for name in FINDINGS.names}
    tables.write(job.path(FINDINGS), columns, FINDINGS.schema, job.metadata(FINDINGS))
    decided = [row for row in rows if not row["verdict"].startswith("undecided")]
    LOG.info("%d claims tested, %d decided", len(rows), len(decided))
    for row in decided:
        LOG.info("%(contrast)s: %(claim)s (%(measure)s) %(verdict)s, %(estimate).3g, p = %(p_value).3g", row)
