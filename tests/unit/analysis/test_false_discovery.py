import numpy as np
import pandas as pd

from repdyn.analysis.false_discovery import q_values


def by_hand(p):
    """Benjamini & Hochberg 1995: the least p · n / rank of this p or a larger one."""
    order = np.argsort(p)
    scaled = p[order] * len(p) / np.arange(1, len(p) + 1)
    least = np.minimum.accumulate(scaled[::-1])[::-1]
    return np.minimum(least, 1)[np.argsort(order)]


def test_q_values_are_of_the_rows_that_have_a_p_and_stand_where_these_stand():
    p = pd.Series([0.04, None, 0.01, 0.9, np.nan, 0.03], index=list("abcdef"), dtype=object)
    found = q_values(p)
    assert found.index.tolist() == list("abcdef") and found.dtype == float
    assert found.isna().tolist() == [False, True, False, False, True, False]
    np.testing.assert_allclose(found.dropna(), by_hand(np.array([0.04, 0.01, 0.9, 0.03])))


def test_without_any_p_there_is_no_q():
    assert q_values(pd.Series([None, np.nan], dtype=object)).isna().all()
    assert q_values(pd.Series([], dtype=float)).empty
