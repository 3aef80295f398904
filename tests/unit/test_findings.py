import numpy as np
import pandas as pd
import pytest

from repdyn import findings
from repdyn.study import Contrast, Run

SETTINGS = {"confidence": 0.95, "resamples": 2000, "seed": 0}
OPTIMIZERS = Contrast(factor="optimizer", levels=("sgd", "adam"))


def grid(effect, archs=("resnet", "vit"), seeds=3, noise=0.1, missing=()):
    """Scores of a grid in which SGD's are greater by an effect, and every pair has a level of its own."""
    random = np.random.default_rng(0)
    rows = []
    for arch in archs:
        for seed in range(seeds):
            level = random.normal()
            for optimizer in ("sgd", "adam"):
                value = level + (effect if optimizer == "sgd" else 0) + noise * random.random()
                if (arch, optimizer, seed) in missing:
                    value = np.nan
                rows += [
                    (arch, optimizer, seed, "cka", score, value) for score in ("synchrony", "novelty", "progress_gap")
                ]
    return pd.DataFrame(rows, columns=["arch", "optimizer", "seed", "measure", "score", "value"])


def find(frame, contrast=OPTIMIZERS):
    return {(row["claim"], row["measure"]): row for row in findings.find(frame, [contrast], SETTINGS)}


def test_an_effect_in_every_pair_is_supported_at_six_pairs():
    row = find(grid(1.0))["phases are more distinguishable", "cka novelty"]
    assert row["n_pairs"] == 6
    assert row["p_value"] == pytest.approx(2 / 2**6)
    assert row["estimate"] == pytest.approx(1.0, abs=0.1)
    assert row["ci_low"] < row["estimate"] < row["ci_high"]
    assert row["verdict"] == "supported"


def test_the_opposite_effect_contradicts_and_a_lower_gap_is_more_synchrony():
    found = find(grid(-1.0))
    assert found["layers change more in synchrony", "cka synchrony"]["verdict"] == "contradicted"
    assert found["layers change more in synchrony", "cka progress_gap"]["verdict"] == "supported"


def test_five_pairs_can_decide_nothing_and_the_verdict_says_so():
    row = find(grid(1.0, missing={("vit", "adam", 1)}))["phases are more distinguishable", "cka novelty"]
    assert row["n_pairs"] == 5
    assert row["verdict"] == "undecided: 5 pairs cannot reach p = 0.05"


def test_no_effect_is_undecided():
    row = find(grid(0.0, noise=1.0))["phases are more distinguishable", "cka novelty"]
    assert row["verdict"] == "undecided at 6 pairs"


def test_pairs_are_alike_in_everything_but_the_factor():
    frame = grid(0.5, noise=0.0)
    np.testing.assert_allclose(findings.differences(frame[frame.score == "novelty"], "optimizer", ("sgd", "adam")), 0.5)
    between = findings.differences(frame[frame.score == "novelty"], "arch", ("vit", "resnet"))
    assert len(between) == 6


def test_a_contrast_whose_levels_are_not_there_is_left_out_and_said(caplog):
    contrast = Contrast(factor="optimizer", levels=("sgd", "lion"))
    with caplog.at_level("INFO", logger="repdyn"):
        assert find(grid(1.0), contrast) == {}
    assert "left out: optimizer: sgd - lion, since the grid has no lion" in caplog.text


def test_of_exchangeable_runs_about_one_in_twenty_is_decided():
    random = np.random.default_rng(0)
    p = [findings.test(random.normal(size=6), SETTINGS | {"resamples": 100})["p_value"] for _ in range(400)]
    assert np.mean(np.array(p) <= 0.05) == pytest.approx(2 / 64, abs=0.025)


def test_a_layer_score_is_the_mean_over_layers_between_first_and_output():
    frame = pd.DataFrame(
        {
            "layer": ["stem", "a", "b", "output", None, None],
            "measure": ["cka"] * 5 + [None],
            "score": ["novelty"] * 4 + ["synchrony", "perfect_fit_first"],
            "value": [9.0, 1.0, 2.0, 9.0, 0.5, 30.0],
        }
    )
    found = findings.values({Run("vit", "sgd", 0): frame}).set_index("score")["value"]
    assert found.to_dict() == {"novelty": 1.5, "synchrony": 0.5}
