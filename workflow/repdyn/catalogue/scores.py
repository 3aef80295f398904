"""Scores: the formula, scope and direction of each.

``analysis/phases.py`` computes those that need one run, the stage ``findings`` those that need several.

Transition and alignment are 0 on average for a random moment on the log axis. For moments in its middle, such as
perfect fit, that holds only if novelty is no greater there and boundaries are no nearer. Like debiased CKA, changes
under it may leave 0 … 1.

Change from before memorization to after perfect fit starts from all checkpoints before onset, initialisation included,
so it holds early learning, too: what memorization adds, only runs without wrong labels can tell.

Scores that are ``descriptive`` say what happened in a run. They are held against nothing that would be there anyway, so
none decides a claim: novelty and boundaries are where early learning is; a trend of change with depth is positive in
any window of any run; gaps of progress and spreads of boundaries are small in independent layers too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .events import MEMORIZATION_END, MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED, TEST_DIP

PHASES = "phases"
DISTINGUISHABILITY = {2: "distinguishability_2", 3: "distinguishability_3"}  # by the number of phases
NOVELTY = "novelty"
TRANSITION_FITTED = "transition_fitted"
# Event -> the score of its nearness to a boundary.
ALIGNMENT = {
    PERFECT_FIT_SUSTAINED: "alignment_fitted",
    MEMORIZATION_ONSET: "alignment_onset",
    MEMORIZATION_END: "alignment_end",
    TEST_DIP: "alignment_dip",
}
CHANGE_EARLY = "change_early"
CHANGE_MEMORIZATION = "change_memorization"
CHANGE_FITTED = "change_fitted"
CHANGE_DESCENT = "change_descent"
# Score of a layer -> the score of its trend with depth.
DEPTH_TREND = {CHANGE_DESCENT: "depth_trend_descent", CHANGE_MEMORIZATION: "depth_trend_memorization"}
SYNCHRONY = "synchrony"
SYNCHRONY_BEYOND = "synchrony_beyond"
SYNCHRONY_STEADY = "synchrony_steady"
CHANGE_BEYOND_TWIN = "change_beyond_twin"
CHANGE_BEYOND_SHIFTED = "change_beyond_shifted_twin"
TREND_BEYOND_SHIFTED = "depth_trend_beyond_shifted_twin"
STOP_SLOPE = "stop_slope"
STOP_RATIO = "stop_ratio"
PROGRESS_GAP = "progress_gap"
BOUNDARY_SPREAD = "boundary_spread"
BOUNDARY_DISTANCE = "boundary_distance"
STOP_EPOCH = "stop_epoch"
STOP_SIZE = "stop_size"
LATENT_GENERALIZATION = "latent_generalization"
TEST_DIP_DEPTH = "test_dip_depth"
TEST_ACCURACY_BEST = "test_accuracy_best"
TEST_ACCURACY_END = "test_accuracy_end"
TRAINED_BEYOND_FIT = "trained_beyond_fit"
# Events that one evaluation can move far, beside those of ``events.py`` that it cannot.
PERFECT_FIT_STRICT = "perfect_fit_strict"
MEMORIZATION_ONSET_FIRST = "memorization_onset_first"
MEMORIZATION_END_FIRST = "memorization_end_first"
SECOND_DESCENT_END_EDGE = "second_descent_end_edge"


@dataclass(frozen=True, kw_only=True)
class Score:
    """A number that describes a layer or a run.

    Attributes:
        name: in the column ``score`` of tables.
        scope: of a layer under a measure, or by its probes (``layer``), of a run under a measure, over the layers of
            its body (``run``), or of a run's history (``history``).
        label: a short name; for a score of direction -1, of its negative.
        formula: in words.
        unit: of the value; ``1`` for none.
        range: possible values.
        against: the reference in its formula; None without one.
        direction: 1 if a greater score supports the claim, -1 if a smaller one does.
        descriptive: whether it is no evidence for a claim, because it would be much the same if the claim were false.
    """

    name: str
    scope: Literal["layer", "run", "history", "runs"]
    label: str
    formula: str
    unit: str = "1"
    range: str
    against: str | None = None
    direction: Literal[1, -1] = 1
    descriptive: bool = False


_DRIFT = "the same trajectory at its smoothed pace"
_MOMENTS = "all moments of the run on the log axis of epochs"
_TWIN = "the same run without wrong labels"
_SHIFTED = "the same run without wrong labels, at the same epochs, at the same stage of fitting, and in between"
_ALIGNED = {
    PERFECT_FIT_SUSTAINED: ("boundary near perfect fit", "sustained perfect fit"),
    MEMORIZATION_ONSET: ("boundary near onset", "onset of memorization"),
    MEMORIZATION_END: ("boundary near its end", "end of memorization"),
    TEST_DIP: ("boundary near the dip", "the dip of test accuracy"),
}
SCORES: dict[str, Score] = {
    score.name: score
    for score in (
        Score(name=PHASES, scope="layer", label="phases", formula="number of phases", unit="phases", range="1 … 6"),
        *(
            Score(
                name=name,
                scope="layer",
                label=f"{words} phases beyond drift",
                formula=f"share of the variance that {words} phases explain beyond what they explain at smoothed pace",
                range="≤ 1; drift 0, clean blocks 1",
                against=_DRIFT,
            )
            for name, words in zip(DISTINGUISHABILITY.values(), ("two", "three"), strict=True)
        ),
        Score(
            name=NOVELTY,
            scope="layer",
            label="sharpest change",
            formula="largest, over moments, of similarity within the 4 points on either side minus across (Foote 2000)",
            range="−1 … 1",
            descriptive=True,
        ),
        Score(
            name=CHANGE_EARLY,
            scope="layer",
            label="change before memorization",
            formula="1 − similarity of initialisation to the last checkpoint before onset of memorization",
            range="0 … 1",
            descriptive=True,
        ),
        Score(
            name=CHANGE_MEMORIZATION,
            scope="layer",
            label="change from onset to fit",
            formula="1 − mean similarity of checkpoints before onset to those after sustained perfect fit",
            range="0 … 1",
        ),
        Score(
            name=CHANGE_FITTED,
            scope="layer",
            label="change after perfect fit",
            formula="1 − mean similarity among the checkpoints after sustained perfect fit",
            range="0 … 1",
            descriptive=True,
        ),
        Score(
            name=CHANGE_DESCENT,
            scope="layer",
            label="change from the dip on",
            formula="1 − similarity of the dip of test accuracy to the last checkpoint, where there is a dip",
            range="0 … 1",
            descriptive=True,
        ),
        Score(
            name=LATENT_GENERALIZATION,
            scope="layer",
            label="probes ahead of the network",
            formula="probes' accuracy on true labels of unseen examples − test accuracy, mean over log epochs from "
            "onset of memorization to sustained perfect fit (Ketha & Ramaswamy 2026)",
            unit="fraction",
            range="−1 … 1",
            against="the network's own test accuracy",
        ),
        Score(
            name=STOP_EPOCH,
            scope="run",
            label="where change stops",
            formula="epoch at which the layers' mean log rate of change falls most, from both halves of the .6 decades "
            "before to the .3 after",
            unit="epochs",
            range="> 0",
        ),
        Score(
            name=STOP_SIZE,
            scope="run",
            label="how much change stops",
            formula="by how much the log rate of change falls where it falls most",
            unit="decades",
            range="any",
        ),
        Score(
            name=SYNCHRONY,
            scope="run",
            label="times of change alike",
            formula="mean over pairs of layers of the CKA of their double-centred matrices",
            range="−1 … 1",
            descriptive=True,
        ),
        Score(
            name=PROGRESS_GAP,
            scope="run",
            label="progress alike (−gap)",
            formula="mean over pairs of layers of the mean absolute difference of their cumulative shares of change",
            range="0 … 1",
            direction=-1,
            descriptive=True,
        ),
        Score(
            name=BOUNDARY_SPREAD,
            scope="run",
            label="phases end alike (−spread)",
            formula="standard deviation over layers of where the best two phases meet",
            unit="decades of epochs",
            range="≥ 0",
            direction=-1,
            descriptive=True,
        ),
        Score(
            name=BOUNDARY_DISTANCE,
            scope="run",
            label="boundary near perfect fit (−distance)",
            formula="mean distance of sustained perfect fit to each layer's nearest phase boundary",
            unit="decades of epochs",
            range="≥ 0",
            direction=-1,
            descriptive=True,
        ),
        Score(
            name=TRANSITION_FITTED,
            scope="layer",
            label="sharpness at perfect fit",
            formula="2 × (share of moments less novel than that of sustained perfect fit, ties half) − 1",
            range="−1 … 1",
            against=_MOMENTS,
            descriptive=True,
        ),
        *(
            Score(
                name=name,
                scope="layer",
                label=_ALIGNED[event][0],
                formula=f"1 − d / mean d, d from {_ALIGNED[event][1]} to the nearest boundary, its mean over moments",
                range="≤ 1",
                against=_MOMENTS,
                descriptive=True,
            )
            for event, name in ALIGNMENT.items()
        ),
        Score(
            name=SYNCHRONY_BEYOND,
            scope="runs",
            label="synchrony beyond other seeds",
            formula="(s − s′) / (1 − s′): s is the mean synchrony of different layers of a run, s′ of two seeds",
            range="≤ 1",
            against="layers of other seeds, of the same architecture and optimizer",
        ),
        Score(
            name=SYNCHRONY_STEADY,
            scope="runs",
            label="the same without collapses",
            formula="the same, without checkpoints at which training accuracy is below half of the best so far",
            range="≤ 1",
            against="layers of other seeds, of the same architecture and optimizer",
        ),
        Score(
            name=CHANGE_BEYOND_TWIN,
            scope="runs",
            label="change added by wrong labels",
            formula="1 − similarity of the last trained checkpoint before onset of memorization to the first after "
            "sustained perfect fit, minus the same at the same epochs without wrong labels",
            range="−1 … 1",
            against=_TWIN,
        ),
        Score(
            name=CHANGE_BEYOND_SHIFTED,
            scope="runs",
            label="the same at every shift",
            formula="the same, least over shifts of the window without wrong labels",
            range="−1 … 1",
            against=_SHIFTED,
        ),
        Score(
            name=TREND_BEYOND_SHIFTED,
            scope="runs",
            label="faster with depth in the dip",
            formula="slope on relative depth of the layers' mean log rate of change from the dip of test accuracy to "
            "its recovery, minus the same without wrong labels, least over shifts of the window there",
            unit="decades",
            range="any",
            against=_SHIFTED,
        ),
        Score(
            name=STOP_SLOPE,
            scope="runs",
            label="stop moves with the fit",
            formula="slope of the log epoch at which change stops on that of sustained perfect fit, within seeds",
            range="any; 1 if it moves with the fit",
            against="1; ½ and 1½ are the limits",
        ),
        Score(
            name=STOP_RATIO,
            scope="runs",
            label="stop lies at the fit",
            formula="mean log ratio of the epoch at which change stops to that of sustained perfect fit",
            unit="decades of epochs",
            range="any; 0 if it lies at the fit",
            against="0; ± .15 are the limits",
        ),
        Score(
            name=DEPTH_TREND[CHANGE_DESCENT],
            scope="run",
            label="from the dip on, by depth",
            formula="Spearman correlation of depth and change from the dip on; positive in any window of any run",
            range="−1 … 1",
            descriptive=True,
        ),
        Score(
            name=DEPTH_TREND[CHANGE_MEMORIZATION],
            scope="run",
            label="in memorization, by depth",
            formula="Spearman correlation of depth and that change, which needs no dip; positive in any window",
            range="−1 … 1",
            descriptive=True,
        ),
        Score(
            name=TEST_DIP_DEPTH,
            scope="history",
            label="depth of the dip",
            formula="how far test accuracy lies, at its dip, below both the best before and the best after it",
            unit="fraction",
            range="0 … 1",
        ),
        Score(
            name=TEST_ACCURACY_BEST,
            scope="history",
            label="best test accuracy",
            formula="largest test accuracy of all evaluations",
            unit="fraction",
            range="0 … 1",
        ),
        Score(
            name=TEST_ACCURACY_END,
            scope="history",
            label="test accuracy at the end",
            formula="test accuracy of the last evaluation",
            unit="fraction",
            range="0 … 1",
        ),
        Score(
            name=TRAINED_BEYOND_FIT,
            scope="history",
            label="trained beyond fit",
            formula="last epoch / sustained perfect fit; 3 or more leave room for what comes after it",
            range="≥ 1",
        ),
        *(
            Score(name=name, scope="history", label=label, formula=formula, unit="epochs", range="≥ 0")
            for name, label, formula in (
                (
                    PERFECT_FIT_STRICT,
                    "perfect fit without exception",
                    "first epoch at training accuracy 1 from which all evaluations stay at `phases.sustained` or above",
                ),
                (
                    MEMORIZATION_ONSET_FIRST,
                    "first evaluation in memorization",
                    "first evaluation at which a fraction `phases.onset` of the wrong labels is fitted",
                ),
                (
                    MEMORIZATION_END_FIRST,
                    "first evaluation after memorization",
                    "first evaluation at which a fraction `phases.end` of the wrong labels is fitted",
                ),
                (
                    SECOND_DESCENT_END_EDGE,
                    "recovered by the last evaluation",
                    "recovery of test accuracy where the last evaluation counts three times in the running median",
                ),
            )
        ),
    )
}
