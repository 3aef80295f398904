import json
from pathlib import Path
from typing import Any

import pytest

from repdyn.errors import RepdynError
from repdyn.recorded import folder
from repdyn.recorded.folder import About


def test_what_a_recording_says_of_itself_comes_back(tmp_path: Path) -> None:
    assert not folder.is_recording(tmp_path)
    about = About(781.25, {"bloc é.weight": "3 × 4 (float32)"})
    (tmp_path / "recording.json").write_text(about.text("1.2.3"), encoding="utf-8")
    assert folder.is_recording(tmp_path)
    assert About.read(tmp_path) == about
    assert json.loads(about.text("1.2.3"))["repdyn"] == "1.2.3"
    (tmp_path / "recording.json").write_text('{"format": 1, "steps_per_epoch": 4}', encoding="utf-8")
    found = About.read(tmp_path)
    assert found == About(4.0, {}) and isinstance(found.steps_per_epoch, float)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        *(({"format": other}, f"is of format {other}, and this repdyn reads format 1; use the") for other in (2, "1")),
        *(({"steps_per_epoch": other}, f"has `steps_per_epoch` {other}, but must have a number greater than 0")
          for other in (0, -3, "8", None, True, float("nan"), float("inf"))),
        *(({"network": other}, "but must have an object: tensor -> type and shape") for other in ([1], None, "a")),
    ],
)  # fmt: skip
def test_a_recording_of_another_version_or_with_something_else_in_it_is_refused(
    tmp_path: Path, changes: dict[str, Any], said: str
) -> None:
    content = {"format": 1, "steps_per_epoch": 8, "network": {}} | changes
    (tmp_path / "recording.json").write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(RepdynError) as caught:
        About.read(tmp_path)
    assert str(caught.value).startswith(f"`{tmp_path}/recording.json` ") and said in str(caught.value)


def test_checkpoints_are_in_order_of_their_steps_and_half_written_ones_are_none(tmp_path: Path) -> None:
    steps = [0, 9, 10, 100, 2, 12345678901]
    for step in steps:
        (tmp_path / folder.CHECKPOINT.format(step=step)).touch()
    for other in (
        ".step=3.safetensors", "step=3.safetensors.tmp", "step=3.safetensors ", "step=-1.safetensors",
        "step=1.5.safetensors", "step=.safetensors", "xstep=3.safetensors", "history.jsonl",
    ):  # fmt: skip
        (tmp_path / other).touch()
    found = folder.checkpoints(tmp_path)
    assert list(found) == sorted(steps)
    assert all(file == tmp_path / f"step={step}.safetensors" for step, file in found.items())


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"null", b'"text"', b"\xff\xfe", b'{"a": 1} x'])
def test_a_file_without_an_object_in_it_is_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with pytest.raises(RepdynError, match=r"a\.json` is not a JSON file with an object in it; it may be half written"):
        folder.read_json(file)


def test_a_file_that_is_not_there_or_a_folder_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(RepdynError, match=r"a\.json` cannot be read: No such file or directory\.$"):
        folder.read_json(tmp_path / "a.json")
    with pytest.raises(RepdynError, match="cannot be read: Is a directory"):
        folder.read_json(tmp_path)
    (tmp_path / "é.json").write_text('{"é": [1, null]}', encoding="utf-8")
    assert folder.read_json(tmp_path / "é.json") == {"é": [1, None]}
