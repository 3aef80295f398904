"""A state belongs to a living job until that job ends; what cannot be read is not damaged; what is damaged is kept."""

import errno
import fcntl
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
import torch
from running import PATIENCE
from torch import nn

from repdyn.config.study import Run
from repdyn.errors import RepdynError
from repdyn.records.train import STATE
from repdyn.storage.origin import Origin
from repdyn.training import checkpoints, resume
from repdyn.training.resume import StateFolder

RUN = Run("vit", "sgd", 0)
HOLD = """
import sys
from pathlib import Path
from repdyn.storage import locks
with locks.take(Path(sys.argv[1])) as lock:
    lock.sign()
    print("held", flush=True)
    sys.stdin.read()
"""


def folder_of(tmp_path, lr=0.1, run=RUN):
    return StateFolder(tmp_path, Origin(STATE, run, {"lr": lr}), "code")


def saved(tmp_path, lr=0.1, run=RUN, step=3):
    folder = folder_of(tmp_path, lr, run)
    folder.save({"step": step})
    return folder


def age(folder, seconds):
    """Make all files of a folder so much older."""
    for file in folder.folder.iterdir():
        os.utime(file, (time.time() - seconds,) * 2)


def test_the_state_of_a_living_job_is_not_deleted_and_that_of_a_dead_one_is(tmp_path, caplog):
    alive, dead, mine = (saved(tmp_path, lr) for lr in (0.1, 0.2, 0.3))
    caplog.set_level("INFO", logger="repdyn")
    with alive.held():
        age(alive, 10)
        age(dead, 10)
        with mine.held():
            mine.remove_others()
        assert alive.load([]) == {"step": 3}
        assert not dead.folder.exists()
    assert f"{alive.folder} stays: process {os.getpid()} on" in caplog.text
    with mine.held():
        age(alive, 10)
        mine.remove_others()
    assert not alive.folder.exists()


def test_a_state_that_was_written_to_since_this_job_began_stays(tmp_path):
    """Its job was killed after this one had begun, and is what will be continued."""
    mine, other = saved(tmp_path, 0.1), folder_of(tmp_path, 0.2)
    with mine.held():
        other.save({"step": 7})
        age(other, -10)
        mine.remove_others()
        assert other.load([]) == {"step": 7}


@pytest.mark.parametrize(("seconds", "stays"), [(3600, True), (2 * 24 * 3600, False)])
def test_a_state_whose_job_on_another_machine_never_let_go_stays_for_a_day(tmp_path, seconds, stays):
    mine, other = saved(tmp_path, 0.1), saved(tmp_path, 0.2)
    (other.folder / "lock").write_text("process 1 on another-machine", encoding="utf-8")
    age(other, seconds)
    for _ in range(2):  # looking does not change what is to be seen
        with mine.held():
            mine.remove_others()
    assert other.folder.exists() == stays


@pytest.mark.parametrize(("seconds", "stays"), [(3600, True), (2 * 24 * 3600, False)])
def test_without_locks_a_state_stays_for_a_day(tmp_path, monkeypatch, seconds, stays):
    def no_locks(*_):
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    mine, other = saved(tmp_path, 0.1), saved(tmp_path, 0.2)
    age(other, seconds)
    with mine.held():
        mine.remove_others()
    assert other.folder.exists() == stays
    assert mine.load([]) == {"step": 3}


@pytest.fixture
def holder():
    """Starts another process that holds a lock until it is killed."""
    started = []

    def start(path):
        command = [sys.executable, "-c", HOLD, str(path)]
        job = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8")
        started.append(job)
        assert job.stdout.readline() == "held\n"
        return job

    yield start
    for job in started:
        job.kill()
        job.communicate()


def test_a_second_job_of_the_same_training_waits_until_the_first_is_dead_and_continues(tmp_path, holder, caplog):
    caplog.set_level("INFO", logger="repdyn")
    first = saved(tmp_path)
    job = holder(first.folder / "lock")
    found = []

    def second():
        folder = folder_of(tmp_path)
        with folder.held():
            found.append(folder.load([]))

    waiting = threading.Thread(target=second)
    waiting.start()
    while f"waits for process {job.pid} on" not in caplog.text:
        assert waiting.is_alive()
        time.sleep(0.01)
    first.save({"step": 9})
    assert not found
    job.kill()
    waiting.join(PATIENCE)
    assert found == [{"step": 9}]


def test_a_lock_whose_owner_gives_no_sign_of_life_is_not_waited_for(tmp_path, holder, monkeypatch, caplog):
    """As of a machine that fell silent while its lock stayed on the server: both would write the same bytes."""
    folder = saved(tmp_path)
    holder(folder.folder / "lock")
    monkeypatch.setattr(resume, "PATIENCE", 0.0)
    with folder.held():
        assert folder.load([]) == {"step": 3}
    assert "gives no sign of life; goes on without it" in caplog.text


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE])
def test_a_state_that_cannot_be_read_stops_the_job_and_stays_as_it_is(tmp_path, monkeypatch, number):
    folder = saved(tmp_path)
    before = (folder.folder / "state.pt").read_bytes()

    def refuse(self):
        raise OSError(number, os.strerror(number), str(self))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", refuse)
        with pytest.raises(RepdynError, match=r"state\.pt` cannot be read: .*; the file itself may be intact"):
            folder.load([])
    assert {file.name: file.read_bytes() for file in folder.folder.iterdir()} == {"state.pt": before}
    assert folder.load([]) == {"step": 3}


def with_checkpoints(tmp_path, *steps):
    """A folder with a state at step 3 and a checkpoint at each of these."""
    folder = saved(tmp_path)
    about = {"table": "checkpoints", "stage": "train", "run": RUN.facts, "hyperparameters": {"lr": 0.1}}
    for step in steps:
        checkpoints.save(folder.checkpoint(step), nn.Linear(2, 2), about | {"step": step})
    return folder


def test_a_checkpoint_of_the_state_that_cannot_be_read_stops_the_job_and_stays_as_it_is(tmp_path, monkeypatch):
    folder = with_checkpoints(tmp_path, 0, 3)

    def refuse(path, *_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    before = folder.checkpoint(0).read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refuse)
        with pytest.raises(RepdynError, match=r"step=0\.safetensors` cannot be read: Permission denied"):
            folder.load([0, 3])
    assert folder.checkpoint(0).read_bytes() == before
    assert folder.load([0, 3]) == {"step": 3}


@pytest.mark.parametrize("victim", ["state.pt", "step=0.safetensors"])
def test_what_is_damaged_is_set_aside_and_said(tmp_path, victim, caplog):
    folder = with_checkpoints(tmp_path, 0, 3)
    file = folder.folder / victim
    file.write_bytes(file.read_bytes()[:-3])
    content = file.read_bytes()
    assert folder.load([0, 3]) is None
    assert not file.exists()
    aside = folder.folder / f"{victim}.damaged-1"
    assert aside.read_bytes() == content
    assert f"`{file}` is damaged" in caplog.text
    assert f"training starts from the beginning; the damaged file is now {aside}" in caplog.text


def test_the_state_of_another_run_is_refused_naming_both_and_stays(tmp_path):
    theirs = saved(tmp_path / "resnet", run=Run("resnet", "sgd", 0))
    mine = folder_of(tmp_path / "vit")
    theirs.folder.rename(tmp_path / "away")
    mine.folder.parent.mkdir()
    (tmp_path / "away").rename(mine.folder)
    with pytest.raises(
        RepdynError, match=r"state\.pt` says that it is `state` .* of resnet sgd seed 0, but .* of vit sgd"
    ):
        mine.load([])
    assert (mine.folder / "state.pt").exists()


def test_the_state_of_another_training_of_the_same_run_is_refused_and_stays(tmp_path):
    theirs, mine = saved(tmp_path, 0.1), folder_of(tmp_path, 0.2)
    theirs.folder.rename(mine.folder)
    with pytest.raises(RepdynError, match=f"whose folder is called {theirs.folder.name}; move it there, or delete it"):
        mine.load([])
    assert (mine.folder / "state.pt").exists()


def test_a_checkpoint_of_another_step_in_the_state_is_refused(tmp_path):
    folder = with_checkpoints(tmp_path, 0, 3)
    folder.checkpoint(0).write_bytes(folder.checkpoint(3).read_bytes())
    with pytest.raises(RepdynError, match=r"step=0\.safetensors` says .* at step 3, but .* at step 0 belongs there"):
        folder.load([0, 3])


def test_a_checkpoint_cannot_be_published_into_a_folder_s_place(tmp_path):
    folder = with_checkpoints(tmp_path, 0)
    place = tmp_path / "step=0.safetensors"
    place.mkdir()
    with pytest.raises(RepdynError, match=r"step=0\.safetensors` is a folder, but a file is to be written there"):
        folder.publish(0, place)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([folder.folder.name, place.name])


def test_states_can_hold_what_torch_makes(tmp_path):
    folder = folder_of(tmp_path)
    folder.save({"step": 0, "random": torch.get_rng_state(), "history": [{"loss": None}]})
    assert torch.equal(folder.load([])["random"], torch.get_rng_state())
