"""The table of findings in sentences: each claim, and each comparison that decides it.

A sentence is the claim as the catalogue has it, the levels that are compared, the decision and, as evidence, estimate,
interval, seeds and adjusted p. Everything in it is a column of the table or an entry of the catalogue.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from ..catalogue.claims import CLAIMS, CONTRADICTED, MATCHINGS, SUPPORTED, UNDECIDED, places
from ..catalogue.factors import ARCH, DATA, OPTIMIZER
from ..catalogue.measures import Measure
from ..catalogue.scores import SCORES
from ..pages.numbers import interval, number, probability
from ..stages.lab_book import decided_by
from . import addresses

AT = {ARCH: "in", OPTIMIZER: "under", DATA: "on"}  # how a level of each factor is said
DECISIONS = (SUPPORTED, CONTRADICTED, UNDECIDED)  # in the order of the page

Row = Mapping[Hashable, Any]


@dataclass(frozen=True)
class Sentence:
    """One comparison.

    Attributes:
        address: its id in the page.
        words: what is compared, which goes on where the claim ends; empty if nothing is.
        decision: one of ``DECISIONS``.
        reason: why nothing can be decided; empty where the data decide.
        evidence: estimate, interval, seeds and what else bears on it, in parts.
        levels: factor -> the levels of it that are compared, or at which others are; of optimizers their families.
    """

    address: str
    words: str
    decision: str
    reason: str
    evidence: list[str]
    levels: dict[str, list[str]]


@dataclass(frozen=True)
class ClaimFound:
    """A claim and what was found of it.

    Attributes:
        address: its id in the page.
        words: the claim as a sentence without a full stop.
        outcome: in how many comparisons it is decided how, as a sentence.
        by: what decides it; empty where the study has no test of it.
        sentences: the comparisons, decided ones first.
    """

    address: str
    words: str
    outcome: str
    by: str
    sentences: list[Sentence]

    @property
    def decided(self) -> list[Sentence]:
        """The comparisons that decide something."""
        return [sentence for sentence in self.sentences if sentence.decision != UNDECIDED]

    @property
    def undecided(self) -> list[Sentence]:
        """The others."""
        return [sentence for sentence in self.sentences if sentence.decision == UNDECIDED]


def of_table(frame: pd.DataFrame, confidence: float, measures: Mapping[str, Measure]) -> list[ClaimFound]:
    """Every claim of a table of findings, in its order.

    Args:
        frame: the table.
        confidence: of its intervals.
        measures: those of the study, by name.
    """
    primary = frame[frame["primary"].astype(bool)]
    found = []
    for name, part in primary.groupby("claim", sort=False):
        claim = CLAIMS[str(name)]
        sentences = [_sentence(row, confidence) for row in part.to_dict("records")]
        decided = Counter(sentence.decision for sentence in sentences)
        tested = part["score"].notna().any()
        found.append(
            ClaimFound(
                address=addresses.of("claim", claim.name),
                words=claim.name[0].upper() + claim.name[1:],
                outcome=_outcome(decided, len(sentences)) if tested else "",
                by=decided_by(claim, measures) if tested else "",
                sentences=sorted(sentences, key=lambda sentence: DECISIONS.index(sentence.decision)),
            )
        )
    return found


def _outcome(decided: Counter[str], tried: int) -> str:
    """In how many comparisons a claim is decided how."""
    if tried == 1:
        return f"{next(iter(decided)).capitalize()} in the one comparison that there is."
    counts = [f"{decision} in {decided[decision]}" for decision in DECISIONS if decided[decision]]
    if len(counts) == 1:
        return f"{next(iter(decided)).capitalize()} in all {tried} comparisons."
    return f"Of {tried} comparisons, {', '.join(counts[:-1])} and {counts[-1]}."


def _sentence(row: Row, confidence: float) -> Sentence:
    """A primary row."""
    return Sentence(
        address=addresses.of("claim", row["claim"], row["contrast"].replace("−", "vs")),
        words=compared(row),
        decision=row["decision"],
        reason=row["reason"] if pd.notna(row["reason"]) else "",
        evidence=_evidence(row, confidence),
        levels=_levels(row),
    )


def _levels(row: Row) -> dict[str, list[str]]:
    """Factor -> its levels in a row."""
    columns = (("factor", ("first", "second")), ("other", ("level", "level_second")), ("held", ("held_level",)))
    return {
        row[factor]: [row[level] for level in levels if pd.notna(row[level])]
        for factor, levels in columns
        if pd.notna(row[factor])
    }


def compared(row: Row) -> str:
    """What a row compares, in words that go on where the claim ends; empty if nothing is."""
    if pd.isna(row["factor"]):
        return ""
    interacts = pd.notna(row["level_second"])
    levels = {name: row[name] if pd.notna(row[name]) else None for name in ("other", "level", "held", "held_level")}
    at = places(levels["other"], levels["level"], None, levels["held"], levels["held_level"])
    if interacts:
        del at[row["other"]]
    of = AT[row["factor"]]
    words = f"{of} {row['first']}"
    if pd.notna(row["second"]):
        words += (
            f" than {of} {row['second']}" if CLAIMS[row["claim"]].test == "levels" else f", against {row['second']}"
        )
    if interacts:
        by = AT[row["other"]]
        words += f", more so {by} {row['level']} than {by} {row['level_second']}"
    words += "".join(f", {AT[factor]} {level}" for factor, level in at.items())
    return words + (f", {MATCHINGS[row['matching']]}" if pd.notna(row["matching"]) else "")


def _evidence(row: Row, confidence: float) -> list[str]:
    """The numbers of a row, and what else bears on it."""
    parts: list[str] = []
    if pd.notna(row["estimate"]):
        of = SCORES[row["score"]]
        less = " (less is more)" if of.direction < 0 else ""
        parts.append(f"estimate {number(row['estimate'])}{less}")
        if pd.notna(row["ci_low"]):
            parts.append(f"{100 * confidence:g} % interval {interval(row['ci_low'], row['ci_high'])}")
    if row["n_seeds"]:
        parts.append(f"{row['n_seeds']} seed{'s' if row['n_seeds'] != 1 else ''}")
    if pd.notna(row["p_adjusted"]):
        p = probability(row["p_adjusted"])
        parts.append(f"adjusted p {p if p.startswith('<') else f'= {p}'}")
    if pd.notna(row["n_left_out"]) and row["n_left_out"]:
        parts.append(f"{row['n_left_out']:.0f} run{'s' if row['n_left_out'] != 1 else ''} left out")
    if pd.notna(row["holds"]):
        parts.append(row["holds"])
    if pd.notna(row["compared"]) and pd.isna(row["level_second"]):
        parts.append(row["compared"])
    return parts
