"""Logs of any format are the same records."""

import builtins
import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from repdyn.errors import RepdynError
from repdyn.recorded import logs

RECORDS: logs.Log = [
    {"step": 0, "val/acc": 0.5, "note é": "a, b"},
    {"step": 10, "val/acc": None, "note é": "c"},
    {"step": 5, "val/acc": 0.25, "note é": None},
]


def write(file: Path, records: logs.Log = RECORDS) -> Path:
    frame, lines = pd.DataFrame(records), [json.dumps(record, ensure_ascii=False) for record in records]
    match file.suffix:
        case ".csv" | ".tsv":
            frame.to_csv(file, index=False, sep="," if file.suffix == ".csv" else "\t")
        case ".parquet":
            frame.to_parquet(file)
        case ".jsonl" | ".ndjson":
            file.write_text("\n \n\n".join(lines) + "\n", encoding="utf-8")
        case ".json":
            file.write_text(f"[{','.join(lines)}]", encoding="utf-8")
    return file


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet", ".jsonl", ".ndjson", ".json"])
def test_records_come_in_their_order_with_none_where_there_is_no_value(tmp_path: Path, suffix: str) -> None:
    assert logs.read(write(tmp_path / f"é{suffix}")) == RECORDS


def test_the_log_in_the_state_of_a_trainer_and_records_of_different_columns_are_read(tmp_path: Path) -> None:
    file = tmp_path / "trainer_state.json"
    log = [{"step": 1, "loss": 2.0}, {"step": 2, "eval": math.nan}, {}]
    file.write_text(json.dumps({"epoch": 1.0, "log_history": log}), encoding="utf-8")
    assert logs.read(file) == [{"step": 1, "loss": 2.0}, {"step": 2, "eval": None}, {}]


def test_values_keep_their_types_and_only_nan_is_no_value(tmp_path: Path) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"a": 3, "b": "3", "c": Infinity, "d": NaN, "e": [1], "f": true}\r\n', encoding="utf-8")
    (record,) = logs.read(file)
    assert record == {"a": 3, "b": "3", "c": math.inf, "d": None, "e": [1], "f": True}
    assert [type(value) for value in record.values()][:2] == [int, str]
    (tmp_path / "log.csv").write_text("step, acc ,1\n7, 0.5,x\n", encoding="utf-8")
    assert logs.read(tmp_path / "log.csv") == [{"step": 7, "acc ": 0.5, "1": "x"}]


@pytest.mark.parametrize("cut", [0, 1, 9, 15])
def test_a_last_line_that_was_not_written_to_its_end_does_not_count(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "log.jsonl"
    file.write_text('{"step": 1}\n' + '{"step": 2000000}'[:cut], encoding="utf-8")
    assert logs.read(file) == [{"step": 1}]
    file.write_text('{"step": 1}\n{"step": 2}', encoding="utf-8")
    assert logs.read(file) == [{"step": 1}, {"step": 2}]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.csv", b"", "is not what its name says: No columns to parse from file."),
        ("a.csv", b"a,b\n1,2,3,4\n5\n6,7,8,9,10\n", "is not what its name says: Error tokenizing data"),
        ("a.csv", b"\xff\xfe\x00\n", "is not what its name says"),
        ("a.parquet", b"PAR1", "is not what its name says"),
        ("a.jsonl", b'{"a": \n{}\n', "is not what its name says"),
        ("a.jsonl", b'{"a": 1}\n3\n', "each line must be a JSON object"),
        ("a.json", b'{"log": []}', "a history in JSON is a list of objects, or an object with such a list as `log_hi"),
        ("a.json", b"[1, {}]", "a history in JSON is a list of objects"),
        ("a.json", b"3", "a history in JSON is a list of objects"),
        ("a", b"", "has no format that a history is read from; there are .csv, .tsv, .parquet, .jsonl, .json, or"),
        ("a.CSV", b"a\n1\n", "has no format that a history is read from"),
    ],
)
def test_what_is_no_log_is_refused_in_a_sentence(tmp_path: Path, name: str, content: bytes, said: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(RepdynError) as caught:
        logs.read(tmp_path / name)
    message = str(caught.value)
    assert message.startswith(f"`{tmp_path / name}`") and said in message
    assert "\n" not in message and message.count(".. ") == 0


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl", "a.json"])
def test_a_log_that_is_not_there_is_said_not_to_be(tmp_path: Path, name: str) -> None:
    with pytest.raises(RepdynError, match=rf"`{tmp_path}/{name}` cannot be read: No such file or directory\.$"):
        logs.read(tmp_path / name)


def test_an_empty_log_has_no_records(tmp_path: Path) -> None:
    for name, content in (("a.csv", "step,acc\n"), ("a.jsonl", ""), ("a.json", "[]"), ("b.json", '{"log_history":[]}')):
        (tmp_path / name).write_text(content, encoding="utf-8")
        assert logs.read(tmp_path / name) == []


def test_a_folder_is_read_only_if_it_has_event_files(tmp_path: Path) -> None:
    (tmp_path / "log.csv").touch()
    with pytest.raises(RepdynError, match=r"has no event files of TensorBoard; a history is \.csv"):
        logs.read(tmp_path)


def test_without_tensorboard_the_sentence_says_what_to_install(tmp_path: Path, monkeypatch: Any) -> None:
    (tmp_path / "events.out.tfevents.1").write_bytes(b"")
    imports = builtins.__import__

    def refuse(name: str, *arguments: Any, **keywords: Any) -> Any:
        if name.startswith("tensorboard"):
            raise ImportError(name)
        return imports(name, *arguments, **keywords)

    monkeypatch.setattr(builtins, "__import__", refuse)
    for place in (tmp_path, tmp_path / "events.out.tfevents.1"):
        with pytest.raises(RepdynError, match="run `pip install tensorboard`"):
            logs.read(place)
