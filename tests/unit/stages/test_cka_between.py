import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tiny_stages import LAYERS, STEPS, Config, MakeJob, biased, store

from repdyn.errors import RepdynError
from repdyn.representations.selection import Place, StoredRepresentations
from repdyn.representations.table import Representations
from repdyn.similarity import null
from repdyn.stages import cka_between

pytestmark = pytest.mark.usefixtures("any_number_of_rows")


@pytest.mark.parametrize(("drawn_by", "pairs"), [("seed", {(0, 0), (1, 1)}), ("study", None)])
def test_on_training_examples_that_seeds_draw_only_runs_of_one_seed_are_compared(
    make_job: MakeJob, config: Config, drawn_by: str, pairs: set[tuple[int, int]] | None
) -> None:
    config["activations"]["similarity_from"] = "train"
    config["data"] |= {"drawn_by": drawn_by, "common": None}
    config |= {"measures": ["cka"], "comparisons": {"permutations": 0}}
    for arch, optimizer, seed in itertools.product(config["archs"], config["optimizers"], config["seeds"]):
        own = 100 * seed if drawn_by == "seed" else 0
        store(make_job("activations", config, arch, optimizer, seed), seed, examples=own + np.arange(30))
    cka_between.main(make_job("cka_between", config))
    frame: Any = pd.read_parquet(Path(make_job("cka_between", config).paths.root) / "cka_between")
    assert set(zip(frame.seed_a, frame.seed_b, strict=True)) == (pairs or set(itertools.product((0, 1), (0, 1))))
    assert set(zip(frame.optimizer_a, frame.optimizer_b, strict=True)) == set(
        itertools.product(("sgd", "adam"), repeat=2)
    )


def test_runs_are_compared_at_the_same_layer_and_checkpoint(make_job: MakeJob, config: Config) -> None:
    del config["archs"]["vit"]
    runs = [(o, s) for o in config["optimizers"] for s in config["seeds"]]
    stored = {run: store(make_job("activations", config, "resnet", *run), seed=i) for i, run in enumerate(runs)}
    job = make_job("cka_between", config)
    cka_between.main(job)
    frame: Any = pd.read_parquet(Path(job.paths.root) / "cka_between")
    assert len(frame) == len(LAYERS) * len(STEPS) * len(runs) ** 2
    for row in frame.itertuples():
        a, b = (
            stored[run][row.layer, row.step] for run in ((row.optimizer_a, row.seed_a), (row.optimizer_b, row.seed_b))
        )
        np.testing.assert_allclose(row.cka, biased(a, b), atol=1e-6)


def test_runs_with_other_examples_or_layers_are_refused(make_job: MakeJob, config: Config) -> None:
    jobs = [make_job("activations", config, seed=seed) for seed in config["seeds"]]
    store(jobs[0], 0)
    store(jobs[1], 1, examples=np.arange(1, 31))
    one, other = (Representations(job.paths.activations(job.run.path)) for job in jobs)
    with pytest.raises(RepdynError, match="hold different similarity examples"):
        StoredRepresentations([Place(one, "first", 0), Place(other, "first", 0)])
    store(jobs[1], 1, layers={"first": 6})
    with pytest.raises(RepdynError, match="other layers"):
        cka_between.check_layers([one, Representations(other.path)])


def test_pairs_are_the_same_in_either_order_and_a_constant_layer_is_named(
    make_job: MakeJob, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    del config["archs"]["vit"], config["optimizers"]["adam"]
    config |= {"measures": ["cka"], "comparisons": {"permutations": 19, "seed": 2}}
    stored = [store(make_job("activations", config, seed=s), seed=s, constant=s == 1) for s in (0, 1)]
    job = make_job("cka_between", config)
    cka_between.main(job)
    frame: Any = pd.read_parquet(job.paths.cka_between())
    keys = ["layer", "step", "seed_a", "seed_b"]
    found = frame.set_index(keys)[["cka", "cka_debiased", "cka_p", "cka_calibrated"]]
    pd.testing.assert_frame_equal(found, frame.rename(columns={"seed_a": "seed_b", "seed_b": "seed_a"})
                                  .set_index(keys).loc[found.index, found.columns])  # fmt: skip
    undefined = (frame["layer"] == "first") & (frame["step"] == 0) & ((frame["seed_a"] == 1) | (frame["seed_b"] == 1))
    assert (frame["cka"].isna() == undefined).all()
    assert (frame["cka_p"].isna() == (undefined | (frame["seed_a"] == frame["seed_b"]))).all()
    assert "seed 1, layer first is the same for all examples at step 0: no CKA" in caplog.text
    X, Y = (of_run["second", 5] for of_run in stored)
    values = [biased(X, Y[order]) for order in null.orders(30, 19, 2)]
    assert found.loc[("second", 5, 0, 1), "cka_p"] == np.mean([value >= values[0] for value in values])


def test_runs_with_other_checkpoints_are_compared_at_a_grid_of_epochs_that_the_metadata_name(
    make_job: MakeJob, config: Config
) -> None:
    del config["archs"]["vit"], config["optimizers"]["adam"]
    config |= {"measures": ["cka"], "comparisons": {"permutations": 0}}
    of_steps = [(0, 5, 50, 500), (0, 5, 51, 5000)]
    stored = [store(make_job("activations", config, seed=s), seed=s, steps=of_steps[s]) for s in (0, 1)]
    job = make_job("cka_between", config)
    cka_between.main(job)
    frame: Any = pd.read_parquet(job.paths.cka_between())
    assert frame["step"].drop_duplicates().tolist() == [0, 5, 50], "those of the first run"
    row = frame[(frame["layer"] == "second") & (frame["step"] == 50) & (frame["seed_b"] > frame["seed_a"])].iloc[0]
    assert row["cka"] == pytest.approx(biased(stored[0]["second", 50], stored[1]["second", 51]), abs=1e-6)
    grid = json.loads(pq.read_schema(job.paths.cka_between()).metadata[b"repdyn"])["common_checkpoints"]["resnet"]
    assert list(grid["steps"].values()) == [[0, 5, 50], [0, 5, 51]]
