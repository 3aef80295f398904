import numpy as np
import pandas as pd

from repdyn.analysis import change_events, sharp_margin
from repdyn.records.events import EVENTS

EPOCHS = np.arange(101.0)


def table(layers, epochs=EPOCHS):
    """A table of change; layers: name -> (length of a step in each interval as seen by CKA, by weights)."""
    frames = []
    for depth, (layer, (seen, moved)) in enumerate(layers.items()):
        frames.append(
            pd.DataFrame(
                {
                    "step_a": 4 * epochs[:-1].astype(int),
                    "step_b": 4 * epochs[1:].astype(int),
                    "epoch_a": epochs[:-1],
                    "epoch_b": epochs[1:],
                    "layer": layer,
                    "depth": depth,
                    "weights": moved,
                    "cka": 1 - np.square(seen),
                }
            )
        )
    return pd.concat(frames, ignore_index=True)


def at_rate(level, step=0.0, at=40, epochs=EPOCHS):
    """Lengths whose squares are a constant rate per decade of epochs, with a step of it."""
    wide = np.diff(np.log10(np.maximum(epochs, 0.1)))
    return np.sqrt(10 ** (level + step * (epochs[:-1] >= at)) * wide)


def test_every_layer_and_measure_has_its_events_or_a_row_that_says_why_not():
    calm, nothing = at_rate(-3), np.full(100, np.nan)
    found = change_events.of_run(
        table({"stem": (nothing, calm), "block": (at_rate(-3, 2.0), at_rate(-3, -2.0, 60)), "norm": (calm, nothing)})
    )
    assert list(found.columns) == EVENTS.names
    rows = found.set_index(["layer", "measure"])
    assert rows["status"].to_dict() == {
        ("stem", "cka"): "undefined", ("stem", "weights"): "none",
        ("block", "cka"): "dated", ("block", "weights"): "dated",
        ("norm", "cka"): "none", ("norm", "weights"): "undefined",
    }  # fmt: skip
    up, down = rows.loc[("block", "cka")], rows.loc[("block", "weights")]
    assert (up["epoch"], up["epoch_low"], up["epoch_high"], up["sign"]) == (40, 39, 41, "up")
    assert (down["epoch"], down["sign"], down["depth"]) == (60, "down", 1)
    dated = rows["status"] == "dated"
    assert rows.loc[~dated, ["epoch", "epoch_low", "epoch_high", "sign", "height"]].isna().all(axis=None)
    assert (rows.loc[rows["status"] != "undefined", "searched_from"] == 14).all()
    assert rows.loc[rows["status"] == "undefined", "searched_from"].isna().all()
    assert (rows["threshold"] == sharp_margin.THRESHOLD).all()


def test_too_few_evaluations_to_date_anything_are_told_from_nothing_to_date():
    epochs = np.unique(np.rint(10 ** np.arange(0, 2.01, 1 / 12)))
    found = change_events.of_run(table({"block": (at_rate(-3, 2.0, epochs=epochs),) * 2}, epochs))
    assert set(found["status"]) == {"too sparse to date"}
    assert found["searched_from"].isna().all()


def test_rows_in_any_order_give_the_same_events():
    change = table({"a": (at_rate(-3, 2.0), at_rate(-3)), "b": (at_rate(-3), at_rate(-3, 2.0))})
    shuffled = change.sample(frac=1, random_state=0).sort_values("layer", kind="stable")
    pd.testing.assert_frame_equal(change_events.of_run(shuffled), change_events.of_run(change))


def test_a_run_in_which_no_change_was_measured_has_no_rows():
    empty = change_events.of_run(table({"a": (at_rate(-3), at_rate(-3))}).iloc[:0])
    assert list(empty.columns) == EVENTS.names
    assert empty.empty
