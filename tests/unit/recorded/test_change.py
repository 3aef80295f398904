import json
from pathlib import Path
from typing import Any

import pytest
from elsewhere import recorded

from repdyn.config.runs import Run
from repdyn.errors import RepdynError
from repdyn.recorded import change
from repdyn.training.change import Row

RUN = Run("vit", "sgd", 3)
ROWS = [Row(0, 4, 0.0, 0.5, "bloc é", 0, 0.25, 0.75), Row(0, 4, 0.0, 0.5, "head", 1, None, None)]
ROWS += [row._replace(step_a=4, step_b=9, epoch_a=0.5, epoch_b=1.125) for row in ROWS]


def write(folder: Path, text: str, about: bool = True) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    if about:
        (folder / "recording.json").write_text('{"format": 1, "steps_per_epoch": 8}', encoding="utf-8")
    (folder / "change.jsonl").write_text(text, encoding="utf-8")
    return folder


def test_rows_come_in_their_order_and_a_line_that_was_not_written_to_its_end_does_not_count(tmp_path: Path) -> None:
    lines = [json.dumps(row._asdict(), ensure_ascii=False) for row in ROWS]
    folder = write(tmp_path / "vit-sgd-3", "".join(f"{line}\n" for line in lines))
    of_run = recorded(tmp_path / "{arch}-{optimizer}-{seed}")
    assert change.read(of_run, RUN) == ROWS
    for cut in (1, 20, len(lines[-1])):
        write(folder, "\n".join(lines[:3]) + "\n" + lines[-1][:cut])
        assert change.read(of_run, RUN) == ROWS[:3]
    write(folder, "")
    assert change.read(of_run, RUN) == []


def test_where_nobody_measured_it_there_are_no_rows(tmp_path: Path) -> None:
    line = json.dumps(ROWS[0]._asdict()) + "\n"
    assert change.read(recorded(tmp_path), RUN) == []
    write(tmp_path, line, about=False)  # of something else than a recorder
    assert change.read(recorded(tmp_path), RUN) == []
    write(tmp_path, line)
    assert change.read(recorded(tmp_path), RUN) == ROWS[:1]
    assert change.read(recorded(tmp_path / "{step}.pt"), RUN) == []


@pytest.mark.parametrize("line", ["{", "", "3", "[1]", "{}", '{"step": 3}', json.dumps(ROWS[0]._asdict() | {"a": 1})])
def test_what_no_recorder_writes_is_refused(tmp_path: Path, line: str) -> None:
    write(tmp_path, f"{line}\n")
    with pytest.raises(RepdynError, match=r"change\.jsonl` is not what a recorder writes; move it away\.$"):
        change.read(recorded(tmp_path), RUN)


def test_bytes_that_are_no_text_and_a_file_that_may_not_be_read_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "")
    (tmp_path / "change.jsonl").write_bytes(b"\xff\n")
    with pytest.raises(RepdynError, match="is not what a recorder writes"):
        change.read(recorded(tmp_path), RUN)

    def fail(*_: Any, **__: Any) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", fail)
    with pytest.raises(RepdynError, match=r"change\.jsonl` cannot be read: Permission denied\.$"):
        change.read(recorded(tmp_path), RUN)
