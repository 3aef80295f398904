"""Claims about the grid, tested: is a score greater under one level of a factor than under another, or than chance?

Every contrast of the study is taken for every claim that compares, under every measure, for every score of its kind,
not for the one that shows it best. Runs are paired by everything but the contrast's factor (``pairing.py``). Contrasts
of optimizers are between families; where a family has several members they are also given at equal speed of fit and at
best test accuracy (``rate_matching.py``). Claims of a single level hold a score that is 0 by chance against 0: a
transition at perfect fit, for each architecture, by scores that hold it against all moments and by scores that hold it
against perfect fit of other runs (``crossover.py``); more change in deeper layers, over the runs in which test accuracy
dips and recovers (epoch-wise double descent), which is also held against the runs of the same architecture and seed in
which it does not. The latter differ in their optimizer, too: where runs dip under one optimizer only, as nearly on
digits, that is a contrast of optimizers under another name. A run's value of a layer score is the mean over its inner
layers (``records/inner_layers.py``). Claims, the scores that each is held to, and which way these speak are declared in
``catalogue``.

Seeds are the replicates. Pairs of one seed share initial weights, order or wrong labels, so they are not independent:
they are averaged, and whole seeds are resampled and flipped. Estimate: the mean over seeds; interval: percentile
bootstrap over seeds (too short for few seeds: of three it is their range); p-value: two-sided, from all sign flips of
the seeds' means (exact up to the configured number of resamples; a random sample of flips beyond), valid if, were the
claim false, a seed's mean were as likely to have either sign. The decision is ``supported`` or ``contradicted`` where p
lies at or below 1 − confidence, else ``undecided``; the least p of n seeds is 2^(1 − n), so below six seeds nothing can
be decided at .05, which the column ``decidable`` says. Claims are many, and decisions are not corrected for their
number: one in twenty that is not true would be decided all the same. The q-value says what their number comes to: were
every claim of the table with this q-value or a lower one called decided, at most this share of them would be so by
chance (Benjamini & Hochberg 1995). That is proved for independent tests and for some that err together (Benjamini &
Yekutieli 2001); these share runs, layers and measures, so that here it is a guide, no guarantee.
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

# What of a run's history decides what is compared.
FACTS = (PERFECT_FIT_FIRST, TEST_ACCURACY_BEST, TEST_DIP, PERFECT_FIT_SUSTAINED)
Finding = tuple[dict[str, Any], pd.DataFrame]  # a row of ``FINDINGS`` but for q, and what ``pairs`` returned


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
    """What a test says of a claim.

    Args:
        tested: what :func:`test` returned.
        direction: whether more of the score is more (1) or less (-1) of the claim.
        confidence: 1 minus the p at which a claim is decided.
    """
    p = tested["p_value"]
    if not decidable(tested["n_seeds"], confidence) or p is None or p > 1 - confidence + 1e-12:
        return UNDECIDED
    return SUPPORTED if tested["estimate"] * direction > 0 else CONTRADICTED


def verdict(decision: str, n: int, confidence: float) -> str:
    """A decision at n seeds, for people."""
    if decision != UNDECIDED:
        return decision
    words = f"{decision} at {n} seed{'s' if n != 1 else ''}"
    return words if decidable(n, confidence) else f"{words}: too few to reach p = {1 - confidence:.2g}"


def compare(
    runs: pd.DataFrame, comparison: Comparison, scores: Mapping[str, Sequence[str]], of: Sequence[str],
    settings: Findings,
) -> Iterator[Finding]:  # fmt: skip
    """All of these claims' scores, under every measure, for one comparison.

    Args:
        runs: what ``values`` returned, of the runs that are compared, with the column ``level``.
        comparison: of which levels.
        scores: claim -> scores.
        of: measures, whether or not there are runs that have them.
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
    """Rows of the findings table, each with the pairs that its estimate is made of.

    Args:
        frame: what ``values`` returned.
        contrasts: of the study.
        settings: the section ``findings`` of the config.
        of_runs: what ``facts`` returned; None leaves out what needs it.
        families: optimizer -> family; None makes each its own.
        rates: (arch, optimizer) -> learning rate.

    Raises:
        KeyError: if the frame has a measure that is unknown.
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
            LOG.info("%s compares %s", words, of_rates or "nothing: no rate fits everywhere")
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
        LOG.info("left out: %s, since it does so in no run", DESCENT.name)


def _compared(factor: str) -> dict[str, tuple[str, ...]]:
    """Claim -> scores, of the claims that compare levels of a factor."""
    return {claim.name: claim.compared for claim in CLAIMS.values() if factor in claim.factors}


def q_values(p_values: Sequence[float | None]) -> list[float | None]:
    """What each p-value comes to among all of them, by Benjamini & Hochberg 1995; None where there is none."""
    known = np.array([p for p in p_values if p is not None])
    adjusted = iter(stats.false_discovery_control(known).tolist() if len(known) else [])
    return [None if p is None else next(adjusted) for p in p_values]


def tables_of(found: Sequence[Finding]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The columns of ``FINDINGS``, q-values among them, and of ``PAIRS``."""
    rows = [row for row, _ in found]
    q = np.array(q_values([row["p_value"] for row in rows]), dtype=float)  # NaN for None
    findings = pd.DataFrame(rows, columns=FINDINGS.names).assign(q_value=q)
    keys = [name for name in PAIRS.names if name in FINDINGS.names]
    made_of = [pairs.assign(**{name: row[name] for name in keys}) for row, pairs in found if len(pairs)]
    return findings, pd.concat(made_of)[PAIRS.names] if made_of else pd.DataFrame(columns=PAIRS.names)
