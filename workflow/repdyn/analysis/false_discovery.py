"""q-values: the share of chance that is expected, at most, among all rows of this p or a lower one."""

from __future__ import annotations

import pandas as pd


def q_values(p: pd.Series) -> pd.Series:
    """The q-value of each p (Benjamini & Hochberg 1995); null where p is, which is no test among the others."""
    from scipy import stats  # slow to import, and most that import this module have no p-values

    tested = p.dropna().astype(float)
    found = stats.false_discovery_control(tested) if len(tested) else []
    return pd.Series(found, tested.index, dtype=float).reindex(p.index)
