"""Each layer by itself, and how far its weights move."""

import numpy as np
import pandas as pd
import pytest
from sample_tables import EPOCHS, RUNS, STEPS, alone, of_runs, weights

from repdyn.figures import geometry


def test_weights_move_from_where_they_began_and_from_the_checkpoint_before():
    found = geometry.moved(of_runs(lambda *_: weights(["a", "b"])))
    assert len(found) == len(RUNS) * 2 * len(EPOCHS)
    one = found[
        (found["layer"] == "b") & (found["arch"] == "vit") & (found["optimizer"] == "sgd") & found["seed"].eq(1)
    ]
    assert list(one["epoch"]) == EPOCHS
    np.testing.assert_allclose(one["cosine"], 1 - np.arange(len(EPOCHS)) / 20)
    np.testing.assert_allclose(one["from_start"], np.arange(len(EPOCHS)) / 20)
    np.testing.assert_allclose(one["from_before"], [np.nan, *[1 / 20] * (len(EPOCHS) - 1)])
    figure = geometry.through_training(found, geometry.OF_WEIGHTS)
    assert len(figure.axes) == 4 * 3
    (line,) = [line for line in figure.axes[0].lines if line.get_gid() == "b"]
    np.testing.assert_allclose(line.get_ydata(), one["cosine"])


def test_how_far_weights_moved_does_not_depend_on_the_order_of_rows_and_each_run_has_its_own_steps():
    def of_run(_arch, optimizer, seed):
        table = weights(["a", "b"])
        few = STEPS[::2] if optimizer == "adam" else STEPS
        return table[table["step_a"].isin(few) & table["step_b"].isin(few)].assign(norm_a=2.0 + 2 * seed)

    tables = of_runs(of_run)
    keys = ["arch", "optimizer", "seed", "layer", "step_b"]
    ordered, shuffled = (
        geometry.moved(frame).sort_values(keys, ignore_index=True) for frame in (tables, tables.sample(frac=1))
    )
    pd.testing.assert_frame_equal(ordered, shuffled)
    for (optimizer, seed), part in ordered.groupby(["optimizer", "seed"]):
        further = part["from_before"].dropna()
        apart = (2 if optimizer == "adam" else 1) / 10 / (2 + 2 * seed)
        np.testing.assert_allclose(further, apart)
        assert (part["from_before"].isna() == (part["step_b"] == STEPS[0])).all()


def test_distances_from_weights_of_norm_0_are_undefined_and_the_cosine_stays_as_it_is():
    found = geometry.moved(weights(["a"]).assign(norm_a=0.0, arch="vit", optimizer="sgd", seed=0))
    assert found[["from_start", "from_before"]].isna().all(axis=None)
    assert found["cosine"].notna().all()


def test_one_checkpoint_has_not_moved():
    table = weights(["a"]).query("step_a == 0 and step_b == 0").assign(arch="vit", optimizer="sgd", seed=0)
    (row,) = geometry.moved(table).to_dict("records")
    assert row["from_start"] == 0 and np.isnan(row["from_before"]) and row["epoch"] == 0


def drawn(values, log):
    """A quantity of one layer through training."""
    frame = pd.DataFrame({"epoch": range(len(values)), "norm": values, "layer": "a", "depth": 0})
    frame = frame.assign(arch="vit", optimizer="sgd", seed=0)
    (axes,) = geometry.through_training(frame, [geometry.Quantity("norm", "norm", log=log)]).axes
    return axes


@pytest.mark.parametrize(
    ("values", "ticks"),
    [
        ([1.0, 1000.0], ["1", "10", "100", "1000"]),
        ([0.9, 5.0], ["1", "2", "5"]),
        ([0.0, 2.0, 2.0], ["2"]),
        ([0.0, 3.0, 3.0], ["2.8", "3", "3.2", "3.4"]),
    ],
)
def test_a_logarithmic_axis_has_ticks_at_powers_of_ten_or_between_where_few(values, ticks):
    axes = drawn(values, log=True)
    assert axes.get_yscale() == "log"
    assert [text.get_text() for text in axes.get_yticklabels()] == ticks
    low, high = axes.get_ylim()
    positive = [value for value in values if value > 0]
    assert low < min(positive) and high > max(positive)


@pytest.mark.parametrize(("values", "log"), [([0.0, 0.0], True), ([0.5, 0.5], False), ([-1.0, 1.0], False)])
def test_what_has_no_logarithm_or_no_range_has_a_linear_axis_around_it(values, log):
    axes = drawn(values, log=log)
    low, high = axes.get_ylim()
    assert axes.get_yscale() == "linear" and low < min(values) and high > max(values)


def test_panels_of_a_row_have_the_same_axes_and_lines_are_means_over_seeds():
    def of_run(arch, _optimizer, seed):
        table = alone(["a", "b"])
        return table.assign(norm=table["norm"] * (1 + seed) * (3 if arch == "vit" else 1))

    figure = geometry.through_training(of_runs(of_run), geometry.OF_LAYERS)
    rows = [figure.axes[4 * i : 4 * i + 4] for i in range(len(geometry.OF_LAYERS))]
    for row, quantity in zip(rows, geometry.OF_LAYERS, strict=True):
        assert len({axes.get_ylim() for axes in row}) == len({axes.get_xlim() for axes in row}) == 1
        assert [axes.get_ylabel() for axes in row] == [quantity.label, "", "", ""]
    (line,) = [line for line in rows[0][3].lines if line.get_gid() == "b"]
    np.testing.assert_allclose(line.get_ydata(), [1.5 * 3 * (1 + 2 * epoch) for epoch in EPOCHS])
    assert rows[0][3].get_title(loc="left") == "vit, adam (2 seeds)"
