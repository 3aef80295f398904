import dataclasses

import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.data import datasets
from repdyn.figures import catalogue
from repdyn.models import architectures
from repdyn.planning import check, estimates, model_size, plan
from repdyn.planning.estimates import Grid
from repdyn.runtime import memory

CPU = torch.device("cpu")


@pytest.fixture
def study(config):
    return studies.parse(config)


@pytest.fixture
def grid(study):
    return Grid(study, None, model_size.of_study(study, study.data), base=7e8)


def changed(grid, config, **sections):
    """The grid of a study with other settings, its networks as they were."""
    for section, settings in sections.items():
        config[section] = config.get(section, {}) | settings
    return dataclasses.replace(grid, study=studies.parse(config))


def test_shapes_without_numbers_are_those_of_the_networks(study):
    for arch, extent in model_size.of_study(study, study.data).items():
        model = architectures.build(study.archs[arch], datasets.inputs(study.data), 10, seed=0)
        state = model.state_dict().values()
        assert extent.stored == sum(tensor.numel() * tensor.element_size() for tensor in state)
        shapes = check.check_architecture(study, arch).shapes
        assert extent.features == {layer: torch.Size(shape).numel() for layer, shape in shapes.items()}
        assert extent.widest <= extent.outputs


class OverItsInput(nn.Sequential):
    def __init__(self, num_classes):
        layers = nn.Flatten(), nn.Linear(64, 8), nn.ReLU(inplace=True), nn.Identity(), nn.Linear(8, num_classes)
        super().__init__(*layers)


def test_what_is_written_over_its_input_takes_no_memory_of_its_own(config):
    config["archs"] = {"mine": {"model": f"{__name__}:OverItsInput", "layers": ["1", "2"]}}
    config["optimizers"] = {"sgd": {"opt": "momentum", "lr": 0.1}}
    study = studies.parse(config)
    extent = model_size.measure(study, "mine", study.data)
    assert (extent.outputs, extent.widest) == (8 + 10, 64)


def test_a_large_network_is_measured_without_its_weights(config):
    config["archs"] = {"huge": {"model": "vit_huge_patch14_224", "kwargs": {"patch_size": 4}}}
    config["optimizers"] = {"sgd": {"opt": "momentum", "lr": 0.1}}
    before = memory.peak()
    study = studies.parse(config)
    extent = model_size.of_study(study, study.data)["huge"]
    assert extent.stored > 2.5e9
    assert len(extent.features) == 1 + 32 + 1
    assert memory.peak() - before < 0.1 * extent.stored


def test_what_is_reduced_before_it_is_kept_is_planned_so(config):
    config["activations"]["reduction"] = {"pool": 2}
    study = studies.parse(config)
    assert model_size.measure(study, "resnet", study.data).features["stem"] == 4 * 2 * 2


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


def test_coordinates_and_whole_activations_of_wide_layers_are_both_planned(config):
    few = config | {"activations": config["activations"] | {"similarity_examples": 20, "probe_examples": 30}}
    some = few | {"activations": few["activations"] | {"whole": ["layer1.0"]}}
    whole = few | {"activations": few["activations"] | {"whole": ["*"]}}
    found = [plan.of(studies.parse(content)) for content in (few, some, whole)]
    disk = [each.disk["activations"] + each.disk["probe_view"] + each.disk["probes/weights"] for each in found]
    assert disk[0] < disk[1] < disk[2]
    for each in found:
        assert each.whole == pytest.approx(sum(found[2].disk.values()))
    sentence = "Stored unit by unit (`activations.whole: ['*']`), wide layers would make it "
    assert sentence in plan.report(studies.parse(few), found[0], 1e12)
    assert sentence not in plan.report(studies.parse(whole), found[2], 1e12)


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


def test_jobs_are_those_of_the_grid(study):
    jobs = plan.of(study).jobs
    assert jobs["train"] == jobs["phases"] == 8
    assert jobs["examples"] == jobs["planes"] == 2
    assert jobs["findings"] == 1


def test_the_report_says_whether_the_disk_is_enough_and_keeps_to_100_columns(study):
    found = plan.of(study)
    total = sum(found.disk.values())
    assert "free: enough" in plan.report(study, found, total + 1)
    text = plan.report(study, found, total - 1)
    assert "free: NOT ENOUGH" in text
    assert "8 runs (2 architectures × 2 optimizers × 2 seeds), 8 checkpoints each" in text
    assert max(map(len, text.splitlines())) <= 100


def test_figures_of_runs_are_planned_for_the_seeds_that_are_drawn(config):
    content = config | {"seeds": [4, 2, 7]}
    every, one = (
        plan.of(studies.parse(content | {"figures": figures})).jobs["figures"] for figures in ({}, {"seeds": 1})
    )
    runs = len(content["archs"]) * len(content["optimizers"])
    study = studies.parse(content)
    drawn = catalogue.drawn_of_run(study, study.runs[0])
    assert every - one == 2 * runs * len(drawn)
    assert {run.seed for run in studies.parse(content | {"figures": {"seeds": 2}}).drawn_runs} == {4, 2}
