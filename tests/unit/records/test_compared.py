import numpy as np
import pyarrow as pa
import pytest

from repdyn.catalogue.measures import MEASURES, own
from repdyn.records.compared import of_measures, rows


def test_each_measure_of_activations_has_its_null_beside_it_and_a_column_unless_every_table_has_one():
    given = [MEASURES[name] for name in ("cka", "rsa", "regions:test", "cka_debiased")]
    found = of_measures([*given, own("mine", "my_code:mine", kernel=False)])
    assert [field.name for field in found] == [
        *("cka_p", "cka_calibrated", "rsa", "rsa_p", "rsa_calibrated", "cka_debiased_p", "cka_debiased_calibrated"),
        *("mine", "mine_p", "mine_calibrated"),
    ]
    assert {field.type for field in found} == {pa.float64()}
    assert all(field.metadata[b"unit"] for field in found)
    assert of_measures([]) == []


def test_rows_are_the_ordered_pairs_of_each_matrix_and_null_where_it_has_nothing():
    S = np.array([[1, 0.5], [0.25, np.nan]])
    p = np.array([[np.nan, 0.01], [0.02, np.nan]])
    found = rows({"cka": S, "rsa": -S}, {"cka": p, "rsa": 2 * p}, {"cka": 3 * p, "rsa": 4 * p})
    assert {name: column.to_pylist() for name, column in found.items()} == {
        "cka": [1, 0.5, 0.25, None],
        "cka_p": [None, 0.01, 0.02, None],
        "cka_calibrated": [None, 0.03, 0.06, None],
        "rsa": [-1, -0.5, -0.25, None],
        "rsa_p": [None, 0.02, 0.04, None],
        "rsa_calibrated": [None, 0.04, 0.08, None],
    }
    assert {column.type for column in found.values()} == {pa.float64()}
    assert rows({}, {}, {}) == {}


def test_every_column_of_a_measure_has_its_rows():
    matrices = {name: np.eye(3) for name in ("cka", "rsa")}
    declared = {field.name for field in of_measures([MEASURES[name] for name in matrices])}
    assert set(rows(matrices, matrices, matrices)) == declared | {"cka"}  # which the tables have of their own


def test_a_measure_without_a_null_is_refused():
    with pytest.raises(KeyError, match="rsa"):
        rows({"cka": np.eye(2), "rsa": np.eye(2)}, {"cka": np.eye(2)}, {"cka": np.eye(2)})
