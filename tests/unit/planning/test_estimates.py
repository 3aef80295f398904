import dataclasses

import numpy as np
import pyarrow as pa
import pytest
import torch
import yaml
from running import TINY

from repdyn.config import study as studies
from repdyn.planning import estimates, model_size
from repdyn.planning.estimates import Grid
from repdyn.storage import tables

CPU = torch.device("cpu")
FOUND = [{"step": step, "epoch": step / 4, "file": f"{step}.pt"} for step in (0, 4, 20)]
FACTS = {
    "shape": [6], "kind": "numbers", "dtype": "float32", "classes": None, "vocabulary": None, "train": 100, "test": 50,
    "given_labels": False, "contents": "0" * 16,
}  # fmt: skip


@pytest.fixture(scope="module")
def extents():
    """Those of the tiny study's networks, which no setting below changes."""
    study = studies.parse(yaml.safe_load(TINY.read_text(encoding="utf-8")))
    return model_size.of_study(study, study.data)


@pytest.fixture
def study(config):
    return studies.parse(config)


@pytest.fixture
def grid(study, extents):
    return Grid(study, None, extents, base=7e8)


def changed(grid, config, **sections):
    """The grid of a study with other settings, its networks as they were."""
    for section, settings in sections.items():
        config[section] = config.get(section, {}) | settings
    return dataclasses.replace(grid, study=studies.parse(config))


def test_activations_take_examples_by_features_by_checkpoints(grid, config):
    disk = estimates.disk_of_run(grid, "vit", "sgd")["activations"]
    numbers = (40 + 100) * 8 * sum(grid.extents["vit"].features.values())
    assert grid.counts.checkpoints == 8
    assert disk == pytest.approx(estimates.LZ4 * 2 * numbers, rel=0.2)
    wide = changed(grid, config, activations={"dtype": "float32", "similarity_examples": 60, "probe_examples": 120})
    more = estimates.disk_of_run(wide, "vit", "sgd")["activations"]
    assert more - disk == pytest.approx(estimates.LZ4 * numbers * (4 * 180 / 140 - 2))


def test_state_holds_weights_and_what_the_optimizer_keeps(grid):
    weights = grid.extents["vit"].stored + estimates.STATE * grid.extents["vit"].tensors
    assert estimates.disk_of_run(grid, "vit", "sgd")["state"] == 2 * weights
    assert estimates.disk_of_run(grid, "vit", "adam")["state"] == 3 * weights


def test_pairs_of_checkpoints_grow_with_their_square(grid, config):
    long = changed(grid, config, training={"epochs": 2000}, checkpoints={"per_decade": 40})
    ratio = long.counts.checkpoints / grid.counts.checkpoints
    assert ratio > 10
    for table, groups, columns in (("cka", 4, 13), ("regions/similarity", 3, 9)):
        before, after = (estimates.disk_of_run(g, "vit", "sgd")[table] for g in (grid, long))
        fixed = estimates.parquet(0, 0, groups, columns)
        assert after - fixed == pytest.approx((before - fixed) * ratio**2)


def test_cka_keeps_to_the_budget_that_grams_would_exceed(grid, config):
    config["data"] |= {"dataset": "cifar10", "train_size": 30_000, "test_size": 10_000}
    peaks = []
    for budget in (1.0, 2.0):
        many = changed(grid, config, activations={"similarity_examples": 8000}, execution={"memory_gib": budget})
        peaks.append(estimates.memory(many, "vit", "sgd", CPU)["cka"])
    assert peaks[1] - peaks[0] == pytest.approx(2**30, rel=0.2)


def test_a_batch_and_an_optimizer_cost_training_memory(grid, config):
    def train(grid, optimizer):
        return estimates.memory(grid, "resnet", optimizer, CPU)["train"]

    assert train(grid, "adam") - train(grid, "sgd") == grid.extents["resnet"].stored
    large = changed(grid, config, training={"batch_size": 10_000})
    assert train(large, "sgd") - train(grid, "sgd") > 9_000 * 4 * grid.extents["resnet"].outputs


def test_regions_hold_the_data_set_and_twice_what_probes_are_rebuilt_from(grid, config):
    extent = dataclasses.replace(grid.extents["resnet"], features={"stem": 10_000_000}, norms=0)
    large = dataclasses.replace(grid, extents={"resnet": extent})
    planned = {}
    for whole in ("*", "none"):
        settings = {"similarity_examples": 20, "probe_examples": 30, "whole": [whole]}
        some = changed(large, config, activations=settings, execution={"memory_gib": 0.25})
        planned[whole] = estimates.memory(some, "resnet", "sgd", CPU)["regions"]
    twice = 2 * 30 * 4 * 10_000_000
    more = planned["none"] - planned["*"] - estimates.dataset(large.data)
    assert 0.8 * twice < more <= twice


@pytest.mark.parametrize(("rows", "groups", "columns"), [(3000, 3, 4), (1200, 400, 6)])
def test_more_rows_and_row_groups_take_about_the_disk_that_is_planned(tmp_path, rows, groups, columns):
    names, draw = [f"c{i}" for i in range(columns)], np.random.default_rng(0)
    layout = tables.schema(**dict.fromkeys(names, (pa.float64(), "number")))
    about = {"table": "any", "stage": "any", "run": None, "hyperparameters": {}}

    def written(rows, groups):
        with tables.writer(
            tmp_path / "a.parquet", layout, about, use_dictionary=False, write_statistics=False
        ) as append:
            for _ in range(groups):
                append({name: draw.normal(size=rows // groups) for name in names})
        return (tmp_path / "a.parquet").stat().st_size

    planned = [estimates.parquet(*some, columns) for some in ((rows, 8 * columns, groups), (1, 8 * columns, 1))]
    assert written(rows, groups) - written(1, 1) == pytest.approx(planned[0] - planned[1], rel=0.3)


def test_labels_of_many_classes_take_two_bytes_each_and_a_finer_plane_less_than_its_points():
    few, many = (estimates.labels(4, 2, 5, 10, 16, classes) for classes in (255, 256))
    fixed = 2 * few - many  # of the file and its row groups
    assert many - few == 4 * 2 * 5 * 10 * 16**1.5
    fine = estimates.labels(4, 2, 5, 10, 64, 255)
    assert (fine - fixed) / (few - fixed) == pytest.approx(8)


@pytest.mark.parametrize(("opt", "moments"), [("sgd", 1), ("momentum", 1), ("nesterov", 1), ("adam", 2), ("lion", 2)])
def test_an_optimizer_keeps_a_momentum_or_two_moments(grid, config, opt, moments):
    config["optimizers"]["sgd"]["opt"] = opt
    assert changed(grid, config).moments("sgd") == moments


def test_runs_from_elsewhere_take_no_state_and_no_training_and_are_planned_for_their_checkpoints(grid, config):
    found = {f"arch={arch}/optimizer=old/seed={seed}": FOUND[: 2 + seed] for arch in config["archs"] for seed in (0, 1)}
    config["optimizers"]["old"] = {"recorded": {"path": "{step}.pt", "found": found}}
    grid = changed(grid, config)
    assert (grid.moments("old"), grid.checkpoints("vit", "old"), grid.checkpoints("vit", "sgd")) == (None, 3, 8)
    theirs, ours = (estimates.disk_of_run(grid, "vit", optimizer) for optimizer in ("old", "sgd"))
    assert theirs["state"] == 0 < ours["state"]
    assert theirs["checkpoints"] / ours["checkpoints"] == pytest.approx(3 / 8)
    assert theirs.keys() == ours.keys()
    theirs, ours = (estimates.memory(grid, "vit", optimizer, CPU) for optimizer in ("old", "sgd"))
    assert (theirs.keys() - ours.keys(), ours.keys() - theirs.keys()) == ({"record"}, {"train"})


def test_what_the_runs_of_a_seed_share_grows_with_seeds_and_sets_of_planes(grid, config):
    one, three = (estimates.disk_of_seeds(changed(grid, config | {"seeds": seeds})) for seeds in ([0], [0, 1, 2]))
    assert {table: three[table] / one[table] for table in one} == pytest.approx({"examples": 3, "planes": 3})
    clean = changed(grid, config, data={"label_noise": 0.0})
    assert (grid.sets, clean.sets) == (3, 2)
    assert estimates.disk_of_seeds(clean)["planes"] < estimates.disk_of_seeds(grid)["planes"]


def test_layers_that_are_stored_whole_are_not_wide(grid, config):
    few = {"similarity_examples": 20, "probe_examples": 30}
    wide = changed(grid, config, activations=few).wide("resnet")
    features = grid.extents["resnet"].features
    assert wide == [layer for layer, size in features.items() if size > 3 * 30]
    assert wide and set(wide) < set(features)
    assert changed(grid, config, activations=few | {"whole": ["layer1.*"]}).wide("resnet") == [
        layer for layer in wide if not layer.startswith("layer1.")
    ]
    assert changed(grid, config, activations=few | {"whole": ["*"]}).wide("resnet") == []


def test_a_data_set_is_in_memory_twice_as_it_is_stored(study, config):
    of_numbers = studies.parse(config | {"data": {"dataset": "mine.npz", "facts": FACTS}})
    undivided = studies.parse(config | {"data": {"dataset": "mine.npz", "facts": FACTS | {"test": None}}})
    library = estimates.SKLEARN * 2**20
    assert estimates.dataset(study.data) - library == 2 * 1797 * 64
    assert estimates.dataset(of_numbers.data) - library == 2 * 150 * 6 * 4
    assert estimates.dataset(undivided.data) - library == 2 * 100 * 6 * 4


def test_figures_hold_the_pairs_of_the_run_with_most_checkpoints(grid, config):
    found = {f"arch={arch}/optimizer=old/seed={seed}": 30 * FOUND for arch in config["archs"] for seed in (0, 1)}
    before = estimates.memory_of_study(grid)
    config["optimizers"]["old"] = {"recorded": {"path": "{step}.pt", "found": found}}
    after = estimates.memory_of_study(changed(grid, config))
    assert after["figures"] - before["figures"] == 8 * 20 * (90**2 - 8**2)
    assert {stage for stage in before if before[stage] != after[stage]} == {"figures"}
