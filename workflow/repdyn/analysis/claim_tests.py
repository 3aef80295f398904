"""Tests of claims about the grid: is a score greater under one level of a factor than under another, or than chance?

Every contrast of the study is tested for every claim that compares levels, under every measure, for every score of the
claim, not just the one that shows it best. Paired runs share everything but the contrast's factor (``pairing.py``).
Contrasts of optimizers are between families. If a family has several members, they are also tested at equal speed of
fit and at best test accuracy (``rate_matching.py``).

Claims about a single level test a score that is 0 by chance against 0. A transition at perfect fit is tested for each
architecture, by scores against all moments and by scores against perfect fit of other runs (``crossover.py``). More
change in deeper layers is tested over the runs whose test accuracy dips and recovers (epoch-wise double descent), and
against runs of the same architecture and seed without a dip. These differ in their optimizer, too: if runs dip under
one optimizer only, as they nearly do on digits, that is a contrast of optimizers under another name. A run's value of a
layer score is the mean over its inner layers (``records/inner_layers.py``). ``catalogue`` declares the claims, their
scores, and the direction of these.

Seeds are the replicates. Pairs of one seed share initial weights, order or wrong labels, so they are not independent:
they are averaged, and whole seeds are resampled and flipped.

- Estimate: the mean over seeds.
- Interval: percentile bootstrap over seeds (too short for few seeds: for three it is their range).
- p-value: two-sided, from all sign flips of the seeds' means (exact up to the configured number of resamples, a random
  sample of flips beyond). It is valid if a seed's mean is equally likely to have either sign under the null.
- Decision: ``supported`` or ``contradicted`` if p is at most 1 − confidence, else ``undecided``. The least p of n seeds
  is 2^(1 − n), so fewer than six seeds decide nothing at .05; the column ``decidable`` says so.
- q-value: decisions are not corrected for the number of claims, so one in twenty false claims is decided. If all claims
  with at most this q-value are called decided, at most this share of them is expected to be so by chance (Benjamini &
  Hochberg 1995). This is proved for independent tests and some kinds of dependence (Benjamini & Yekutieli 2001). Here
  tests share runs, layers and measures, so it is a guide, not a guarantee.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from ..catalogue import claims, measures
from ..catalogue.claims import CLAIMS, CONTRADICTED, DESCENT, SUPPORTED, TRANSITION, UNDECIDED
from ..catalogue.events import PERFECT_FIT_FIRST, PERFECT_FIT_SUSTAINED, TEST_DIP
from ..catalogue.scores import SCORES, TEST_ACCURACY_BEST
from ..records import inner_layers
from ..records.findings import FINDINGS, PAIRS
from ..runtime.progress import LOG
from .pairing import Comparison, differences, levels, pairs
from .rate_matching import matchings

if TYPE_CHECKING:
    from ..config.sections import Contrast, Findings
    from ..config.study import Run

# Scores of a run's history that decide which runs are compared.
FACTS = (PERFECT_FIT_FIRST, TEST_ACCURACY_BEST, TEST_DIP, PERFECT_FIT_SUSTAINED)
Finding = tuple[dict[str, Any], pd.DataFrame]  # a row of ``FINDINGS`` without q, and its ``pairs``


def values(scores: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """One row for each run, measure and score: arch, optimizer, seed, measure, score, value."""
    frames = []
    for run, frame in scores.items():
        layers = inner_layers.rows(frame.dropna(subset=["layer"]))
        of_layers = layers.groupby(["measure", "score"])["value"].mean().reset_index()
        of_run = frame[frame["layer"].isna() & frame["measure"].notna()][["measure", "score", "value"]]
        both = pd.concat([of_layers, of_run]).assign(arch=run.arch, optimizer=run.optimizer, seed=run.seed)
        frames.append(both)
    return pd.concat(frames, ignore_index=True)


def facts(scores: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """One row for each run: arch, optimizer, seed and ``FACTS``."""
    rows = []
    for run, frame in scores.items():
        found = frame[frame["measure"].isna()].set_index("score")["value"]
        history = {name: found.get(name, np.nan) for name in FACTS}
        rows.append({"arch": run.arch, "optimizer": run.optimizer, "seed": run.seed} | history)
    return pd.DataFrame(rows)


def test(d: pd.Series, settings: Findings) -> dict[str, Any]:
    """Mean over seeds of differences (indexed by seed), its bootstrap interval and its sign-flip p-value."""
    seeds = d.groupby(level=0).mean().to_numpy(dtype=float)
    n = len(seeds)
    found: dict[str, Any] = {"estimate": float(seeds.mean()) if n else None, "n_pairs": len(d), "n_seeds": n}
    if n < 2:
        return found | {"ci_low": None, "ci_high": None, "p_value": None}
    random = np.random.default_rng(settings.seed)
    interval = stats.bootstrap(
        (seeds,), np.mean, confidence_level=settings.confidence, n_resamples=settings.resamples,
        method="percentile", rng=random,
    ).confidence_interval  # fmt: skip
    flips = stats.permutation_test(
        (seeds,), np.mean, permutation_type="samples", n_resamples=settings.resamples, rng=random
    )
    low, high = float(interval.low), float(interval.high)
    return found | {"ci_low": low, "ci_high": high, "p_value": float(flips.pvalue)}


def decidable(n: int, confidence: float) -> bool:
    """Whether n seeds can reach p = 1 − confidence."""
    return n > 1 and 2 ** (1 - n) <= 1 - confidence + 1e-12


def decide(tested: Mapping[str, Any], direction: int, confidence: float) -> str:
    """Decide a claim from its test.

    Args:
        tested: returned by :func:`test`.
        direction: 1 if a greater score supports the claim, -1 if a smaller one does.
        confidence: 1 minus the largest p of a decision.
    """
    p = tested["p_value"]
    if not decidable(tested["n_seeds"], confidence) or p is None or p > 1 - confidence + 1e-12:
        return UNDECIDED
    return SUPPORTED if tested["estimate"] * direction > 0 else CONTRADICTED


def verdict(decision: str, n: int, confidence: float) -> str:
    """A decision at n seeds, in words."""
    if decision != UNDECIDED:
        return decision
    words = f"{decision} at {n} seed{'s' if n != 1 else ''}"
    return words if decidable(n, confidence) else f"{words}: too few to reach p = {1 - confidence:.2g}"


def compare(
    runs: pd.DataFrame, comparison: Comparison, scores: Mapping[str, Sequence[str]], of: Sequence[str],
    settings: Findings,
) -> Iterator[Finding]:  # fmt: skip
    """Test all scores of these claims, under every measure, for one comparison.

    Args:
        runs: returned by :func:`values`, of the compared runs, with the column ``level``.
        comparison: the levels.
        scores: claim -> scores.
        of: measures, including those that no run has.
        settings: the section ``findings`` of the config.

    Raises:
        KeyError: if a score is unknown.
    """
    confidence = settings.confidence
    held = {name: getattr(comparison, name) for name in ("factor", "first", "second", "matching")}
    words = claims.contrast(**held)
    of_score = dict(iter(runs.groupby(["measure", "score"])))
    for claim, names in scores.items():
        for measure in of:
            for score in names:
                found = pairs(of_score.get((measure, score), runs.iloc[:0]), comparison)
                tested = test(differences(found), settings)
                decision = decide(tested, SCORES[score].direction, confidence)
                row = {"claim": claim, "measure": measure, "score": score, "level": None, **held, **tested}
                row |= {"decision": decision, "decidable": decidable(tested["n_seeds"], confidence)}
                row |= {"verdict": verdict(decision, tested["n_seeds"], confidence)}
                yield row | {"contrast": words, "compared": comparison.compared}, found


def find(
    frame: pd.DataFrame, contrasts: Sequence[Contrast], settings: Findings,
    of_runs: pd.DataFrame | None = None, families: Mapping[str, str] | None = None,
    rates: Mapping[tuple[str, str], float] | None = None,
) -> Iterator[Finding]:  # fmt: skip
    """Rows of the findings table, each with the pairs of its estimate.

    Args:
        frame: returned by :func:`values`.
        contrasts: of the study.
        settings: the section ``findings`` of the config.
        of_runs: returned by :func:`facts`; None leaves out the matchings and the claims about dips.
        families: optimizer -> family; None makes each optimizer its own family.
        rates: (arch, optimizer) -> learning rate.

    Raises:
        KeyError: if the frame has an unknown measure.
    """
    families = families or {name: name for name in frame["optimizer"].unique()}
    of = measures.in_order(frame["measure"])

    def runs(factor: str) -> pd.DataFrame:
        return frame.assign(level=levels(frame, factor, families, of_runs))

    for contrast in contrasts:
        factor, compared = contrast.factor, _compared(contrast.factor)
        if factor == claims.ARCH or of_runs is None:
            yield from compare(runs(factor), Comparison(factor, *contrast.levels), compared, of, settings)
            continue
        for matching in matchings(of_runs, families, contrast.levels):
            of_rates, words = matching.describe(rates or {}), claims.contrast(factor, *contrast.levels, matching.name)
            comparison = Comparison(factor, *contrast.levels, matching.name, of_rates)
            LOG.info("%s compares %s", words, of_rates or "nothing: no rate fits with every seed")
            yield from compare(matching.restrict(runs(factor)), comparison, compared, of, settings)
    alone = {TRANSITION.name: TRANSITION.alone}
    for arch in frame["arch"].drop_duplicates():
        of_arch = runs(claims.ARCH)
        yield from compare(of_arch[of_arch["arch"] == arch], Comparison(claims.ARCH, arch), alone, of, settings)
    if of_runs is not None and of_runs[TEST_DIP].notna().any():
        of_dips, alone = runs(claims.DIP), {DESCENT.name: DESCENT.alone}
        yield from compare(of_dips, Comparison(claims.DIP, claims.WITH), alone, of, settings)
        dips = Comparison(claims.DIP, claims.WITH, claims.WITHOUT)
        yield from compare(of_dips, dips, _compared(claims.DIP), of, settings)
    else:
        LOG.info("not tested, since test accuracy dips in no run: %s", DESCENT.name)


def _compared(factor: str) -> dict[str, tuple[str, ...]]:
    """Claim -> scores, for the claims that compare levels of this factor."""
    return {claim.name: claim.compared for claim in CLAIMS.values() if factor in claim.factors}


def q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """The q-value of each p-value (Benjamini & Hochberg 1995); None where there is none."""
    known = np.array([p for p in p_values if p is not None])
    adjusted = iter(stats.false_discovery_control(known).tolist() if len(known) else [])
    return [None if p is None else next(adjusted) for p in p_values]


def tables_of(found: Sequence[Finding]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The tables ``FINDINGS``, with q-values, and ``PAIRS``."""
    rows = [row for row, _ in found]
    q = np.array(q_values([row["p_value"] for row in rows]), dtype=float)  # NaN for None
    findings = pd.DataFrame(rows, columns=FINDINGS.names).assign(q_value=q)
    keys = [name for name in PAIRS.names if name in FINDINGS.names]
    made_of = [pairs.assign(**{name: row[name] for name in keys}) for row, pairs in found if len(pairs)]
    return findings, pd.concat(made_of)[PAIRS.names] if made_of else pd.DataFrame(columns=PAIRS.names)
