from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tiny_stages import LAYERS, STEPS, Config, MakeJob, biased, store

from repdyn.config import study
from repdyn.errors import RepdynError
from repdyn.similarity import null
from repdyn.stages import cka_layers

pytestmark = pytest.mark.usefixtures("any_number_of_rows")


def test_layers_are_compared_at_each_checkpoint(
    make_job: MakeJob, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    stored = store(make_job("activations", config), seed=0, constant=True)
    job = make_job("cka_layers", config)
    cka_layers.main(job)
    frame: Any = pd.read_parquet(Path(job.paths.root) / "cka_layers")
    assert len(frame) == len(STEPS) * len(LAYERS) ** 2
    for row in frame.itertuples():
        constant = row.step == 0 and "first" in (row.layer_a, row.layer_b)
        expected = np.nan if constant else biased(stored[row.layer_a, row.step], stored[row.layer_b, row.step])
        np.testing.assert_allclose(row.cka, expected, atol=1e-6)
        assert np.isnan(row.cka_debiased) == constant
    assert "step 0: the same for all examples, so without CKA: layer first" in caplog.text
    assert (frame.depth_a == frame.layer_a.map({"first": 0, "second": 1})).all()


def test_pairs_of_layers_have_p_and_calibrated_values_among_permuted_examples(
    make_job: MakeJob, config: Config
) -> None:
    stored = store(make_job("activations", config), seed=0, constant=True)
    config |= {"comparisons": {"permutations": 39, "seed": 4}, "measures": ["cka", {"name": "knn", "neighbours": 3}]}
    job = make_job("cka_layers", config)
    cka_layers.main(job)
    frame: Any = pd.read_parquet(job.paths.cka_layers(job.run.path))
    names = [f"{name}{part}" for name in ("cka", "cka_debiased", "knn") for part in ("", "_p", "_calibrated")]
    assert set(frame.columns[6:]) == set(names)
    alone = frame.layer_a == frame.layer_b
    undefined = frame.cka.isna()
    for name in names:
        wanted_null = undefined if name in ("cka", "cka_debiased", "knn") else undefined | alone
        assert (frame[name].isna() == wanted_null).all(), name
    pair = frame[(frame.step == 5) & (frame.layer_a == "first") & (frame.layer_b == "second")].iloc[0]
    X, Y = stored["first", 5], stored["second", 5]
    orders = null.orders(30, 39, 4)
    values = [biased(X, Y[order]) for order in orders]
    assert pair.cka_p == np.mean([value >= values[0] for value in values])
    threshold = sorted(values)[38 - 1]
    np.testing.assert_allclose(pair.cka_calibrated, max(0, (values[0] - threshold) / (1 - threshold)), atol=1e-6)
    other = frame[(frame.step == 5) & (frame.layer_a == "second") & (frame.layer_b == "first")].iloc[0]
    assert (pair[names] == other[names]).all()


def test_without_permutations_p_and_calibrated_values_are_null(make_job: MakeJob, config: Config) -> None:
    store(make_job("activations", config), seed=0)
    job = make_job("cka_layers", config | {"comparisons": {"permutations": 0}})
    cka_layers.main(job)
    frame: Any = pd.read_parquet(job.paths.cka_layers(job.run.path))
    assert frame[[name for name in frame if name.endswith(("_p", "_calibrated"))]].isna().all(axis=None)
    assert frame.rsa.notna().all()
    with pytest.raises(RepdynError, match=r"must be at least 19, so that p can be \.05"):
        study.parse(config | {"comparisons": {"permutations": 5}})
