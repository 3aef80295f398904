"""Error by width."""

import numpy as np
import pandas as pd
import pytest
from in_figures import panel
from sample_tables import of_runs

from repdyn.errors import RepdynError
from repdyn.figures import widths


def test_error_by_width_is_that_at_the_end_and_at_each_run_s_best_epoch():
    def of_run(arch, _optimizer, seed):
        test = {"resnet": [0.2, 0.7, 0.5], "vit": [0.2, 0.6, 0.9]}[arch]
        return pd.DataFrame(
            {"epoch": [0.0, 1.0, 2.0], "test_accuracy": test, "train_accuracy": [0.1, 0.5, 1 - seed / 4]}
        )

    figure = widths.descent(of_runs(of_run), {"vit": 32, "resnet": 4})
    axes = panel(figure, "adam (2 seeds)", loc="left")
    drawn = [(list(line.get_xdata()), pytest.approx(list(line.get_ydata()))) for line in axes.lines]
    assert drawn == [([4, 32], [0.5, 0.1]), ([4, 32], [0.3, 0.1]), ([4, 32], [0.125, 0.125])]
    assert widths.descent(of_runs(of_run), {"resnet": 4}).axes[0].lines[0].get_xdata().tolist() == [4], "others are out"


def test_error_by_width_is_refused_without_widths(make_job, config):
    with pytest.raises(RepdynError, match="two `archs` or more have a `width`"):
        widths.draw(make_job("train", config), "widths")


def run(arch, test, train=0.9, seed=0, epochs=None, **factors):
    epochs = range(len(test)) if epochs is None else epochs
    columns = {"epoch": epochs, "test_accuracy": test, "train_accuracy": train, "arch": arch, "seed": seed}
    return pd.DataFrame(columns | {"optimizer": "sgd"} | factors)


def test_a_run_s_end_is_its_last_epoch_whatever_the_order_of_rows_and_its_best_the_lowest_error():
    histories = pd.concat([run("a", [0.5, 0.2, 0.8], epochs=[2.0, 0.0, 1.0]), run("b", [0.1, 0.3])])
    found = widths.ends(histories).set_index("arch")
    np.testing.assert_allclose(found.loc["a", ["test", "best", "train"]].astype(float), [0.5, 0.2, 0.1])
    np.testing.assert_allclose(found.loc["b", ["test", "best", "train"]].astype(float), [0.7, 0.7, 0.1])


def test_seeds_and_levels_of_the_data_are_runs_of_their_own_and_partitions_may_be_categories():
    histories = pd.concat([run("a", [0.1 * (1 + seed)], seed=seed, data=data) for seed in (0, 1) for data in "xy"])
    as_read = histories.astype({"arch": "category", "data": "category", "seed": "category"})
    for frame in (histories, as_read):
        found = widths.ends(frame)
        assert list(found.columns) == ["arch", "optimizer", "data", "seed", "test", "best", "train"]
        assert found.groupby("seed")["test"].unique().map(list).to_dict() == {0: [0.9], 1: [0.8]}
        assert len(found) == 4
    figure = widths.descent(histories, {"a": 4})
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["sgd, x (2 seeds)", "sgd, y (2 seeds)"]


def test_an_accuracy_that_was_not_measured_at_the_end_is_the_last_that_was():
    found = widths.ends(run("a", [0.1, 0.6, np.nan], train=np.nan))
    assert found["test"].iloc[0] == pytest.approx(0.4) and np.isnan(found["train"].iloc[0])


def test_widths_stand_in_their_order_and_all_panels_have_the_same_axes():
    of = {"large": 64, "small": 4, "middle": 16}
    histories = [run(arch, [1 - 1 / width], optimizer=name) for arch, width in of.items() for name in ("sgd", "adam")]
    figure = widths.descent(pd.concat(histories), of)
    for axes in figure.axes:
        np.testing.assert_allclose(axes.lines[0].get_xydata(), [[4, 1 / 4], [16, 1 / 16], [64, 1 / 64]])
        assert [text.get_text() for text in axes.get_xticklabels()] == ["4", "16", "64"]
        assert axes.get_ylim() == pytest.approx((0, 1.05 / 4)) and axes.get_xscale() == "log"
    assert [axes.get_ylabel() for axes in figure.axes] == ["error", ""]


def test_architectures_of_one_width_are_seeds_of_it():
    figure = widths.descent(pd.concat([run("a", [0.5]), run("b", [0.9]), run("c", [0.2])]), {"a": 8, "b": 8, "c": 16})
    (axes,) = figure.axes
    np.testing.assert_allclose(axes.lines[0].get_xydata(), [[8, 0.3], [16, 0.8]])
