import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from elsewhere import recorded
from torch.utils.tensorboard import SummaryWriter

from repdyn.config.study import Run
from repdyn.errors import RepdynError
from repdyn.recorded import found, history
from repdyn.records.train import HISTORY

ROWS = [{"epoch": 0, "test_accuracy": 0.1}, {"epoch": 1, "test_accuracy": 0.5, "train_loss": 1.25}]


def read(path: Path, columns: dict[str, str] | None = None, per_epoch: float | None = 10, **settings: Any) -> Any:
    named = {"path": str(path), "columns": columns or {}}
    of_run = recorded("nowhere/{step}.pt", history=named, steps_per_epoch=per_epoch, **settings)
    there = history.read(of_run, Run("vit", "sgd", 3))
    assert there is not None and all(list(row) == HISTORY.names for row in there)
    return [{name: value for name, value in row.items() if value is not None} for row in there]


def message(*arguments: Any, **settings: Any) -> str:
    with pytest.raises(RepdynError) as caught:
        read(*arguments, **settings)
    return str(caught.value)


def write(file: Path, rows: list[dict[str, Any]]) -> Path:
    frame = pd.DataFrame(rows)
    match file.suffix:
        case ".csv":
            frame.to_csv(file, index=False)
        case ".tsv":
            frame.to_csv(file, index=False, sep="\t")
        case ".parquet":
            frame.to_parquet(file)
        case ".jsonl":
            file.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
        case ".json":
            file.write_text(json.dumps(rows), encoding="utf-8")
    return file


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl", ".json"])
def test_a_log_with_our_names_needs_no_columns(tmp_path: Path, suffix: str) -> None:
    assert read(write(tmp_path / f"log{suffix}", ROWS)) == [
        {"step": 0, "epoch": 0.0, "test_accuracy": 0.1},
        {"step": 10, "epoch": 1.0, "test_accuracy": 0.5, "train_loss": 1.25},
    ]


def test_columns_of_other_names_and_in_percent_are_named(tmp_path: Path) -> None:
    file = write(tmp_path / "vit-sgd-3.csv", [{"it": 20, "val/acc": 62.5, "a / 100": 0.25, "epoch": 1, "note": "x"}])
    columns = {"step": "it", "test_accuracy": "val/acc / 100", "train_accuracy": "a / 100"}
    wanted = [{"step": 20, "epoch": 2.0, "test_accuracy": 0.625, "train_accuracy": 0.25}]
    assert read(tmp_path / "{arch}-{optimizer}-{seed}.csv", columns) == wanted
    assert "no column 'val' (for `test_accuracy`); there are it, val/acc, a / 100" in message(
        file, {"test_accuracy": "val"}
    )


def test_rows_of_one_step_are_merged_and_the_later_value_counts(tmp_path: Path) -> None:
    """As Lightning's CSV logger writes them, and as a loop that was killed and went on."""
    rows = [
        {"step": 9, "epoch": 0, "train_accuracy": 0.5}, {"step": 9, "epoch": 0, "test_accuracy": 0.4},
        {"step": 4, "epoch": 0, "test_accuracy": 0.1}, {"step": 9, "epoch": 0, "test_accuracy": 0.6},
        {"step": 12, "epoch": 1, "learning": 3.0},
    ]  # fmt: skip
    assert read(write(tmp_path / "metrics.csv", rows), per_epoch=8) == [
        {"step": 4, "epoch": 0.5, "test_accuracy": 0.1},
        {"step": 9, "epoch": 1.125, "train_accuracy": 0.5, "test_accuracy": 0.6},
    ]


def test_epochs_are_counted_from_their_ends_as_those_of_the_checkpoints(tmp_path: Path) -> None:
    file = write(tmp_path / "log.csv", ROWS)
    assert [(row["step"], row["epoch"]) for row in read(file, offset=1.0)] == [(10, 1.0), (20, 2.0)]
    file = write(tmp_path / "both.csv", [{"step": 5, "epoch": 0, "test_accuracy": 0.5}])
    assert read(file, per_epoch=None, offset=1.0) == [{"step": 5, "epoch": 1.0, "test_accuracy": 0.5}]
    # The column that the config names dates the rows.
    assert read(file, {"epoch": "epoch"}) == [{"step": 0, "epoch": 0.0, "test_accuracy": 0.5}]


def test_the_last_state_of_hugging_faces_trainer_has_the_history(tmp_path: Path) -> None:
    log = [
        {"step": 4, "epoch": 0.5, "loss": 2.0, "learning_rate": 0.1}, {"step": 8, "epoch": 1.0, "eval_accuracy": 0.5},
    ]  # fmt: skip
    for step, length in ((4, 1), (8, 2)):
        state = tmp_path / f"checkpoint-{step}" / "trainer_state.json"
        state.parent.mkdir()
        state.write_text(json.dumps({"log_history": log[:length]}), encoding="utf-8")
    columns = {"test_accuracy": "eval_accuracy", "lr": "learning_rate"}
    assert read(tmp_path / "checkpoint-{step}" / "trainer_state.json", columns, per_epoch=8) == [
        {"step": 4, "epoch": 0.5, "lr": 0.1},
        {"step": 8, "epoch": 1.0, "test_accuracy": 0.5},
    ]


@pytest.mark.parametrize("new_style", [False, True])
def test_event_files_of_tensorboard_are_read(tmp_path: Path, new_style: bool) -> None:
    folder = tmp_path / "logs"
    with SummaryWriter(str(folder)) as writer:
        for epoch in range(3):
            writer.add_scalar("acc/val", epoch / 4, epoch, new_style=new_style, walltime=100 + epoch)
            writer.add_scalar("loss", 1.5, epoch, new_style=new_style, walltime=100 + epoch)
            writer.add_text("words", "no number", epoch)
    columns = {"epoch": "step", "test_accuracy": "acc/val"}
    wanted = [
        {"step": 10 * epoch, "epoch": epoch, "test_accuracy": epoch / 4, "seconds": epoch} for epoch in range(3)
    ]  # fmt: skip
    assert read(folder, columns) == wanted
    named = recorded("nowhere", history={"path": str(folder)})
    assert found.history_files(named, Run("vit", "sgd", 3)) == [*folder.iterdir()]
    assert read(next(folder.iterdir()), columns) == wanted
    assert "no column 'acc' (for `test_accuracy`); there are step, seconds, " in message(
        folder, {"test_accuracy": "acc"}
    )


def test_a_recorder_s_folder_has_its_history_with_it(tmp_path: Path) -> None:
    (tmp_path / "recording.json").write_text(json.dumps({"format": 1, "steps_per_epoch": 4}), encoding="utf-8")

    def rows() -> Any:
        return history.read(recorded(tmp_path), Run("vit", "sgd", 3))

    assert rows() is None and found.history_files(recorded(tmp_path), Run("vit", "sgd", 3)) == []
    file = write(tmp_path / "history.jsonl", [{"step": 8, "test_accuracy": 0.5}])
    with file.open("a", encoding="utf-8") as opened:
        opened.write('{"step": 12, "test_acc')  # the loop was killed here
    assert found.history_files(recorded(tmp_path), Run("vit", "sgd", 3)) == [file]
    ((row),) = rows()
    assert (row["step"], row["epoch"], row["test_accuracy"]) == (8, 2.0, 0.5)
    assert history.read(recorded("nowhere/{step}.pt"), Run("vit", "sgd", 3)) is None


@pytest.mark.parametrize(
    ("name", "content", "columns", "said"),
    [
        ("a.csv", "epoch,acc\n0,0.5\n", {}, "has none of the columns of a history; say in `history.columns`"),
        ("a.csv", "acc\n0.5\n", {"test_accuracy": "acc"}, "says of no row when it was; name the column"),
        ("a.csv", "step,acc\n1,0.5\n", {"accuracy": "acc"}, "names 'accuracy'; a history has step, epoch, lr,"),
        ("a.csv", "step,test_accuracy\n1,62\n", {}, "from 0 to 1; where it is in percent, write `test_accuracy: test_"),
        ("a.csv", "step,test_accuracy\n1,-1\n", {}, "has -1 in 'test_accuracy', but an accuracy is a fraction"),
        ("a.csv", "step,test_accuracy\n1,good\n", {}, "has 'good' in 'test_accuracy', which is no number"),
        ("a.csv", "step,test_accuracy\n-1,0.5\n", {}, "has a row at step -1, which cannot be"),
        ("a.csv", "step,test_accuracy\n1.5,0.5\n", {}, "has a row at step 1.5, which cannot be"),
        ("a.csv", "step,test_accuracy\n1,\n", {}, "has no row with a value in test_accuracy"),
        ("a.csv", "step,test_accuracy\n", {}, "has no rows."),
        ("a.csv", "", {}, "is not what its name says: No columns to parse"),
        ("a.parquet", "step", {}, "is not what its name says"),
        ("a.json", '{"step": [1]}', {}, "a history in JSON is a list of objects"),
        ("a.jsonl", "[1]\n", {}, "each line must be a JSON object"),
        ("a.jsonl", "{\n{}\n", {}, "is not what its name says"),
        ("a.xlsx", "", {}, "has no format that a history is read from; there are .csv, .tsv"),
    ],
)
def test_what_cannot_be_read_is_said(
    tmp_path: Path, name: str, content: str, columns: dict[str, str], said: str
) -> None:
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert said in message(tmp_path / name, columns)


def test_a_history_that_is_missing_ambiguous_or_without_times_is_refused(tmp_path: Path) -> None:
    assert "There is no history" in message(tmp_path / "log.csv")
    assert "has no event files of TensorBoard" in message(tmp_path)
    write(tmp_path / "a.csv", ROWS), write(tmp_path / "b.csv", ROWS)
    assert "are both the history" in message(tmp_path / "*.csv")
    for rows in (ROWS, [{"step": 1, "test_accuracy": 0.5}]):
        assert "say it as `steps_per_epoch`" in message(write(tmp_path / "a.csv", rows), per_epoch=None)


def test_steps_and_epochs_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    log = write(tmp_path / "log.csv", [{"step": 782 * e, "epoch": e, "test_accuracy": 0.5} for e in range(20)])
    assert read(log, per_epoch=782)[-1]["epoch"] == 19
    counted_from_one = write(
        tmp_path / "other.csv", [{"step": 782 * e, "epoch": e + 1, "test_accuracy": 0.5} for e in range(20)]
    )
    assert read(counted_from_one, per_epoch=782)[-1]["epoch"] == 19
    assert "with 13 steps in an epoch it is in epoch 60.1538; correct `steps_per_epoch`" in message(log, per_epoch=13)


def test_a_history_of_other_epochs_than_the_checkpoints_is_refused_and_a_short_one_remarked() -> None:
    def covers(*epochs: float) -> str | None:
        rows = [{"epoch": epoch} for epoch in epochs]
        return history.check_covers(rows, {0: 0.0, 10: 1.0, 300: 30.0}, "vit sgd seed 0")

    assert covers(0, 10, 29) is None
    remark = covers(0, 1, 2)
    assert remark is not None
    assert "epochs 0 to 2, and checkpoints of epochs 0 to 30: what happens after its end is not known" in remark
    for other in ((100, 200), (0, 40)):
        with pytest.raises(RepdynError, match="vit sgd seed 0 has a history of epochs"):
            covers(*other)
