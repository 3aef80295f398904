"""Tests of claims about the grid, with seeds as replicates.

``catalogue/claims.py`` declares the claims, and for each the one measure and score that decide it. Claims about levels
of a factor are tested for every contrast of the study at each level of the other factors, and by their interaction:
whether the difference at one level is that at another. Pooled over levels, opposite differences would cancel. Runs that
are compared share everything but the contrast's factor, whichever that is (``pairing.py``). Contrasts of optimizers are
between families. If a family has several members, the two are compared at equal speed of fit, which is primary then, at
best test accuracy, and over all members (``rate_matching.py``). A run's value of a layer's score is the mean over the
layers of its body.

- Differences of seeds are tested by sign flips, with intervals from subset means (``sign_flips.py``). Pairs of one seed
  share initial weights, order and data, so they are averaged first.
- Synchrony is tested by permuting the seeds of each layer (``synchrony.py``), the stop of change by its regression on
  the run's own fit (``transition.py``), what wrong labels add against the run without them (``twins.py``).
- Primary p-values are adjusted: by max-T over all comparisons of levels together, and within its claim for each claim
  about single cells or fits. So for each of these families the chance of a false decision is at most 1 − confidence.
- Decision: ``supported`` or ``contradicted`` if the adjusted p is at most 1 − confidence, else ``undecided``;
  ``reason`` says why where the data could not decide. The least p of n seeds is 2^(1 − n): fewer than six decide
  nothing at .05.
- All other rows are exploratory: they have a q-value over all exploratory rows (Benjamini & Hochberg 1995), and neither
  adjusted p nor decision. Their tests share runs, layers and measures, so q is a guide, not a guarantee.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..catalogue import claims
from ..catalogue.claims import (
    CLAIMS,
    CONTRADICTED,
    EQUAL_SPEED,
    SUPPORTED,
    SYNCHRONY,
    UNDECIDED,
    Claim,
)
from ..catalogue.events import EVENTS
from ..catalogue.factors import ARCH, DATA, FACTORS, OPTIMIZER
from ..catalogue.measures import MEASURES, Measure, in_order
from ..catalogue.scores import LATENT_GENERALIZATION, SCORES, TEST_ACCURACY_BEST, TEST_ACCURACY_END
from ..records.findings import FINDINGS, LEFT_OUT, PAIRS
from ..records.layer_names import RUN
from . import rulers, sign_flips
from .false_discovery import q_values
from .pairing import SIDES, UNNAMED, Comparison, differences, of_level, pairs, with_levels
from .rate_matching import Matching, matchings
from .synchrony import LEAST_SEEDS

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Contrast, Findings

# Scores of a run's history: which runs are compared, why a run has no score, and trends of accuracy.
FACTS = (*EVENTS, TEST_ACCURACY_BEST, TEST_ACCURACY_END)
TOO_FEW = "too few seeds"
ALONE = "has no partner with a value"
HOLDS = ("holds_under", "holds_of", "holds_not", "holds")


@dataclass(kw_only=True)
class Finding:
    """A row of the table of findings, and what it is made of.

    Attributes:
        claim: tested.
        measure, score: by which.
        comparison: of which runs.
        primary: whether it decides the claim.
        found: ``pairs`` of the estimate.
        tested: estimate, ci_low, ci_high, p_value, n_seeds.
        reason: why nothing can be decided.
        compared: optimizers with their rates, in words.
        left_out: levels, seed and reason of the runs that should be in it and are not.
        flips: whether the p-value is that of sign flips of the seeds' differences.
        p_adjusted, q_value: given by :func:`adjust`.
        holds: columns that say under which measures its claim holds, given by :func:`compare_rulers`.
    """

    claim: Claim
    measure: str | None
    score: str | None
    comparison: Comparison
    primary: bool
    found: pd.DataFrame
    tested: dict[str, Any]
    reason: str | None = None
    compared: str | None = None
    left_out: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=[*RUN, "reason"]))
    flips: bool = True
    p_adjusted: float | None = None
    q_value: float | None = None
    holds: dict[str, Any] = field(default_factory=lambda: dict.fromkeys(HOLDS))

    @property
    def keys(self) -> dict[str, Any]:
        """The columns that it shares with its pairs."""
        return {"claim": self.claim.name, "measure": self.measure, "score": self.score} | self.comparison.columns()

    def row(self, confidence: float) -> dict[str, Any]:
        """Its row of ``FINDINGS``."""
        decision = self.decision(confidence) if self.primary else None
        return {
            **self.keys,
            "primary": self.primary,
            **self.tested,
            "p_adjusted": self.p_adjusted,
            "q_value": self.q_value,
            "n_pairs": len(self.found),
            "n_left_out": len(self.left_out) if self.primary else None,
            "decision": decision,
            "reason": self.reason if self.primary else None,
            **self.holds,
            "compared": self.compared,
            "contrast": claims.contrast(**self.comparison.columns()),
            "verdict": "exploratory" if decision is None else verdict(decision, self.reason),
        }

    def decision(self, confidence: float) -> str:
        """Supported, contradicted or undecided, of a primary row."""
        p = self.p_adjusted
        if self.reason is not None or p is None or p > 1 - confidence + 1e-12:
            return UNDECIDED
        assert self.score is not None
        # Tests other than sign flips are against one side, so they reject towards the claim only.
        ahead = not self.flips or self.tested["estimate"] * SCORES[self.score].direction > 0
        return SUPPORTED if ahead else CONTRADICTED


def verdict(decision: str, reason: str | None) -> str:
    """A decision in words."""
    return decision if reason is None else f"{decision}: {reason}"


def values(scores: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """One row for each run, measure and score: arch, optimizer, data, seed, measure, score, value.

    Scores of layers are means over the layers of the body; latent generalization, over the deeper half of these.
    """
    frames = []
    for run, frame in scores.items():
        body = frame[frame["part"] == "body"]
        depths = np.sort(body["depth"].dropna().unique())
        deeper = body["depth"] >= (depths[len(depths) // 2] if len(depths) else 0)
        body = body[deeper | (body["score"] != LATENT_GENERALIZATION)]
        of_layers = body.groupby(["measure", "score"], dropna=False)["value"].mean().reset_index()
        of_run = frame[frame["layer"].isna() & frame["measure"].notna()][["measure", "score", "value"]]
        both = pd.concat([of_layers, of_run]).assign(**named(run))
        frames.append(both)
    return pd.concat(frames, ignore_index=True)


def named(run: Run) -> dict[str, str | int]:
    """The columns that say of which run a row is."""
    return {DATA: UNNAMED} | run.facts


def facts(scores: Mapping[Run, pd.DataFrame]) -> pd.DataFrame:
    """One row for each run: arch, optimizer, data, seed and ``FACTS``."""
    rows = []
    for run, frame in scores.items():
        found = frame[frame["measure"].isna() & frame["layer"].isna()].set_index("score")["value"]
        history = {name: found.get(name, np.nan) for name in FACTS}
        rows.append(named(run) | history)
    return pd.DataFrame(rows)


def test(d: pd.Series, settings: Findings) -> dict[str, Any]:
    """Mean of the seeds' differences, its interval, and its sign-flip p-value; p is None below two seeds."""
    of_seeds = d.to_numpy(dtype=float)
    n = len(of_seeds)
    ends = sign_flips.interval(of_seeds, settings.confidence, settings.resamples, settings.seed)
    low, high = (None, None) if ends is None else ends
    p = sign_flips.p_value(of_seeds, settings.resamples, settings.seed) if n > 1 else None
    estimate = float(of_seeds.mean()) if n else None
    return {"estimate": estimate, "ci_low": low, "ci_high": high, "p_value": p, "n_seeds": n}


def obstacle(n: int, confidence: float, *, one_sided: bool = False) -> str | None:
    """Why n seeds cannot decide; None if they can."""
    least = sign_flips.least_seeds(confidence) - one_sided  # a one-sided p is half as large
    if n >= least:
        return None
    return f"{TOO_FEW}, {n} of the {least} that p = {1 - confidence:.2g} takes"


def why_without(claim: Claim, run: Mapping[Hashable, Any], otherwise: str = "score is undefined") -> str:
    """Why a run has no score: an event that the claim needs, or else what is said otherwise.

    Args:
        claim: that needs the score.
        run: its row of :func:`facts`.
        otherwise: the reason if all events took place.
    """
    missing = [EVENTS[event].label for event in claim.needs if pd.isna(run[event])]
    if not missing:
        return otherwise
    # Of a history with accuracies it is known whether events took place.
    is_known = pd.notna(run[TEST_ACCURACY_BEST])
    return f"{'did not happen' if is_known else 'not known'}: {', '.join(missing)}"


def nobody(left_out: pd.DataFrame) -> str:
    """The reason of a finding without any pair: the most frequent one of the runs left out.

    That a run's partner has no value says nothing of why; it is the reason where no other is known.
    """
    reasons = left_out["reason"]
    known = reasons[reasons != ALONE]
    return f"no run has the score: {(reasons if known.empty else known).mode()[0]}"


class ClaimTests:
    """The tests of a study's claims."""

    def __init__(
        self, frame: pd.DataFrame, of_runs: pd.DataFrame, families: Mapping[str, str], settings: Findings,
        known: Mapping[str, Measure] = MEASURES,
    ) -> None:  # fmt: skip
        """Set up.

        Args:
            frame: returned by :func:`values`, with scores that need several runs added.
            of_runs: returned by :func:`facts`; every run of the study.
            families: optimizer -> family.
            settings: the section ``findings`` of the config.
            known: the measures of the study, in order.

        Raises:
            KeyError: if a measure is not known.
        """
        self.runs, self.families, self.settings = with_levels(of_runs, families), families, settings
        self.known = known
        self.measures = in_order(frame["measure"].dropna(), known)
        of_families = with_levels(frame, families)
        self._of_score = dict(iter(of_families.fillna({"measure": ""}).groupby(["measure", "score"])))
        self._none = of_families.iloc[:0]

    def of_score(self, measure: str | None, score: str) -> pd.DataFrame:
        """Runs with their ``value`` of a score."""
        return self._of_score.get((measure or "", score), self._none)

    def ways(self, claim: Claim) -> Iterator[tuple[str | None, str]]:
        """Each measure and score of a claim, the primary one first."""
        yield claim.primary
        measure, score = claim.primary
        under = [None] if measure is None else self.measures
        for each in (score, *claim.exploratory):
            yield from ((name, each) for name in under if (name, each) != claim.primary)

    def compare(
        self, claim: Claim, comparison: Comparison, matching: Matching | None = None, *, primary: bool = True,
        compared: str | None = None,
    ) -> Iterator[Finding]:  # fmt: skip
        """Test one comparison under each measure and score of the claim, by sign flips of seeds."""
        for measure, score in self.ways(claim):
            runs = self.of_score(measure, score)
            found = pairs(runs if matching is None else matching.restrict(runs), comparison)
            tested = test(differences(found), self.settings)
            decides = primary and (measure, score) == claim.primary
            finding = Finding(
                claim=claim, measure=measure, score=score, comparison=comparison, primary=decides, found=found,
                tested=tested, reason=obstacle(tested["n_seeds"], self.settings.confidence), compared=compared,
            )  # fmt: skip
            if decides:
                finding.left_out = self._left_out(claim, comparison, runs, found, matching)
                if found.empty and len(finding.left_out):
                    finding.reason = nobody(finding.left_out)
            yield finding

    def _left_out(
        self, claim: Claim, comparison: Comparison, runs: pd.DataFrame, found: pd.DataFrame, matching: Matching | None
    ) -> pd.DataFrame:
        """The runs of a comparison that are in none of its pairs, with the reason."""
        assert comparison.factor is not None
        wanted = self.runs if matching is None else matching.restrict(self.runs)
        for factor, levels in itertools.groupby(comparison.at, key=lambda place: place[0]):
            wanted = pd.concat([of_level(wanted, factor, level) for _, level in levels])
        sides = [side for side in (comparison.first, comparison.second) if side is not None]
        wanted = pd.concat([of_level(wanted, comparison.factor, side) for side in sides])
        used = {
            (*(row[f"{factor}_{side}"] for factor in FACTORS), row["seed"])
            for side in ("first", "second")
            for row in found[[*SIDES, "seed"]].to_dict("records")
        }
        valued = set(runs.dropna(subset=["value"])[[*RUN]].itertuples(index=False, name=None))
        rows = []
        for run in wanted.to_dict("records"):
            key = tuple(run[name] for name in RUN)
            if key in used:
                continue
            reason = ALONE if key in valued else why_without(claim, run)
            rows.append((*key, reason))
        return pd.DataFrame(rows, columns=[*RUN, "reason"])

    def levels(
        self, claim: Claim, contrasts: Sequence[Contrast], rates: Mapping[tuple[str, str], float]
    ) -> Iterator[Finding]:
        """Test a claim for each contrast, at each level of the other factors, and the interactions."""
        for comparison, matching, decides in self.comparisons(contrasts):
            words = None if matching is None else matching.describe(rates, comparison.at)
            yield from self.compare(claim, comparison, matching, primary=decides, compared=words)

    def comparisons(self, contrasts: Sequence[Contrast]) -> Iterator[tuple[Comparison, Matching | None, bool]]:
        """Each contrast at each level of the other factors, and the interactions.

        With each goes how its optimizers are matched, None for other factors, and whether it may decide claims.
        """
        for contrast in contrasts:
            if contrast.factor != OPTIMIZER:
                yield from ((comparison, None, True) for comparison in self._comparisons(contrast, contrasts))
                continue
            found = list(matchings(self.runs, self.families, contrast.levels))
            decisive = EQUAL_SPEED if len(found) > 1 else None
            for matching in found:
                for comparison in self._comparisons(contrast, contrasts, matching.name):
                    yield comparison, matching, matching.name == decisive

    def _comparisons(
        self, contrast: Contrast, contrasts: Sequence[Contrast], matching: str | None = None
    ) -> Iterator[Comparison]:
        """A contrast at each level of the other factors, then its interactions.

        A difference of differences is the same whichever factor it begins with, so each is tested once: of optimizers
        by architecture, and of either by data.
        """
        other = claims.OTHER[contrast.factor]
        (held,) = (factor for factor in FACTORS if factor not in (contrast.factor, other))
        both = partial(Comparison, contrast.factor, *contrast.levels, matching=matching)
        for level, at in itertools.product(self._levels(other), self._held(held)):
            yield both(level, other=other, **at)
        across = {OPTIMIZER: (ARCH, DATA), ARCH: (DATA,), DATA: ()}[contrast.factor]
        for factor in across:
            (held,) = (name for name in FACTORS if name not in (contrast.factor, factor))
            pairs = [found.levels for found in contrasts if found.factor == factor]
            for pair, at in itertools.product(pairs, self._held(held)):
                yield both(*pair, other=factor, **at)

    def _levels(self, factor: str) -> list[str]:
        """The levels of a factor, optimizers' by family, in the order of the config."""
        if factor == OPTIMIZER:
            return list(dict.fromkeys(self.families.values()))
        return [str(level) for level in self.runs[factor].drop_duplicates()]

    def _held(self, factor: str) -> list[dict[str, str]]:
        """The levels at which a third factor is held, as arguments of a comparison; none for data without names."""
        levels = self._levels(factor)
        return [{}] if levels == [UNNAMED] else [{"held": factor, "held_level": level} for level in levels]

    def cells(
        self, claim: Claim, one_sided: Mapping[tuple[str, str, str, str | None, str], float] | None = None
    ) -> Iterator[Finding]:
        """Test a claim for each architecture, optimizer and data.

        Args:
            claim: about one cell.
            one_sided: (arch, optimizer, data, measure, score) -> p of a test that replaces sign flips; a row without
                one has none.
        """
        of_cells = Counter(zip(*(self.runs[factor] for factor in FACTORS), strict=True))
        for (arch, optimizer, data), seeds in of_cells.items():
            held = {} if data == UNNAMED else {"held": DATA, "held_level": data}
            comparison = Comparison(ARCH, arch, level=optimizer, **held)
            of_cell = Matching(None, {(arch, data): ((optimizer,), ())})
            # Cells are of single optimizers, so levels of the other factor need no family.
            for finding in self.compare(claim, Comparison(ARCH, arch), of_cell):
                finding.comparison = comparison
                if one_sided is not None:
                    p = one_sided.get((arch, optimizer, data, finding.measure, str(finding.score)))
                    finding.flips, finding.tested = False, finding.tested | {"p_value": p}
                    few = f"{TOO_FEW}, {seeds} of {LEAST_SEEDS}" if seeds < LEAST_SEEDS else "score is undefined"
                    finding.reason = few if p is None else None
                yield finding


def find(
    tests: ClaimTests, contrasts: Sequence[Contrast], rates: Mapping[tuple[str, str], float],
    synchrony_p: Mapping[tuple[str, str, str, str | None, str], float], others: Iterable[Finding] = (),
) -> list[Finding]:  # fmt: skip
    """All findings of a study, in the order of the claims.

    Args:
        tests: of the study.
        contrasts: of the study.
        rates: (arch, optimizer) -> learning rate.
        synchrony_p: (arch, optimizer, data, measure, score) -> one-sided p-value.
        others: the findings of claims about fits (``fits.py``) and twins (``twin_tests.py``).
    """
    found: list[Finding] = []
    of_others = list(others)
    for claim in CLAIMS.values():
        match claim.test:
            case "levels":
                found += tests.levels(claim, contrasts, rates)
            case "cell":
                found += tests.cells(claim, synchrony_p if claim is SYNCHRONY else None)
            case "fit" | "twin":
                found += [finding for finding in of_others if finding.claim is claim]
    adjust(found, tests.settings)
    compare_rulers(found, tests.known, tests.settings.confidence)
    return found


def compare_rulers(found: Sequence[Finding], known: Mapping[str, Measure], confidence: float) -> None:
    """Say of each primary row that could be tested under which measures its claim holds."""
    alike: dict[tuple[Any, ...], list[Finding]] = {}
    for finding in found:
        if not finding.primary:
            alike.setdefault((finding.claim.name, finding.score, finding.comparison), []).append(finding)
    for finding in found:
        if finding.primary and finding.reason is None:
            others = alike.get((finding.claim.name, finding.score, finding.comparison), [])
            holds = rulers.holds(finding, finding.decision(confidence), others, confidence)
            finding.holds = finding.holds if holds is None else holds.columns(known)


def adjust(found: Sequence[Finding], settings: Findings) -> None:
    """Give primary rows their adjusted p-value, and exploratory rows their q-value."""
    tested = [finding for finding in found if finding.tested["p_value"] is not None]
    primary = [finding for finding in tested if finding.primary and finding.reason is None]
    for family in _families(primary):
        if all(finding.flips for finding in family):
            d = [differences(finding.found) for finding in family]
            p_values = sign_flips.adjusted(d, settings.resamples, settings.seed)
        else:
            p_values = sign_flips.holm([finding.tested["p_value"] for finding in family])
        for finding, p in zip(family, p_values, strict=True):
            finding.p_adjusted = p
    exploratory = [finding for finding in tested if not finding.primary]
    q = q_values(pd.Series([finding.tested["p_value"] for finding in exploratory], dtype=float))
    for finding, value in zip(exploratory, q.tolist(), strict=True):
        finding.q_value = value


def _families(primary: Sequence[Finding]) -> list[list[Finding]]:
    """The primary rows that are adjusted together: all comparisons of levels, and each other claim by itself."""
    families: dict[str, list[Finding]] = {}
    for finding in primary:
        name = "levels" if finding.claim.test == "levels" else finding.claim.name
        families.setdefault(name, []).append(finding)
    return list(families.values())


def tables_of(found: Sequence[Finding], confidence: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The tables ``FINDINGS``, ``PAIRS`` and ``LEFT_OUT``."""
    rows = [finding.row(confidence) for finding in found]
    findings = pd.DataFrame(rows, columns=FINDINGS.names)
    made_of = [finding.found.assign(**finding.keys) for finding in found if len(finding.found)]
    left_out = [finding.left_out.assign(**finding.keys) for finding in found if len(finding.left_out)]
    return findings, _joined(made_of, PAIRS.names), _joined(left_out, LEFT_OUT.names)


def _joined(parts: list[pd.DataFrame], columns: list[str]) -> pd.DataFrame:
    """One table, in which data without a name are null."""
    return pd.concat(parts)[columns].replace({UNNAMED: None}) if parts else pd.DataFrame(columns=columns)
