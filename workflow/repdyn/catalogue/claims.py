"""Claims, and the scores that test them.

A claim compares two levels of a factor, or is about one level and tested by scores that are 0 by chance.
"""

from __future__ import annotations

from dataclasses import dataclass

from .events import PERFECT_FIT_SUSTAINED
from .scores import (
    ALIGNMENT,
    ALIGNMENT_OWN,
    BOUNDARY_SPREAD,
    CHANGE_DESCENT,
    CHANGE_MEMORIZATION,
    DEPTH_TREND,
    DISTINGUISHABILITY,
    NOVELTY,
    PROGRESS_GAP,
    SYNCHRONY,
    TRANSITION_FITTED,
    TRANSITION_OWN,
)

ARCH, OPTIMIZER, DIP = "arch", "optimizer", "dip"
WITH, WITHOUT = "with", "without"
# Levels that are not names of the grid -> their runs in words.
_OF_RUNS = {(DIP, WITH): "with a dip", (DIP, WITHOUT): "without"}
EQUAL_SPEED, BEST_ACCURACY = "equal_speed", "best_accuracy"
# How the optimizers of two families are matched -> in words.
MATCHINGS = {EQUAL_SPEED: "at equal speed of fit", BEST_ACCURACY: "at best test accuracy"}
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence that can be tested.

    Attributes:
        name: the sentence.
        factors: the claim compares their levels.
        compared: scores to compare between two levels.
        alone: scores of one level to compare with 0.
    """

    name: str
    factors: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    alone: tuple[str, ...] = ()


TRANSITION = Claim(
    name="perfect fit is a transition",
    alone=(TRANSITION_FITTED, ALIGNMENT[PERFECT_FIT_SUSTAINED], TRANSITION_OWN, ALIGNMENT_OWN),
)
DESCENT = Claim(
    name="deeper layers change more where test accuracy dips and recovers",
    factors=(DIP,),
    # This score needs no dip, so runs without one have it too.
    compared=(DEPTH_TREND[CHANGE_MEMORIZATION],),
    alone=(DEPTH_TREND[CHANGE_DESCENT],),
)
CLAIMS: dict[str, Claim] = {
    claim.name: claim
    for claim in (
        Claim(
            name="phases are more distinguishable",
            factors=(ARCH, OPTIMIZER),
            compared=(*DISTINGUISHABILITY.values(), NOVELTY),
        ),
        Claim(
            name="memorization changes layers more",
            factors=(ARCH, OPTIMIZER),
            compared=(CHANGE_MEMORIZATION,),
        ),
        Claim(
            name="layers change more in synchrony",
            factors=(ARCH, OPTIMIZER),
            compared=(SYNCHRONY, PROGRESS_GAP, BOUNDARY_SPREAD),
        ),
        TRANSITION,
        DESCENT,
    )
}


def in_words(factor: str, level: str) -> str:
    """The runs of a level, in words."""
    return f"runs {_OF_RUNS[factor, level]}" if (factor, level) in _OF_RUNS else level


def more(factor: str, level: str) -> str:
    """The meaning of an estimate above 0 for the first level of a comparison, in words."""
    return f"more {_OF_RUNS[factor, level]}" if (factor, level) in _OF_RUNS else f"more for {level}"


def contrast(factor: str, first: str, second: str | None, matching: str | None) -> str:
    """A comparison in words.

    Args:
        factor: of the levels.
        first: the level that a claim is about.
        second: the other level; None if the first is compared with 0.
        matching: how optimizers are matched; None if all are compared.

    Raises:
        KeyError: if there is no such matching.
    """
    if second is None:
        return in_words(factor, first) if (factor, first) in _OF_RUNS else f"{factor}: {first}"
    return f"{factor}: {first} - {second}" + (f", {MATCHINGS[matching]}" if matching is not None else "")
