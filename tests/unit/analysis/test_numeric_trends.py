"""Trends of a study's scores: which there are, of which runs, and what is left out."""

import numpy as np
import pandas as pd
import pytest
import yaml
from running import TINY
from sample_tables import rates
from sample_tables import trends as sampled
from scipy import stats

from repdyn.analysis import numeric_factors, trends
from repdyn.catalogue.scores import CHANGE_BEYOND_TWIN, CHANGE_EARLY
from repdyn.config import study as studies
from repdyn.records.findings import TREND_VALUES, TRENDS


def study(**changes):
    return studies.parse(yaml.safe_load(TINY.read_text(encoding="utf-8")) | changes)


def test_a_row_is_the_trend_of_its_cell_s_values():
    table, values = sampled()
    assert list(table.columns) == TRENDS.names and list(values.columns) == TREND_VALUES.names
    own = values[(values["arch"] == "vit") & (values["score"] == CHANGE_EARLY)]
    of_cell = trends.trend(own, 0.95, 500, 0)
    (row,) = table[(table["arch"] == "vit") & (table["score"] == CHANGE_EARLY)].to_dict("records")
    assert (row["estimate"], row["p_value"], row["ci_low"]) == (of_cell.estimate, of_cell.p_value, of_cell.ci_low)
    assert (row["levels"], row["left_out"], row["n_levels"], row["n_seeds"]) == ("0.1; 0.2; 0.4", "0", 3, 6)
    assert pd.isna(row["data"]) and row["measure"] == "cka" and not row["rising"]
    assert CHANGE_BEYOND_TWIN not in set(table["score"]), "no run has it"


def test_q_is_over_the_whole_table():
    table, _ = sampled(levels=(0.1, 0.2, 0.3, 0.4, 0.8))
    np.testing.assert_allclose(table["q_value"], stats.false_discovery_control(table["p_value"].astype(float)))
    assert table["p_value"].min() == pytest.approx(1 / 32)


def test_the_numeric_factors_of_a_study_are_those_of_each_factor():
    vits = {f"d{d}": {"model": "vit_tiny_patch16_224", "kwargs": {"depth": d}} for d in (1, 2, 3)}
    rates = {f"sgd-{lr}": {"opt": "momentum", "lr": lr} for lr in (0.1, 0.01, 0.03)}
    data = {f"n{i}": {"dataset": "digits", "label_noise": i / 10} for i in range(3)}
    grid = numeric_factors.of_study(study(archs=vits, optimizers=rates, data=data))
    assert [(found.factor, found.of.setting, found.arch) for found in grid] == [
        ("arch", "kwargs.depth", None),
        *(("optimizer", "lr", arch) for arch in vits),
        ("data", "label_noise", None),
    ]
    assert list(grid[1].of.levels.values()) == [0.01, 0.03, 0.1]


def test_groups_of_levels_of_one_setting_have_rows_and_values_that_say_which():
    table, values = rates()
    assert table.groupby("group")["levels"].unique().map(list).to_dict() == {
        "adam": ["0.00025; 0.0005; 0.001"], "sgd": ["0.1; 0.2; 0.4"],
    }  # fmt: skip
    assert values.groupby("group")["optimizer"].unique().map(list).to_dict() == {
        "adam": ["a1", "a2", "a3"], "sgd": ["s1", "s2", "s3"],
    }  # fmt: skip


def test_groups_are_named_by_their_family_or_by_their_first_and_last_level():
    of_family = {
        f"{family}-{lr}": {"opt": opt, "lr": lr, "family": family}
        for family, opt, most in (("slow", "momentum", 0.4), ("fast", "adam", 0.04))
        for lr in (most, most / 2, most / 4)
    }
    archs = {name: {"model": "vit_tiny_patch16_224"} for name in ("a", "b")}
    grid = numeric_factors.of_study(study(archs=archs, optimizers=of_family))
    assert [(found.arch, found.group) for found in grid] == [(a, f) for a in archs for f in ("slow", "fast")]
    of_one_family = {
        f"wd{decay}-{lr}": {"opt": "momentum", "lr": lr, "weight_decay": decay, "family": "sgd"}
        for decay in (0.0, 0.1)
        for lr in (0.1, 0.2, 0.4)
    }
    grid = numeric_factors.of_study(study(archs={"a": archs["a"]}, optimizers=of_one_family))
    assert [found.group for found in grid] == ["wd0.0-0.1 to wd0.0-0.4", "wd0.1-0.1 to wd0.1-0.4"]
    vits = {
        f"d{depth}w{width}": {"model": "vit_tiny_patch16_224", "kwargs": {"depth": depth, "embed_dim": width}}
        for depth in (1, 2, 3)
        for width in (12, 24)
    }
    grid = numeric_factors.of_study(study(archs=vits))
    assert [(found.of.setting, found.group) for found in grid] == [
        ("kwargs.depth", "d1w12 to d3w12"), ("kwargs.depth", "d1w24 to d3w24"),
    ]  # fmt: skip
    assert {found.group for found in numeric_factors.of_study(study(archs=dict(list(vits.items())[::2])))} == {None}


def test_architectures_whose_rates_differ_are_no_levels_of_a_number():
    vits = {f"d{d}": {"model": "vit_tiny_patch16_224", "kwargs": {"depth": d}} for d in (1, 2, 3)}
    of_archs = {"sgd": {"opt": "momentum", "lr": {"d1": 0.1, "d2": 0.1, "d3": 0.05}}}
    assert numeric_factors.of_study(study(archs=vits, optimizers=of_archs)) == []
    alike = {"sgd": {"opt": "momentum", "lr": dict.fromkeys(vits, 0.1)}}
    assert [found.of.setting for found in numeric_factors.of_study(study(archs=vits, optimizers=alike))] == [
        "kwargs.depth"
    ]


def test_rates_for_each_architecture_are_numbers_at_each():
    rates = {f"sgd-{i}": {"opt": "momentum", "lr": {"resnet": i, "vit": i / 10}} for i in (1, 2, 3)}
    grid = numeric_factors.of_study(study(optimizers=rates))
    assert [(found.arch, list(found.of.levels.values())) for found in grid] == [
        ("resnet", [1.0, 2.0, 3.0]),
        ("vit", [0.1, 0.2, 0.3]),
    ]
