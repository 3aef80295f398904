import numpy as np
import pandas as pd
import pytest
from tiny_stages import Array, Config, MakeJob, write

from repdyn.pipeline.jobs import Job
from repdyn.records.change import CHANGE
from repdyn.records.events import DATED, DOWN, EVENTS, NONE, SPARSE, UNDEFINED, UP
from repdyn.stages import events
from repdyn.storage import tables

STEP = 40.0  # epoch


@pytest.fixture
def job(make_job: MakeJob, config: Config) -> Job:
    return make_job("events", config)


def rates(sign: int) -> Array:
    """Change in each epoch of 100: one rate per decade, and a hundred times as much, or as little, from epoch 40 on."""
    epochs = np.arange(1.0, 101.0)
    found: Array = 1e-4 * np.diff(np.log10(epochs)) * np.where(epochs[:-1] >= STEP, 100.0**sign, 1.0)
    return found


def of_layer(layer: str, depth: int, squared: Array, epochs: Array | None = None) -> pd.DataFrame:
    """A layer's rows: its activations change by these squared distances, and its weights, which are none, do not."""
    epochs = np.arange(1.0, 101.0) if epochs is None else epochs
    steps = (10 * epochs).astype(int)
    return pd.DataFrame(
        {
            "step_a": steps[:-1], "step_b": steps[1:], "epoch_a": epochs[:-1], "epoch_b": epochs[1:],
            "layer": layer, "depth": depth, "weights": None, "cka": 1 - squared,
        }
    )  # fmt: skip


def found(job: Job) -> pd.DataFrame:
    events.main(job)
    table: pd.DataFrame = tables.read(*job.place(EVENTS)).to_pandas()
    return table


@pytest.mark.parametrize(("sign", "name"), [(1, UP), (-1, DOWN)])
def test_a_step_of_the_rate_is_dated_and_its_interval_holds_it(
    job: Job, sign: int, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    write(job, CHANGE, pd.concat([of_layer("stem", 0, rates(0)), of_layer("body", 1, rates(sign))]))
    with caplog.at_level("INFO"):
        table = found(job)
    (row,) = table[table["status"] == DATED].to_dict("records")
    assert (row["layer"], row["depth"], row["measure"], row["sign"]) == ("body", 1, "cka", name)
    assert row["epoch_low"] <= STEP <= row["epoch_high"]
    assert row["epoch"] == pytest.approx(STEP, rel=0.03)
    assert row["height"] == pytest.approx(2, abs=0.15), "two decades, less what a drift would do"
    assert f"cka, {DATED} at epochs {row['epoch']:.3g}: body" in caplog.text
    others = table[table["status"] != DATED]
    assert list(zip(others["layer"], others["measure"], others["status"], strict=True)) == [
        ("stem", "cka", NONE),
        ("stem", "weights", UNDEFINED),
        ("body", "weights", UNDEFINED),
    ]
    assert others[["epoch", "epoch_low", "epoch_high", "sign", "height"]].isna().all(axis=None)


def test_rows_in_any_order_give_the_same_events(job: Job) -> None:
    ordered = of_layer("body", 0, rates(1))
    write(job, CHANGE, ordered)
    expected = found(job)
    write(job, CHANGE, ordered.sample(frac=1, random_state=0))
    pd.testing.assert_frame_equal(found(job), expected)


def test_too_few_evaluated_epochs_date_nothing(job: Job) -> None:
    epochs = 2.0 ** np.arange(8)
    write(job, CHANGE, of_layer("body", 0, np.diff(np.log10(epochs)), epochs))
    table = found(job)
    assert set(table.loc[table["measure"] == "cka", "status"]) == {SPARSE}
    assert table[["searched_from", "searched_to"]].isna().all(axis=None)


def test_a_run_whose_change_nobody_measured_has_no_events_and_the_log_says_so(
    job: Job, caplog: pytest.LogCaptureFixture
) -> None:
    write(job, CHANGE, of_layer("body", 0, rates(1)).iloc[:0])
    with caplog.at_level("INFO"):
        assert found(job).empty
    assert caplog.messages == ["no change between evaluated epochs was measured, so nothing is dated"]
