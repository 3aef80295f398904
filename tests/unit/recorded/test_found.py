import json
from pathlib import Path
from typing import Any

import pytest
from elsewhere import recorded

from repdyn.config.study import Run
from repdyn.errors import RepdynError
from repdyn.recorded import found
from repdyn.recorded.found import Found


def put(folder: Path, *names: str, text: str = "") -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")


def find(folder: Path, pattern: str, **settings: Any) -> list[tuple[int, float, str]]:
    there = found.find(recorded(folder / pattern, **settings), Run("vit", "sgd", 3))
    return [(each.step, each.epoch, each.file.relative_to(folder).as_posix()) for each in there]


def message(folder: Path, pattern: str, **settings: Any) -> str:
    with pytest.raises(RepdynError) as caught:
        find(folder, pattern, **settings)
    return str(caught.value).replace(f"{folder}/", "").replace(str(folder), "FOLDER")


def test_a_pattern_finds_the_checkpoints_of_its_run_by_number_and_not_by_text(tmp_path: Path) -> None:
    put(
        tmp_path, *(f"vit-sgd-3/epoch_{epoch}.pt" for epoch in (0, 2, 10)), "vit-sgd-30/epoch_1.pt", "vit-sgd-3/best.pt"
    )
    assert find(tmp_path, "{arch}-{optimizer}-{seed}/epoch_{epoch}.pt", steps_per_epoch=4) == [
        (0, 0.0, "vit-sgd-3/epoch_0.pt"), (8, 2.0, "vit-sgd-3/epoch_2.pt"), (40, 10.0, "vit-sgd-3/epoch_10.pt"),
    ]  # fmt: skip


def test_an_offset_counts_epochs_from_their_ends(tmp_path: Path) -> None:
    put(tmp_path, "0.pt", "1.pt")
    assert [each[:2] for each in find(tmp_path, "{epoch}.pt", steps_per_epoch=10, offset=1.0)] == [(10, 1.0), (20, 2.0)]


def test_epochs_have_fractions_and_steps_leading_zeros(tmp_path: Path) -> None:
    put(tmp_path, "e0.5.pt", "s0012.pt")
    assert find(tmp_path, "e{epoch}.pt", steps_per_epoch=10) == [(5, 0.5, "e0.5.pt")]
    assert find(tmp_path, "s{step}.pt", steps_per_epoch=10) == [(12, 1.2, "s0012.pt")]


def test_a_number_may_stand_in_a_folder_and_again_in_its_file_and_a_star_for_anything(tmp_path: Path) -> None:
    put(tmp_path, "7/net-7.pt", "7/net-8.pt", "8/net-8.pt")
    assert [each[2] for each in find(tmp_path, "{step}/net-{step}.pt", steps_per_epoch=1)] == [
        "7/net-7.pt",
        "8/net-8.pt",
    ]
    put(tmp_path, "epoch=0-step=5-loss=0.31.ckpt", "epoch=1-step=10-loss=0.2.ckpt", ".epoch=2-step=15-loss=0.ckpt")
    # Step and epoch both said: no steps per epoch are needed.
    assert [each[:2] for each in find(tmp_path, "epoch={epoch}-step={step}-*.ckpt", offset=1)] == [(5, 1.0), (10, 2.0)]


def test_letters_that_mean_something_in_patterns_of_others_are_letters(tmp_path: Path) -> None:
    put(tmp_path, "a+[1]/epoch_1.pt", "a+[1]/epoch_1xpt")
    assert [each[2] for each in find(tmp_path, "a+[1]/epoch_{epoch}.pt", steps_per_epoch=1)] == ["a+[1]/epoch_1.pt"]


def test_the_folder_of_a_recorder_needs_no_pattern(tmp_path: Path) -> None:
    put(tmp_path, "recording.json", text=json.dumps({"format": 1, "steps_per_epoch": 8}))
    put(tmp_path, "step=0.safetensors", "step=12.safetensors", ".step=13.safetensors.x1", "history.jsonl")
    assert find(tmp_path, ".") == [(0, 0.0, "step=0.safetensors"), (12, 1.5, "step=12.safetensors")]
    assert "`steps_per_epoch` is 5, but" in message(tmp_path, ".", steps_per_epoch=5.0)
    put(tmp_path, "recording.json", text=json.dumps({"format": 2, "steps_per_epoch": 8}))
    assert "is of format 2, and this repdyn reads format 1" in message(tmp_path, ".")


def trainer(folder: Path, *steps: int, weights: str = "model.safetensors") -> None:
    for step in steps:
        put(folder, f"checkpoint-{step}/{weights}", f"checkpoint-{step}/optimizer.pt")
        state = {"global_step": step, "epoch": step / 8 + 1e-9, "log_history": []}
        put(folder, f"checkpoint-{step}/trainer_state.json", text=json.dumps(state))


def test_folders_of_hugging_face_say_their_epochs(tmp_path: Path) -> None:
    trainer(tmp_path, 4, 16)
    wanted = [(4, 0.5, "checkpoint-4/model.safetensors"), (16, 2.0, "checkpoint-16/model.safetensors")]
    assert find(tmp_path, ".") == find(tmp_path, "checkpoint-{step}") == wanted
    assert find(tmp_path, "checkpoint-{step}/model.safetensors") == wanted
    assert find(tmp_path, ".", steps_per_epoch=8.0) == wanted
    for path in (".", "checkpoint-{step}"):
        assert "`steps_per_epoch` is 20, but" in message(tmp_path, path, steps_per_epoch=20.0)


def test_shards_are_files_of_their_checkpoint(tmp_path: Path) -> None:
    trainer(tmp_path, 8, weights="model.safetensors.index.json")
    index = tmp_path / "checkpoint-8" / "model.safetensors.index.json"
    shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index.write_text(json.dumps({"weight_map": {"a": shards[1], "b": shards[0], "c": shards[0]}}), encoding="utf-8")
    (there,) = found.find(recorded(tmp_path), Run("vit", "sgd", 0))
    put(index.parent, shards[0])
    with pytest.raises(RepdynError, match=r"lists 2 shards, but model-00002-of-00002\.safetensors of them"):
        found.files(there)
    put(index.parent, shards[1])
    assert [file.name for file in found.files(there)] == [index.name, *shards]
    assert found.files(Found(1, 1.0, Path("a.pt"))) == [Path("a.pt")]


def test_what_cannot_be_found_is_said_with_what_is_there(tmp_path: Path) -> None:
    put(tmp_path, "vit-sgd-3/e1.pt", *(f"other/{number}" for number in range(9)))
    said = message(tmp_path, "{arch}-{optimizer}-{seed}/epoch_{epoch}.pt", steps_per_epoch=1)
    assert said == "There is no checkpoint `vit-sgd-3/epoch_{epoch}.pt`: `vit-sgd-3` has e1.pt."
    assert "`other` has 0, 1, 2, 3, 4, … (9 in all)" in message(tmp_path, "other/sgd/{step}.pt")
    assert "There is no checkpoint `nowhere`: `FOLDER` has other, vit-sgd-3." in message(tmp_path, "nowhere")


def test_a_folder_without_checkpoints_asks_for_a_pattern(tmp_path: Path) -> None:
    put(tmp_path, "vit-sgd-3/e1.pt")
    said = message(tmp_path, "vit-sgd-3")
    assert "neither a recorder's folder" in said and "`vit-sgd-3/epoch_{epoch}.pt`; `vit-sgd-3` has e1.pt." in said
    (tmp_path / "empty").mkdir()
    assert "`empty` has nothing in it" in message(tmp_path, "empty")


def test_two_files_of_one_step_are_refused(tmp_path: Path) -> None:
    put(tmp_path, "1.pt", "01.pt")
    assert "`01.pt` and `1.pt` are both of step 1; keep one" in message(tmp_path, "{step}.pt", steps_per_epoch=1)


def test_a_checkpoint_without_a_time_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "1.pt", "checkpoint-3/model.safetensors")
    for pattern in ("{step}.pt", "{epoch}.pt", "checkpoint-{step}", "."):
        assert "say it as `steps_per_epoch`" in message(tmp_path, pattern)


def test_other_places_in_braces_are_refused(tmp_path: Path) -> None:
    assert "has a place `{sead}`; the places in a path are {arch}, {optimizer}" in message(tmp_path, "{sead}/{step}.pt")


def test_a_folder_without_weights_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, 8, weights="adapter.bin")
    assert "The folder `checkpoint-8` has no weights: none of model.safetensors" in message(tmp_path, ".")
