"""Whether findings are made of the pairs that lie beside them."""

import numpy as np
import pandas as pd

from repdyn.catalogue.scores import STOP_SLOPE
from repdyn.records.findings import COMPARED

KEYS = [*COMPARED]


def check_pairs(findings: pd.DataFrame, pairs: pd.DataFrame) -> None:
    """That every estimate is the mean of its pairs' differences, and that no pair belongs to no finding."""
    weighted = pairs["weight"] * (pairs["value_first"] - pairs["value_second"])
    of_keys = pairs.assign(weighted=weighted).groupby(KEYS, dropna=False).agg(
        estimate=("weighted", "sum"), weight=("weight", "sum"), n_seeds=("seed", "nunique")
    )  # fmt: skip
    there = findings[findings["n_pairs"] > 0].set_index(KEYS)
    assert there.index.is_unique
    assert len(of_keys) == len(there)
    both = there.join(of_keys.add_suffix("_of_pairs"))
    np.testing.assert_allclose(
        both["estimate_of_pairs"].astype(float), both["estimate"].astype(float), rtol=1e-9, atol=1e-12
    )
    # An interaction takes one mean from another, and a slope weighs deviations from a mean.
    balanced = both.index.to_frame()["level_second"].notna() | (both.index.to_frame()["score"] == STOP_SLOPE)
    np.testing.assert_allclose(both["weight_of_pairs"].astype(float), np.where(balanced, 0, 1), atol=1e-12)
    assert (both["n_seeds"] == both["n_seeds_of_pairs"]).all()
