"""The file of the stage ``findings``."""

import pyarrow as pa

from ..paths import Paths
from ..tables import Table, schema

FINDINGS = Table(
    "findings",
    "findings",
    Paths.findings,
    of_run=False,
    schema=schema(
        claim=(pa.string(), "of the contrast's first level against its second, or of one level"),
        measure=(pa.string(), "measure of similarity and score"),
        contrast=(
            pa.string(),
            "factor: first level - second level, and how they are matched; or what is held against 0",
        ),
        estimate=(pa.float64(), "mean over seeds of the difference, or of the score; null without pairs"),
        ci_low=(pa.float64(), "bootstrap interval at the configured confidence; null with fewer than two seeds"),
        ci_high=(pa.float64(), "bootstrap interval at the configured confidence; null with fewer than two seeds"),
        p_value=(pa.float64(), "two-sided, sign flips of seeds; null with fewer than two seeds"),
        n_pairs=(pa.int64(), "pairs of runs, or runs where one level is held against 0"),
        verdict=(pa.string(), "in words"),
        n_seeds=(pa.int64(), "replicates"),
        compared=(pa.string(), "optimizers and learning rates held against each other; null where optimizers are not"),
        q_value=(pa.float64(), "share of chance among all decided at this p or less; null with fewer than two seeds"),
    ),
)
