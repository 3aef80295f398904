import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import yaml
from damage import with_a_changed_byte
from image_folders import TRAIN, described, draw, layout, plain

from repdyn.config import study as studies
from repdyn.data import contents, datasets
from repdyn.errors import RepdynError
from repdyn.pipeline import snapshot


@pytest.fixture
def folder(tmp_path):
    """A folder of images."""
    plain(tmp_path / "mine")
    return tmp_path / "mine"


@pytest.fixture
def later(monkeypatch):
    """A time at which the files were changed long ago."""
    clock = time.time_ns
    monkeypatch.setattr(contents, "_clock", lambda _: clock() + 10**12)


@pytest.fixture
def read(monkeypatch):
    """The names of the files that are read."""
    names: list[str] = []
    digest = contents._digest
    monkeypatch.setattr(contents, "_digest", lambda file: names.append(Path(file).name) or digest(file))
    return names


def swap_names(folder):
    first, second, other = (folder / "train/n01" / name for name in ("0.png", "1.png", "other"))
    first.rename(other)
    second.rename(first)
    other.rename(second)


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    "change",
    [
        lambda folder: draw(folder / "train/n01/0.png", seed=9),
        lambda folder: draw(folder / "test/n01/0.png", seed=9),
        lambda folder: draw(folder / "train/n01/more.png", seed=9),
        lambda folder: (folder / "train/n01/0.png").unlink(),
        lambda folder: (folder / "train/n01/0.png").rename(folder / "train/n02/new.png"),
        lambda folder: (folder / "train/n01/0.png").rename(folder / "train/n01/zero.png"),
        lambda folder: (folder / "train/n01/0.png").rename(folder / "train/n01/\n0.png"),
        swap_names,
        lambda folder: (folder / "train/n01/0.png").write_bytes(
            with_a_changed_byte((folder / "train/n01/0.png").read_bytes(), 60)
        ),
    ],
)
def test_whatever_is_changed_about_the_images_changes_the_digest(folder, change):
    before = str(contents.look(layout(), folder.parent))
    change(folder)
    assert str(contents.look(layout(), folder.parent)) != before


def test_what_is_no_image_and_where_the_folder_lies_change_nothing(folder):
    before = str(contents.look(layout(), folder.parent))
    (folder / "train/n01/.DS_Store").touch()
    (folder / "train/n01/notes.txt").touch()
    assert str(contents.look(layout(), folder.parent)) == before
    (folder.parent / "there").mkdir()
    folder.rename(folder.parent / "there/mine")
    assert str(contents.look(layout(), folder.parent / "there")) == before


@pytest.mark.usefixtures("later")
def test_only_what_has_changed_is_read_again(folder, read):
    contents.look(layout(), folder.parent)
    assert len(read) == 3 * (TRAIN + 4)
    read.clear()
    contents.look(layout(), folder.parent)
    assert read == []
    draw(folder / "train/n01/3.png", seed=9)
    contents.look(layout(), folder.parent)
    assert read == ["3.png"]


def test_a_file_is_read_again_whose_next_change_its_times_might_not_show(folder, read):
    contents.look(layout(), folder.parent)
    read.clear()
    contents.look(layout(), folder.parent)
    assert len(read) == 3 * (TRAIN + 4)


@pytest.mark.usefixtures("later")
def test_a_change_that_leaves_size_and_times_as_they_were_is_seen(folder):
    file = folder / "train/n01/0.png"
    before, status = str(contents.look(layout(), folder.parent)), file.stat()
    file.write_bytes(with_a_changed_byte(file.read_bytes(), 60))
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert str(contents.look(layout(), folder.parent)) != before


@pytest.mark.usefixtures("later")
@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda _: b"nothing\n",
        lambda content: content[:-9],
        lambda content: with_a_changed_byte(content, len(content) - 20),
        lambda content: with_a_changed_byte(content, 0),
        lambda _: b"1223704338\n[]",
    ],
)
def test_damage_to_what_is_kept_costs_time_alone(folder, read, damage):
    before = str(contents.look(layout(), folder.parent))
    kept = layout().store(folder.parent) / contents.KEPT
    kept.write_bytes(damage(kept.read_bytes()))
    read.clear()
    assert str(contents.look(layout(), folder.parent)) == before
    assert len(read) == 3 * (TRAIN + 4)
    read.clear()
    assert str(contents.look(layout(), folder.parent)) == before
    assert read == []


@pytest.mark.usefixtures("later")
def test_two_that_look_at_once_read_the_images_once(folder, read):
    found = []
    threads = [
        threading.Thread(target=lambda: found.append(str(contents.look(layout(), folder.parent)))) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(found)) == 1
    assert len(found) == 2
    assert len(read) == 3 * (TRAIN + 4)


@pytest.mark.usefixtures("later")
def test_where_nothing_can_be_kept_the_images_are_read_each_time(folder, read):
    before = str(contents.look(layout(), folder.parent))
    for file in layout().store(folder.parent).iterdir():
        file.unlink()
    layout().store(folder.parent).rmdir()
    layout().store(folder.parent).touch()  # where the folder would be
    read.clear()
    assert str(contents.look(layout(), folder.parent)) == before
    assert len(read) == 3 * (TRAIN + 4)


def test_a_file_that_cannot_be_read_is_named(folder, monkeypatch):
    def fail(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(contents.hashlib, "file_digest", fail)
    with pytest.raises(RepdynError, match=r"^`.*n01/0.png` cannot be read: Permission denied\.$"):
        contents.look(layout(), folder.parent)


# ---- what a study knows of its data ---------------------------------------------------------------------------------


@pytest.fixture
def study(config, folder):
    """A study of the folder, given changes to its section of data."""

    def make(**changes):
        config["data"] = described().model_dump(exclude_none=True) | changes
        config["execution"] = {"data_root": str(folder.parent)}
        return studies.parse(config)

    return make


def test_a_study_is_another_when_its_images_are(study, folder):
    before = datasets.settled(study())
    assert before.hyperparameters("train", before.runs[0])["data"]["contents"] == before.data.contents
    assert datasets.settled(study()) == before
    draw(folder / "train/n01/0.png", seed=9)
    after = datasets.settled(study())
    assert after.hyperparameters("examples") != before.hyperparameters("examples")


def test_the_copy_that_jobs_read_says_what_is_in_the_folder(study, folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    monkeypatch.setattr(snapshot, "_apart", lambda *_: None)
    taken, path = snapshot.take(study().model_dump(mode="json"))
    assert studies.load(Path(path)) == taken
    assert taken.data.contents is not None


def test_a_study_of_other_data_does_not_speak_of_contents(config):
    study = datasets.settled(studies.parse(config))
    assert "contents" not in study.hyperparameters("train", study.runs[0])["data"]
    assert "contents" not in study.model_dump(mode="json")["data"]
    config["data"]["contents"] = "0" * 16 + "-" + "0" * 16
    with pytest.raises(RepdynError, match=r"`data.contents` is for image folders, which `digits` is not; leave it out"):
        datasets.settled(studies.parse(config))


def test_contents_in_the_config_refuse_other_images(study, folder):
    there = str(contents.look(layout(), folder.parent))
    assert datasets.settled(study(contents=there)).data.contents == there
    other = "0" * 16 + "-" + "0" * 16
    with pytest.raises(
        RepdynError, match=f"`data.contents` is {other}, and theirs would be {there}; put the others back"
    ):
        datasets.settled(study(contents=other))
    with pytest.raises(RepdynError, match=r"`data.contents`: 'abc' is not allowed"):
        study(contents="abc")


def test_where_the_folder_is_gone_the_study_is_that_of_what_was_last_there(study, folder):
    before = datasets.settled(study())
    folder.rename(folder.parent / "moved")
    assert datasets.settled(study()) == before
    assert datasets.settled(study(contents="0" * 16 + "-" + "0" * 16)).data.contents != before.data.contents


def test_a_folder_that_never_was_there_is_no_hindrance_before_it_is_read(study, folder):
    folder.rename(folder.parent / "moved")
    assert datasets.settled(study()).data.contents is None
    assert datasets.remarks(study()) == []


def test_a_stage_run_by_hand_knows_the_same_images_in_every_locale(study, folder):
    (folder / "train/n01/0.png").rename(folder / "train/n01" / os.fsdecode(b"\xff\n.png"))
    (folder / "train/n02/0.png").rename(folder / "train/n02/é.png")
    (folder / "train/n01" / os.fsdecode(b"left.\xfe")).touch()
    wanted = datasets.settled(study()).data.contents
    (folder.parent / "study.yaml").write_text(yaml.safe_dump(study().model_dump(mode="json")), encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
    environment = os.environ | ascii_only | {"PYTHONPATH": str(Path(contents.__file__).parents[2])}
    for stage in ("fetch", "examples --seed 0"):
        words = [sys.executable, "-m", "repdyn", *stage.split(), "--study", "study.yaml", "--log", f"{stage[:5]}.log"]
        done = subprocess.run(words, cwd=folder.parent, env=environment, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    table = folder.parent / "results/tiny/examples/seed=0/examples.parquet"
    made_with = json.loads(pq.read_schema(table).metadata[b"repdyn"])["hyperparameters"]
    assert made_with["data"]["contents"] == wanted
    assert r"1 .\xfe" in (folder.parent / "fetch.log").read_text(encoding="utf-8")
