"""The lag of batch-norm statistics."""

import numpy as np
import pandas as pd
import pytest
from sample_tables import EPOCHS, lagging, of_runs

from repdyn.figures import batch_norm


def test_the_lag_of_batch_norm_has_a_panel_for_each_optimizer_of_networks_that_have_it():
    of_resnets = of_runs(lambda *_: lagging(["a", "b"])).query("arch == 'resnet'")
    figure = batch_norm.lag(of_resnets.assign(cka=of_resnets["cka"] - of_resnets["seed"] / 10))
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["resnet, sgd (2 seeds)", "resnet, adam (2 seeds)"]
    first, second, output = figure.axes[0].lines
    assert list(first.get_xdata()) == list(second.get_xdata()) == EPOCHS
    assert first.get_ydata()[0] == pytest.approx(1 - 1 / 3 - 0.05)
    assert list(output.get_ydata()) == [epoch / 128 for epoch in EPOCHS]
    assert [text.get_text() for text in figure.legends[0].get_texts()][::2] == ["a", "output: share of the same class"]
    assert batch_norm.NONE in [text.get_text() for text in batch_norm.lag(of_resnets.iloc[:0]).texts]


def rows(seed, layer, depth, cka, arch="resnet", same_class=None):
    return pd.DataFrame(
        {"layer": layer, "depth": depth, "epoch": [0.0, 1.0, 10.0], "cka": cka, "same_class": same_class,
         "arch": arch, "optimizer": "sgd", "seed": seed}
    )  # fmt: skip


def test_a_null_does_not_count_and_a_band_goes_from_the_lowest_seed_to_the_highest():
    seeds = [rows(0, "a", 0, [0.2, np.nan, np.nan]), rows(1, "a", 0, [0.6, 0.8, np.nan])]
    (axes,) = batch_norm.lag(pd.concat(seeds)).axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[0, 0.4], [1, 0.8]])
    heights = axes.collections[0].get_paths()[0].vertices
    assert {tuple(vertex) for vertex in heights.round(9)} == {(0, 0.2), (0, 0.6), (1, 0.8)}


def test_the_output_is_no_layer_and_where_none_was_measured_the_legend_does_not_name_it():
    output = rows(0, "output", 2, None, same_class=[0.0, 0.5, 1.0])
    table = pd.concat([rows(0, "b", 1, [1.0, 1.0, 1.0]), rows(0, "a", 0, [0.5, 0.5, 0.5])])
    for frame, labels in (
        (table, ["a", "b"]),
        (pd.concat([output, table]), ["a", "b", "output: share of the same class"]),
    ):
        figure = batch_norm.lag(frame)
        assert {text.get_text() for text in figure.legends[0].get_texts()} == set(labels)
        first, second, last = figure.axes[0].lines
        assert [first.get_ydata()[0], second.get_ydata()[0]] == [0.5, 1.0], "by depth, not as in the table"
        assert list(last.get_ydata()) == ([0.0, 0.5, 1.0] if len(labels) == 3 else [])
        assert last.get_color() == batch_norm.SAME_CLASS[0]


def test_architectures_have_layers_of_their_own_and_all_panels_the_same_epochs():
    of = {"resnet": ["a", "b"], "wide": ["a", "c", "d"]}
    frames = [
        rows(0, layer, depth, [0.1, 0.2, 0.3], arch) for arch, names in of.items() for depth, layer in enumerate(names)
    ]
    table = pd.concat(frames)
    figure = batch_norm.lag(table[(table["arch"] == "wide") | (table["epoch"] < 10)])
    assert [len(axes.lines) for axes in figure.axes] == [2 + 1, 3 + 1]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["first layer", "last layer"]
    assert len({axes.get_xlim() for axes in figure.axes}) == 1
    labelled = [any(text.get_text() for text in axes.get_xticklabels() if text.get_visible()) for axes in figure.axes]
    assert [axes.get_xlabel() for axes in figure.axes] == ["", "epoch"] and labelled[-1]


def test_columns_of_partitions_are_drawn_as_any_others():
    table = pd.concat([rows(seed, "a", 0, [0.5, 0.6, 0.7]) for seed in (0, 1)])
    as_read = table.astype({"arch": pd.CategoricalDtype(["resnet", "vit"]), "seed": pd.CategoricalDtype([0, 1, 2])})
    (axes,) = batch_norm.lag(as_read).axes
    assert axes.get_title(loc="left") == "resnet, sgd (2 seeds)"
