"""CKA between layers and between runs: tables equal to pairs computed one by one."""

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.spatial import distance

from repdyn.catalogue.measures import DEFAULT
from repdyn.config import study
from repdyn.errors import RepdynError
from repdyn.records.activations import ACTIVATIONS
from repdyn.records.cka import CKA
from repdyn.records.inputs import INPUTS, input_column
from repdyn.representations import extract
from repdyn.representations.selection import Place, StoredRepresentations
from repdyn.representations.table import Representations
from repdyn.similarity import null
from repdyn.stages import alignment, cka, cka_between, cka_layers
from repdyn.storage import tables
from repdyn.storage.origin import Origin

LAYERS = {"first": 6, "second": 9}
STEPS = (0, 5)


@pytest.fixture(autouse=True)
def _any_number_of_rows(monkeypatch):
    """The tables of these tests are smaller than those of the tiny study."""
    monkeypatch.setattr(Origin, "check_rows", lambda *_: None)


def store(job, seed, n=30, constant=False, examples=None, layers=LAYERS, steps=STEPS):
    random = np.random.default_rng(seed)
    keys = {"split": ["similarity"] * n, "example": np.arange(n) if examples is None else examples}
    labels = {"label": [0] * n, "given_label": [0] * n}
    layout = extract.layout(layers, {"second"}, "float16", {})
    stored = {}
    with tables.writer(job.paths.activations(job.run.path), layout, job.metadata(ACTIVATIONS)) as append:
        for step in steps:
            group = {}
            for layer, p in layers.items():
                kind = layout.field(layer).type
                X = random.normal(size=(n, p)).astype(np.float32 if layer == "second" else np.float16)
                if constant and layer == "first" and step == 0:
                    X[:] = 3
                stored[layer, step] = X.astype(np.float64)
                group[layer] = pa.FixedSizeListArray.from_arrays(pa.array(X.ravel(), kind.value_type), type=kind)
            append(keys | labels | {"step": [step] * n, "epoch": [step / 5] * n} | group)
    layout = pa.schema([*INPUTS.schema, *input_column(7)])
    kind = layout.field("input").type
    pixels = np.random.default_rng(99).normal(size=(n, 7)).astype(np.float32)
    columns = {"input": pa.FixedSizeListArray.from_arrays(pa.array(pixels.ravel(), pa.float32()), type=kind)}
    tables.write(job.path(INPUTS), columns | {"example": keys["example"]}, layout, job.metadata(INPUTS))
    return stored


def biased(X, Y):
    X, Y = X - X.mean(0), Y - Y.mean(0)
    return np.linalg.norm(X.T @ Y) ** 2 / np.linalg.norm(X.T @ X) / np.linalg.norm(Y.T @ Y)


def test_layers_are_compared_at_each_checkpoint(make_job, config, caplog):
    stored = store(make_job("activations", config), seed=0, constant=True)
    job = make_job("cka_layers", config)
    cka_layers.main(job)
    frame = pd.read_parquet(Path(job.paths.root) / "cka_layers")
    assert len(frame) == len(STEPS) * len(LAYERS) ** 2
    for row in frame.itertuples():
        constant = row.step == 0 and "first" in (row.layer_a, row.layer_b)
        expected = np.nan if constant else biased(stored[row.layer_a, row.step], stored[row.layer_b, row.step])
        np.testing.assert_allclose(row.cka, expected, atol=1e-6)
        assert np.isnan(row.cka_debiased) == constant
    assert "step 0: the same for all examples, so without CKA: layer first" in caplog.text
    assert (frame.depth_a == frame.layer_a.map({"first": 0, "second": 1})).all()


def test_pairs_of_layers_have_p_and_calibrated_values_among_permuted_examples(make_job, config):
    stored = store(make_job("activations", config), seed=0, constant=True)
    config |= {"comparisons": {"permutations": 39, "seed": 4}, "measures": ["cka", {"name": "knn", "neighbours": 3}]}
    job = make_job("cka_layers", config)
    cka_layers.main(job)
    frame = pd.read_parquet(job.paths.cka_layers(job.run.path))
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


def test_without_permutations_p_and_calibrated_values_are_null(make_job, config):
    store(make_job("activations", config), seed=0)
    job = make_job("cka_layers", config | {"comparisons": {"permutations": 0}})
    cka_layers.main(job)
    frame = pd.read_parquet(job.paths.cka_layers(job.run.path))
    assert frame[[name for name in frame if name.endswith(("_p", "_calibrated"))]].isna().all(axis=None)
    assert frame.rsa.notna().all()
    with pytest.raises(RepdynError, match=r"must be at least 19, so that p can be \.05"):
        study.parse(config | {"comparisons": {"permutations": 5}})


@pytest.mark.parametrize(("drawn_by", "pairs"), [("seed", {(0, 0), (1, 1)}), ("study", None)])
def test_on_training_examples_that_seeds_draw_only_runs_of_one_seed_are_compared(make_job, config, drawn_by, pairs):
    config["activations"]["similarity_from"] = "train"
    config["data"] |= {"drawn_by": drawn_by, "common": None}
    for arch, optimizer, seed in itertools.product(config["archs"], config["optimizers"], config["seeds"]):
        own = 100 * seed if drawn_by == "seed" else 0
        store(make_job("activations", config, arch, optimizer, seed), seed, examples=own + np.arange(30))
    cka_between.main(make_job("cka_between", config))
    frame = pd.read_parquet(Path(make_job("cka_between", config).paths.root) / "cka_between")
    assert set(zip(frame.seed_a, frame.seed_b, strict=True)) == (pairs or set(itertools.product((0, 1), repeat=2)))
    assert set(zip(frame.optimizer_a, frame.optimizer_b, strict=True)) == set(
        itertools.product(("sgd", "adam"), repeat=2)
    )


def test_runs_are_compared_at_the_same_layer_and_checkpoint(make_job, config):
    del config["archs"]["vit"]
    runs = [(o, s) for o in config["optimizers"] for s in config["seeds"]]
    stored = {run: store(make_job("activations", config, "resnet", *run), seed=i) for i, run in enumerate(runs)}
    job = make_job("cka_between", config)
    cka_between.main(job)
    frame = pd.read_parquet(Path(job.paths.root) / "cka_between")
    assert len(frame) == len(LAYERS) * len(STEPS) * len(runs) ** 2
    for row in frame.itertuples():
        a, b = (
            stored[run][row.layer, row.step] for run in ((row.optimizer_a, row.seed_a), (row.optimizer_b, row.seed_b))
        )
        np.testing.assert_allclose(row.cka, biased(a, b), atol=1e-6)


def test_runs_with_other_examples_or_layers_are_refused(make_job, config):
    jobs = [make_job("activations", config, seed=seed) for seed in config["seeds"]]
    store(jobs[0], 0)
    store(jobs[1], 1, examples=np.arange(1, 31))
    one, other = (Representations(job.paths.activations(job.run.path)) for job in jobs)
    with pytest.raises(RepdynError, match="hold different similarity examples"):
        StoredRepresentations([Place(one, "first", 0), Place(other, "first", 0)])
    store(jobs[1], 1, layers={"first": 6})
    with pytest.raises(RepdynError, match="other layers"):
        cka_between.check_layers([one, Representations(other.path)])


def test_streamed_features_are_those_read_whole(make_job, config, monkeypatch):
    job = make_job("activations", config)
    store(job, 0)
    monkeypatch.setattr("repdyn.representations.table.STREAMED", 4 * 9 * 7)  # seven rows at a time
    table = Representations(job.paths.activations(job.run.path))
    source = StoredRepresentations([Place(table, "first", 5), Place(table, "second", 5)])
    for e in (0, 1):
        whole = source.read(e, 0, source.features[e])
        np.testing.assert_array_equal(source.read(e, 2, 5), whole[:, 2:5])


def test_a_small_budget_gives_the_same_table(make_job, config):
    store(make_job("activations", config), 0, constant=True)
    frames = []
    config["measures"] = ["cka_deconfounded"]  # others are of whole Grams: see test_measured.py
    for memory in (1, 1e-5):
        config["execution"] = {"device": "cpu", "memory_gib": memory}
        job = make_job("cka", config)
        cka.main(job)
        frames.append(pd.read_parquet(job.paths.cka(job.run.path)))
    pd.testing.assert_frame_equal(*frames, rtol=0, atol=1e-6)
    assert frames[0].cka.isna().sum() == 3


def test_batches_are_used_where_configured(make_job, config):
    store(make_job("activations", config), 0)
    tables_of, config["measures"] = [], ["cka"]
    for cka_settings in ({}, {"batch_examples": 10}, {"batch_examples": 30}):
        config["cka"] = cka_settings
        job = make_job("cka", config)
        cka.main(job)
        tables_of.append(pd.read_parquet(job.paths.cka(job.run.path)))
    assert list(tables_of[1]) == CKA.names
    pd.testing.assert_frame_equal(tables_of[0], tables_of[2], rtol=0, atol=1e-6)
    assert (tables_of[0].cka_debiased - tables_of[1].cka_debiased).abs().max() > 1e-4


def test_intervals_are_there_only_where_configured(make_job, config):
    store(make_job("activations", config), 0, constant=True)
    del config["measures"]
    for resamples, columns in ((0, []), (20, ["cka_low", "cka_high"])):
        config["cka"] = {"resamples": resamples}
        job = make_job("cka", config)
        cka.main(job)
        frame = pd.read_parquet(job.paths.cka(job.run.path))
        assert list(frame) == [*CKA.names, *columns, *DEFAULT[2:]]
    defined = frame.dropna(subset="cka")
    assert (defined.cka_low <= defined.cka + 1e-12).all()
    assert (defined.cka <= defined.cka_high + 1e-12).all()
    assert frame.cka_low.isna().equals(frame.cka.isna())
    with pytest.raises(RepdynError, match="leave out `batch_examples`"):
        study.parse(config | {"cka": {"resamples": 20, "batch_examples": 10}})


def test_the_measures_of_the_config_are_columns_in_its_order(make_job, config, caplog):
    stored = store(make_job("activations", config), 0, constant=True)
    config["measures"] = [
        {"name": "distances", "vector": "scipy.spatial.distance:pdist"},
        "knn",
        {"name": "products", "pairs": "numpy:vdot"},
        "cka",
    ]
    job = make_job("cka", config)
    cka.main(job)
    frame = pd.read_parquet(job.paths.cka(job.run.path))
    assert list(frame) == [*CKA.names, "distances", "knn", "products"]
    units = job_units(job)
    assert units["distances"].startswith("similarity, -1 to 1")
    row = frame[(frame["layer"] == "second") & (frame["step_a"] == 0) & (frame["step_b"] == 5)].iloc[0]
    one, other = (distance.pdist(stored["second", step]) for step in STEPS)
    assert row["distances"] == pytest.approx(one @ other / np.linalg.norm(one) / np.linalg.norm(other), abs=1e-6)
    assert row["products"] == pytest.approx(np.vdot(stored["second", 0], stored["second", 5]), rel=1e-5)
    assert frame[frame["layer"] == "first"]["knn"].isna().sum() == 3
    assert "layer first is the same for all examples, so without similarity, at step 0" in caplog.text


def test_the_log_names_the_least_gap_that_a_subspace_rests_on(make_job, config, caplog):
    stored = store(make_job("activations", config), 0, constant=True)
    config["measures"] = ["cka", {"name": "subspace", "components": 2}]
    with caplog.at_level("INFO"):
        cka.main(make_job("cka", config))
    gaps = {}
    for place, X in stored.items():
        values = np.linalg.svd(X - X.mean(axis=0), compute_uv=False) ** 2
        if values[0] > 1e-6:  # not of the constant one
            gaps[place] = (values[1] - values[2]) / values[0]
    (layer, step), gap = min(gaps.items(), key=lambda item: item[1])
    words = (
        f"least gap below component 2: {gap:.2g} of the first eigenvalue, of layer {layer} at step {step}; null up to"
    )
    assert words in caplog.text
    caplog.clear()
    config["measures"] = ["cka"]
    with caplog.at_level("INFO"):
        cka.main(make_job("cka", config))
    assert "least gap" not in caplog.text


def job_units(job):
    about = pq.read_schema(job.paths.cka(job.run.path)).metadata[b"repdyn"]
    return json.loads(about)["units"]


def test_inputs_of_other_examples_are_refused(make_job, config):
    job = make_job("activations", config)
    store(job, 0)
    other = tables.read(job.paths.inputs(job.run.path))
    moved = other.set_column(0, "example", pa.array(np.arange(1, 31)))
    tables.write(job.paths.inputs(job.run.path), moved, other.schema, job.metadata(INPUTS))
    with pytest.raises(RepdynError, match="hold different similarity examples"):
        cka.main(make_job("cka", config))


def test_the_same_activations_give_the_same_bytes(make_job, config):
    store(make_job("activations", config), 0)
    config["cka"] = {"resamples": 20}
    job = make_job("cka", config)
    path = Path(job.paths.cka(job.run.path))
    cka.main(job)
    first = path.read_bytes()
    cka.main(job)
    assert path.read_bytes() == first


def test_the_best_pair_of_layers_of_two_architectures_is_held_against_the_best_of_each_permutation(make_job, config):
    config |= {"comparisons": {"permutations": 39, "seed": 1}, "measures": ["cka"], "seeds": [0]}
    config["optimizers"] = {"sgd": config["optimizers"]["sgd"]}
    layers = {"resnet": {"first": 6, "second": 9}, "vit": {"first": 4, "second": 20, "third": 3}}
    stored = {
        arch: store(make_job("activations", config, arch), seed, layers=sizes, steps=steps)
        for seed, ((arch, sizes), steps) in enumerate(zip(layers.items(), ((0, 5), (5, 10)), strict=True))
    }
    job = make_job("alignment", config)
    alignment.main(job)
    frame = pd.read_parquet(job.paths.alignment())
    assert set(frame.step) == {5}, "the only checkpoint of both"
    assert list(frame.measure) == ["cka", "cka_debiased"]
    row = frame.iloc[0]
    assert (row.arch_a, row.arch_b, row.optimizer, row.seed, row.epoch) == ("resnet", "vit", "sgd", 0, 1)

    def of_pairs(order):
        return {
            (a, b): biased(stored["resnet"][a, 5], stored["vit"][b, 5][order])
            for a, b in itertools.product(*layers.values())
        }

    values = [of_pairs(order) for order in null.orders(30, 39, 1)]
    best = max(values[0], key=values[0].get)
    assert (row.layer_a, row.layer_b) == best
    assert (row.depth_a, row.depth_b) == tuple(
        list(sizes).index(layer) for sizes, layer in zip(layers.values(), best, strict=True)
    )
    largest = [max(each.values()) for each in values]
    np.testing.assert_allclose(row.similarity, largest[0], atol=1e-6)
    assert row.similarity_p == np.mean([value >= largest[0] for value in largest])
    threshold = sorted(largest)[38 - 1]
    np.testing.assert_allclose(row.similarity_calibrated, max(0, (largest[0] - threshold) / (1 - threshold)), atol=1e-6)


def test_a_measure_that_no_pair_of_layers_has_has_no_best_pair(make_job, config):
    config |= {"comparisons": {"permutations": 0}, "measures": [{"name": "knn", "neighbours": 30}], "seeds": [0]}
    config["optimizers"] = {"sgd": config["optimizers"]["sgd"]}
    for seed, arch in enumerate(config["archs"]):
        store(make_job("activations", config, arch), seed)
    job = make_job("alignment", config)
    alignment.main(job)
    frame = pd.read_parquet(job.paths.alignment()).set_index("measure")
    assert frame.loc["knn", ["layer_a", "depth_a", "layer_b", "depth_b", "similarity"]].isna().all(axis=None)
    assert frame.loc["cka", "similarity"].notna().all() and frame.similarity_p.isna().all()
