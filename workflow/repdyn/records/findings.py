"""The files of the stage ``findings``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

# Columns that findings, their pairs and the runs left out of them share.
COMPARED = {
    "claim": (pa.string(), "a sentence"),
    "measure": (pa.string(), "measure of similarity; null for a score without one"),
    "score": (pa.string(), "name; null where there is no test"),
    "factor": (pa.string(), "arch, optimizer (by family) or data; null where there is no test"),
    "first": (pa.string(), "level of the factor"),
    "second": (pa.string(), "level of the factor; null where the first is tested alone"),
    "other": (pa.string(), "another factor, at whose level runs are compared; null where none is fixed"),
    "level": (pa.string(), "of the other factor; null for all of them"),
    "level_second": (pa.string(), "of the other factor, whose difference is taken away: an interaction; else null"),
    "held": (pa.string(), "the third factor; null in a study whose data have no names"),
    "held_level": (pa.string(), "of the third factor"),
    "matching": (pa.string(), "of optimizers: equal_speed or best_accuracy; null for all"),
}
FINDINGS = Table(
    "findings",
    "findings",
    Paths.findings,
    scope="study",
    schema=schema(
        **COMPARED,
        primary=(pa.bool_(), "whether this row decides its claim; all others are exploratory"),
        estimate=(pa.float64(), "mean over seeds of the difference, or of the score; null without pairs"),
        ci_low=(pa.float64(), "interval from subset means at the configured confidence; null with too few seeds"),
        ci_high=(pa.float64(), "interval from subset means at the configured confidence; null with too few seeds"),
        p_value=(pa.float64(), "sign flips of seeds, or the test of the claim; null where there is none"),
        p_adjusted=(pa.float64(), "max-T or Holm over the primary rows of its family; null if exploratory"),
        q_value=(pa.float64(), "share of chance among all exploratory rows at this p or less; null if primary"),
        n_pairs=(pa.int64(), "pairs of runs, or runs tested alone"),
        n_seeds=(pa.int64(), "replicates"),
        n_left_out=(pa.int64(), "runs that should be among them and are not; null if exploratory"),
        decision=(pa.string(), "supported, contradicted or undecided; null if exploratory"),
        reason=(pa.string(), "why nothing can be decided; null where the data decide"),
        holds_under=(pa.int64(), "measures under which p, not adjusted, is small enough; null if exploratory"),
        holds_of=(pa.int64(), "measures under which the same is tested; null if exploratory"),
        holds_not=(
            pa.string(),
            "labels of measures, separated by `;`, under which it does not hold; null if exploratory",
        ),
        holds=(pa.string(), "under which measures the claim holds, in words; null if exploratory or not tested"),
        compared=(pa.string(), "optimizers and learning rates held against each other; null where optimizers are not"),
        contrast=(pa.string(), "the comparison in words"),
        verdict=(pa.string(), "in words"),
    ),
)
PAIRS = Table(
    "findings/pairs",
    "findings",
    Paths.pairs,
    scope="study",
    schema=schema(
        **COMPARED,
        arch_first=(pa.string(), "of the first run"),
        optimizer_first=(pa.string(), "of the first run"),
        data_first=(pa.string(), "of the first run; null where data have no names"),
        arch_second=(pa.string(), "of the second run; null where the first is tested alone"),
        optimizer_second=(pa.string(), "of the second run; null where the first is tested alone"),
        data_second=(pa.string(), "of the second run; null where the first is tested alone, or as data_first"),
        seed=(pa.int64(), "of both runs"),
        value_first=(pa.float64(), "the score of the first run"),
        value_second=(pa.float64(), "the score of the second run, or 0"),
        weight=(pa.float64(), "of the difference in the estimate, which is the sum of weighted differences"),
    ),
)
LEFT_OUT = Table(
    "findings/left_out",
    "findings",
    Paths.left_out,
    scope="study",
    schema=schema(
        **COMPARED,
        arch=(pa.string(), "architecture"),
        optimizer=(pa.string(), "optimizer"),
        data=(pa.string(), "level of the data; null where these have no names"),
        seed=(pa.int64(), "seed"),
        reason=(pa.string(), "why the run is not in a primary row"),
    ),
)
SYNCHRONY = Table(
    "findings/synchrony",
    "findings",
    Paths.synchrony,
    scope="study",
    schema=schema(
        arch=(pa.string(), "architecture"),
        optimizer=(pa.string(), "optimizer"),
        data=(pa.string(), "level of the data; null where these have no names"),
        measure=(pa.string(), "measure of similarity"),
        score=(
            pa.string(),
            "synchrony_beyond: all checkpoints; synchrony_steady: without collapses of training accuracy",
        ),
        seed_a=(pa.int64(), "seed"),
        seed_b=(pa.int64(), "seed"),
        synchrony=(pa.float64(), "CKA of double-centred matrices, mean over different layers, one of each seed"),
        beyond=(pa.float64(), "synchrony beyond the other seed, of this pair; null for one and the same seed"),
    ),
)
TWINS = Table(
    "findings/twins",
    "findings",
    Paths.twins,
    scope="study",
    schema=schema(
        arch=(pa.string(), "architecture, of both runs"),
        optimizer=(pa.string(), "optimizer, of both runs"),
        data=(pa.string(), "level of the data, of the run with wrong labels"),
        data_twin=(pa.string(), "level of the data, of its twin: the same without wrong labels"),
        seed=(pa.int64(), "seed, of both runs"),
        measure=(pa.string(), "measure of similarity"),
        score=(
            pa.string(),
            "change_beyond_shifted_twin, which is change_beyond_twin at shift 0, or depth_trend_beyond_shifted_twin",
        ),
        shift=(pa.float64(), "of the twin's window: 0 the same epochs, 1 the same stage of fitting"),
        run=(pa.float64(), "what is compared, of the run; null where it is not known"),
        twin=(pa.float64(), "the same of the twin; null where it is not known"),
        difference=(pa.float64(), "run − twin"),
        reason=(pa.string(), "why it is not known; null if it is, or if only this shift lies outside the checkpoints"),
    ),
)
_NUMERIC = {
    "factor": (pa.string(), "arch, optimizer or data: whose levels differ in the setting"),
    "setting": (pa.string(), "path of the setting in a level, joined by dots, such as width or kwargs.patch_size"),
    "group": (
        pa.string(),
        "which levels, where others differ in the same setting: their family, or the first and the last; else null",
    ),
}
_OF_OTHERS = {
    "arch": (pa.string(), "architecture; null if the levels are architectures"),
    "optimizer": (pa.string(), "optimizer; null if the levels are optimizers"),
    "data": (pa.string(), "level of the data; null if the levels are data, or these have no names"),
}
TRENDS = Table(
    "findings/trends",
    "findings",
    Paths.trends,
    scope="study",
    schema=schema(
        **_NUMERIC,
        **_OF_OTHERS,
        measure=(pa.string(), "measure of similarity; null for a score without one"),
        score=(pa.string(), "name"),
        levels=(pa.string(), "numbers that the trend is over, ascending, separated by `;`"),
        left_out=(pa.string(), "numbers of 0 or less, or without enough values, separated by `;`; null if none are"),
        estimate=(pa.float64(), "mean over seeds of the slope, in units of the score per decade of the number"),
        ci_low=(pa.float64(), "of the slope over these levels; null with too few seeds"),
        ci_high=(pa.float64(), "of the slope over these levels; null with too few seeds"),
        p_value=(pa.float64(), "the larger of the next two; null where there is no test"),
        p_flips=(pa.float64(), "of the seeds' slopes, by sign flips"),
        p_levels=(pa.float64(), "of the mean slope, levels permuted alike in all seeds"),
        q_value=(pa.float64(), "share of chance among all rows of this table at this p or less"),
        rising=(pa.bool_(), "whether the trend was declared to rise, so that p is one-sided"),
        n_seeds=(pa.int64(), "replicates"),
        n_levels=(pa.int64(), "levels"),
        reason=(pa.string(), "why p cannot be small enough; null if it can"),
    ),
)
TREND_VALUES = Table(
    "findings/trend_values",
    "findings",
    Paths.trend_values,
    scope="study",
    schema=schema(
        **_NUMERIC,
        level=(pa.float64(), "the number of the run's level"),
        arch=(pa.string(), "architecture"),
        optimizer=(pa.string(), "optimizer"),
        data=(pa.string(), "level of the data; null where these have no names"),
        seed=(pa.int64(), "seed"),
        measure=(pa.string(), "measure of similarity; null for a score without one"),
        score=(pa.string(), "name"),
        value=(pa.float64(), "of the run"),
    ),
)
BY_DEPTH = Table(
    "findings/by_depth",
    "findings",
    Paths.by_depth,
    scope="study",
    schema=schema(
        **{name: of for name, of in COMPARED.items() if name not in ("claim", "measure", "score")},
        contrast=(pa.string(), "the comparison in words"),
        measure=(pa.string(), "measure of similarity; null for a score without one"),
        score=(pa.string(), "name"),
        relative_depth=(pa.float64(), "0 for the first observed layer, 1 for the last; between layers interpolated"),
        estimate=(pa.float64(), "mean over seeds of the difference"),
        ci_low=(pa.float64(), "interval from subset means; null with too few seeds"),
        ci_high=(pa.float64(), "interval from subset means; null with too few seeds"),
        p_value=(pa.float64(), "sign flips of seeds; null below two"),
        n_seeds=(pa.int64(), "replicates"),
        q_value=(pa.float64(), "share of chance among the rows of this comparison at this p or less"),
    ),
)
