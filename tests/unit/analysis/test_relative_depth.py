import numpy as np
import pandas as pd
import pytest

from repdyn.analysis import claim_tests, relative_depth
from repdyn.analysis.pairing import Comparison, with_levels
from repdyn.config.sections import Findings

SETTINGS = Findings(resamples=500)


def scores(values, measure="cka", score="novelty"):
    """A run's scores of its layers, of one measure."""
    depths = np.arange(len(values))
    columns = {"layer": [f"l{i}" for i in depths], "depth": depths}
    columns["relative_depth"] = relative_depth.relative(depths, len(depths))
    return pd.DataFrame(columns | {"measure": measure, "score": score, "value": values})


def test_relative_depth_goes_from_0_to_1_and_leaves_out_what_is_no_layer():
    found = relative_depth.relative(np.array([0, 1, 2, 3, 4, np.nan]), 4)
    np.testing.assert_allclose(found, [0, 1 / 3, 2 / 3, 1, np.nan, np.nan])
    assert np.isnan(relative_depth.relative(np.array([0]), 1)).all()


def test_scores_are_straight_between_layers_so_that_networks_of_any_depth_have_the_same_grid():
    line = relative_depth.at_grid(scores(3 * np.linspace(0, 1, 6)))
    np.testing.assert_allclose(line["relative_depth"], relative_depth.GRID)
    np.testing.assert_allclose(line["value"], 3 * np.array(relative_depth.GRID))
    np.testing.assert_allclose(relative_depth.at_grid(scores(np.linspace(0, 3, 14)))["value"], line["value"])


def test_there_is_no_value_beyond_the_layers_that_have_one_and_a_gap_is_bridged():
    found = relative_depth.at_grid(scores([np.nan, 1.0, np.nan, 3.0, np.nan]))
    assert found[["relative_depth", "value"]].to_numpy().tolist() == [[0.25, 1.0], [0.5, 2.0], [0.75, 3.0]]
    assert relative_depth.at_grid(scores([np.nan, np.nan])).empty


def test_scores_of_the_run_and_of_the_output_are_no_layers_and_measures_stay_apart():
    of_run = pd.DataFrame({"layer": [None, "output"], "relative_depth": np.nan, "measure": "cka", "score": "novelty"})
    frame = pd.concat([scores([0.0, 1.0]), scores([2.0, 2.0], measure=None, score="latent"), of_run.assign(value=99.0)])
    found = relative_depth.at_grid(frame)
    assert found["value"].tolist() == [0, 0.25, 0.5, 0.75, 1, *[2.0] * 5]
    assert found["measure"].isna().sum() == 5


def grid():
    """Runs of two architectures of different depth, whose scores differ in the deep half alone."""
    random = np.random.default_rng(0)
    frames = []
    for arch, layers in (("vit", 6), ("resnet", 9)):
        for seed in range(6):
            values = random.normal(0, 0.1, layers)
            values += (arch == "vit") * np.clip(2 * np.linspace(0, 1, layers) - 1, 0, None)
            frames.append(relative_depth.at_grid(scores(values)).assign(arch=arch, optimizer="sgd", seed=seed))
    return with_levels(pd.concat(frames, ignore_index=True), {"sgd": "sgd"})


def test_levels_are_compared_at_each_relative_depth():
    frame = grid()
    table = relative_depth.compare(frame, Comparison("arch", "vit", "resnet", "sgd"), SETTINGS)
    assert list(table.columns) == relative_depth.COMPARED
    assert table["relative_depth"].tolist() == list(relative_depth.GRID)
    assert table["n_seeds"].tolist() == [6] * 5
    last = frame[frame["relative_depth"] == 1].pivot(index="seed", columns="arch", values="value")
    expected = claim_tests.test(last["vit"] - last["resnet"], SETTINGS)
    assert table.iloc[-1][list(expected)].tolist() == pytest.approx(list(expected.values()))
    assert table["p_value"].iloc[-1] == 2 / 64
    assert (table["q_value"] >= table["p_value"]).all()
    assert abs(table["estimate"].iloc[0]) < 0.15
    assert table["estimate"].iloc[-1] > 0.8


def test_levels_that_share_no_seed_give_no_rows():
    frame = grid()
    frame.loc[frame["arch"] == "vit", "seed"] += 10
    assert relative_depth.compare(frame, Comparison("arch", "vit", "resnet", "sgd"), SETTINGS).empty
