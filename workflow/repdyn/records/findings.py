"""The files of the stage ``findings``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

# Columns that findings and their pairs share.
_COMPARED = {
    "claim": (pa.string(), "of the first level against the second, or of the first alone"),
    "measure": (pa.string(), "measure of similarity"),
    "score": (pa.string(), "name"),
    "factor": (pa.string(), "arch, optimizer (by family), or dip: whether test accuracy dips and recovers"),
    "first": (pa.string(), "level of the factor"),
    "second": (pa.string(), "level of the factor; null where the first is held against 0"),
    "level": (pa.string(), "of the other factor; null for all"),
    "matching": (pa.string(), "of optimizers: equal_speed or best_accuracy; null for all"),
}
FINDINGS = Table(
    "findings",
    "findings",
    Paths.findings,
    scope="study",
    schema=schema(
        **_COMPARED,
        estimate=(pa.float64(), "mean over seeds of the difference, or of the score; null without pairs"),
        ci_low=(pa.float64(), "bootstrap interval at the configured confidence; null with fewer than two seeds"),
        ci_high=(pa.float64(), "bootstrap interval at the configured confidence; null with fewer than two seeds"),
        p_value=(pa.float64(), "two-sided, sign flips of seeds; null with fewer than two seeds"),
        q_value=(pa.float64(), "share of chance among all decided at this p or less; null with fewer than two seeds"),
        n_pairs=(pa.int64(), "pairs, those of one family's optimizers as one; or runs held against 0"),
        n_seeds=(pa.int64(), "replicates"),
        decision=(pa.string(), "supported, contradicted or undecided"),
        decidable=(pa.bool_(), "whether so many seeds can reach p = 1 - confidence"),
        compared=(pa.string(), "optimizers and learning rates held against each other; null where optimizers are not"),
        contrast=(
            pa.string(),
            "in words: factor: first level - second level, and how they are matched; or what is held against 0",
        ),
        verdict=(pa.string(), "in words"),
    ),
)
PAIRS = Table(
    "findings/pairs",
    "findings",
    Paths.pairs,
    scope="study",
    schema=schema(
        **_COMPARED,
        arch_first=(pa.string(), "of the first run"),
        optimizer_first=(pa.string(), "of the first run"),
        arch_second=(pa.string(), "of the second run; null where the first is held against 0"),
        optimizer_second=(pa.string(), "of the second run; null where the first is held against 0"),
        seed=(pa.int64(), "of both runs"),
        value_first=(pa.float64(), "the score of the first run"),
        value_second=(pa.float64(), "the score of the second run, or 0"),
        weight=(pa.float64(), "of the difference in the estimate, which is the sum of weighted differences"),
    ),
)
