"""Claims, what each is tested by, and against what.

A claim has one primary measure and score. They are declared here, before any run that they are tested on, and only they
decide. All else that bears on a claim is exploratory: it has p- and q-values, and no verdict.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .events import MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED, SECOND_DESCENT_END, TEST_DIP
from .factors import ARCH, DATA, OPTIMIZER
from .scores import (
    CHANGE_BEYOND_SHIFTED,
    CHANGE_BEYOND_TWIN,
    CHANGE_MEMORIZATION,
    DISTINGUISHABILITY,
    LATENT_GENERALIZATION,
    NOVELTY,
    STOP_RATIO,
    STOP_SLOPE,
    SYNCHRONY_BEYOND,
    SYNCHRONY_STEADY,
    TREND_BEYOND_SHIFTED,
)

# Factor -> the one at whose levels it is compared; the third factor is held fixed beside it.
OTHER = {ARCH: OPTIMIZER, OPTIMIZER: ARCH, DATA: ARCH}
EQUAL_SPEED, BEST_ACCURACY = "equal_speed", "best_accuracy"
# How the optimizers of two families are matched -> in words.
MATCHINGS = {EQUAL_SPEED: "at equal speed of fit", BEST_ACCURACY: "at best test accuracy"}
SUPPORTED, CONTRADICTED, UNDECIDED = "supported", "contradicted", "undecided"


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A sentence that can be tested.

    Attributes:
        name: the sentence.
        test: how: scores of two ``levels`` of a factor are compared, at each level of the others; a score of each
            ``cell`` of the grid, an architecture, an optimizer and data, is compared with 0; a cell with wrong labels
            is compared with its ``twin`` without them (``analysis/twins.py``); or runs of an architecture are compared
            by when they ``fit`` (``analysis/transition.py``).
        primary: the measure and the score that decide; the measure is None for a score without one.
        exploratory: further scores. Those and the primary score are tested under all measures.
        needs: events without which a run has no primary score.
        null: what the score would be like if the claim were false, and why that is 0.
        obstacle: why a study without such twins has no test.
        unsaid: what the claim does not say; empty where its sentence says it all.
    """

    name: str
    test: Literal["levels", "cell", "twin", "fit"]
    primary: tuple[str | None, str]
    exploratory: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    null: str
    obstacle: str = ""
    unsaid: str = ""


_EXCHANGED = "the two runs of a seed could be exchanged, so their difference is as often above 0 as below"
PHASES = Claim(
    name="phases are more distinguishable",
    test="levels",
    primary=("cka", DISTINGUISHABILITY[2]),
    exploratory=(DISTINGUISHABILITY[3], NOVELTY),
    null=_EXCHANGED,
)
CHANGE = Claim(
    name="layers change more from before memorization to after perfect fit",
    test="levels",
    primary=("cka", CHANGE_MEMORIZATION),
    needs=(MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED),
    null=_EXCHANGED,
)
SYNCHRONY = Claim(
    name="layers change in synchrony",
    test="cell",
    primary=("cka", SYNCHRONY_BEYOND),
    exploratory=(SYNCHRONY_STEADY,),
    null="layers of one run are no more alike in when they change than layers of different seeds",
)
SYNCHRONY_MORE = Claim(
    name="layers change more in synchrony",
    test="levels",
    primary=("cka", SYNCHRONY_BEYOND),
    exploratory=(SYNCHRONY_STEADY,),
    null=_EXCHANGED,
)
TRANSITION = Claim(
    name="change stops at perfect fit",
    test="fit",
    primary=("cka", STOP_SLOPE),
    exploratory=(STOP_RATIO,),
    needs=(PERFECT_FIT_SUSTAINED,),
    null="the moment at which change stops does not move with a run's own fit, or lies elsewhere",
)
LATENT = Claim(
    name="hidden layers read the true classes better than the network while it memorizes wrong ones",
    test="cell",
    primary=(None, LATENT_GENERALIZATION),
    needs=(MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED),
    null="a linear probe on hidden layers is as often worse on test images as it is better",
)
MEMORIZED = Claim(
    name="wrong labels make layers change further while they are memorized",
    test="twin",
    primary=("cka", CHANGE_BEYOND_TWIN),
    exploratory=(CHANGE_BEYOND_SHIFTED,),
    needs=(MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED),
    null="the two runs of a seed, with and without wrong labels, could be exchanged, so that one changes as often "
    "further than the other between these two epochs as less far",
    obstacle="no runs without wrong labels",
    unsaid="It does not say by what path: layers that go through the same path, only later, count as well; whether "
    "there is more is the exploratory test at every shift. Nor does it say that memorization alone does it: jitter "
    "that wrong labels bring at all epochs counts, too.",
)
DESCENT = Claim(
    name="deeper layers change more where test accuracy dips and recovers",
    test="twin",
    primary=("cka", TREND_BEYOND_SHIFTED),
    needs=(TEST_DIP, SECOND_DESCENT_END, PERFECT_FIT_SUSTAINED),
    null="the rate of change grows no more steeply with depth than it does without wrong labels, at the same epochs, "
    "at the same stage of fitting, or somewhere in between",
    obstacle="no runs without wrong labels; within a run, change grows with depth over any two checkpoints",
    unsaid="It does not say that the dip is the cause: memorization takes place there, too.",
)
CLAIMS: dict[str, Claim] = {
    claim.name: claim for claim in (PHASES, CHANGE, SYNCHRONY_MORE, SYNCHRONY, TRANSITION, LATENT, MEMORIZED, DESCENT)
}


def level_in_words(level: str | None, level_second: str | None) -> str | None:
    """The level of the other factor, in words; for an interaction, whose difference is taken from whose."""
    return level if level_second is None else f"{level} − {level_second}"


def places(
    other: str | None, level: str | None, level_second: str | None, held: str | None, held_level: str | None
) -> dict[str, str]:
    """Factor -> its level at which a comparison is made, in words; its arguments are columns of the findings."""
    at = level_in_words(level, level_second)
    found = {other: at, held: held_level}
    return {factor: words for factor, words in found.items() if factor is not None and words is not None}


def contrast(
    factor: str | None,
    first: str | None,
    second: str | None,
    other: str | None,
    level: str | None,
    level_second: str | None,
    held: str | None,
    held_level: str | None,
    matching: str | None,
) -> str:
    """A comparison in words; its arguments are the columns of the table of findings.

    Raises:
        KeyError: if there is no such matching.
    """
    if factor is None:
        return "all runs"
    words = f"{factor}: {first}" + (f" − {second}" if second is not None else "")
    at = places(other, level, level_second, held, held_level)
    words = ", ".join([words, *(f"{name}: {where}" for name, where in at.items())])
    return words + (f", {MATCHINGS[matching]}" if matching is not None else "")
