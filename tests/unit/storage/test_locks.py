import errno
import fcntl
import os
import socket
import threading
from pathlib import Path

import pytest

from repdyn.errors import RepdynError
from repdyn.storage import locks

HERE = f"process {os.getpid()} on {socket.gethostname()}"


def failing(number):
    def fail(*_):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_lock_has_one_holder_until_it_is_released(tmp_path):
    path = tmp_path / "deep" / "er" / "lock"
    with locks.take(path):
        assert locks.take(path) is None
        with locks.take(path.with_name("other")) as other:
            assert other is not None
    with locks.take(path) as again:
        assert again is not None


def test_a_holder_that_signs_is_named_until_it_lets_go(tmp_path):
    path = tmp_path / "lock"
    with locks.take(path) as lock:
        assert locks.owner(path) == "another process"
        lock.sign()
        lock.sign()
        assert locks.owner(path) == HERE
    assert path.read_bytes() == b""
    assert locks.owner(path) == "another process"
    assert locks.owner(tmp_path / "nowhere") == "another process"


@pytest.mark.parametrize(
    ("content", "is_left"),
    [
        ("", False),
        (f"process 1 on {socket.gethostname()}", False),
        ("process 1 on elsewhere", True),
        (f"process 1 on not-{socket.gethostname()}", True),
        ("process 1 on élan", True),
    ],
)
def test_what_a_holder_on_another_machine_did_not_release_is_told_apart(tmp_path, content, is_left):
    path = tmp_path / "lock"
    path.write_text(content, encoding="utf-8")
    with locks.take(path) as lock:
        assert (lock.last_owner, lock.is_left_behind) == (content, is_left)
    assert path.read_text(encoding="utf-8") == content, "who did not sign leaves the file as it was"


def test_a_longer_name_leaves_nothing_behind_a_shorter_one(tmp_path):
    path = tmp_path / "lock"
    path.write_text(HERE + " and more", encoding="utf-8")
    with locks.take(path) as lock:
        lock.sign()
        assert path.read_text(encoding="utf-8") == HERE


def test_its_time_is_that_of_the_file_before_it_is_signed(tmp_path):
    path = tmp_path / "lock"
    path.touch()
    os.utime(path, (1000.0, 2000.0))
    with locks.take(path) as lock:
        assert lock.time == 2000.0
        lock.sign()
        assert lock.time > 2000.0


def test_a_lock_that_was_deleted_while_it_was_taken_is_taken_anew(tmp_path, monkeypatch):
    path, flock, calls = tmp_path / "lock", fcntl.flock, []

    def deleted_first(descriptor, operation):
        calls.append(descriptor)
        if len(calls) == 1:
            path.unlink()
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", deleted_first)
    with locks.take(path):
        assert len(calls) == 2
        assert locks.take(path) is None


@pytest.mark.parametrize("number", [errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL])
def test_where_the_file_system_has_no_locks_nobody_waits(tmp_path, monkeypatch, number):
    monkeypatch.setattr(fcntl, "flock", failing(number))
    with pytest.raises(locks.UnsupportedError):
        locks.take(tmp_path / "lock")
    with locks.alone(tmp_path / "lock"), locks.alone(tmp_path / "lock"):
        pass


def test_what_the_system_refuses_is_a_sentence_and_leaves_no_file_open(tmp_path, monkeypatch):
    before = len(list(Path("/dev/fd").iterdir()))
    with monkeypatch.context() as patch:
        patch.setattr(fcntl, "flock", failing(errno.EIO))
        with pytest.raises(RepdynError, match=r"lock` cannot be written: Input/output error\.$"):
            locks.take(tmp_path / "lock")
        with pytest.raises(OSError, match="Input/output error"), locks.alone(tmp_path / "lock"):
            pytest.fail("it is not alone")
    with locks.take(tmp_path / "lock"):
        assert locks.take(tmp_path / "lock") is None
    (tmp_path / "folder").mkdir()
    with pytest.raises(RepdynError, match=r"folder` cannot be written: Is a directory\.$"):
        locks.take(tmp_path / "folder")
    with pytest.raises(RepdynError, match=r"cannot be written"):
        locks.take(tmp_path / "lock" / "lock")
    assert len(list(Path("/dev/fd").iterdir())) == before


def test_a_full_disk_is_said_where_a_lock_is_signed(tmp_path, monkeypatch):
    with locks.take(tmp_path / "lock") as lock:
        monkeypatch.setattr(os, "pwrite", failing(errno.ENOSPC))
        with pytest.raises(RepdynError, match=r"The disk is full: `.*lock` was not written"):
            lock.sign()


def test_who_wants_to_be_alone_waits_for_who_is_even_if_the_file_is_deleted_meanwhile(tmp_path):
    path, inside, found = tmp_path / "lock", threading.Event(), []

    def second():
        inside.set()
        with locks.alone(path):
            found.append(path.exists())

    waiting = threading.Thread(target=second)
    with locks.alone(path):
        waiting.start()
        inside.wait()
        waiting.join(0.05)
        assert waiting.is_alive() and not found
        path.unlink()
    waiting.join(60)
    assert found == [True], "it holds a lock on the file that others will find"


def test_an_error_inside_lets_the_next_one_in(tmp_path):
    with pytest.raises(ZeroDivisionError), locks.alone(tmp_path / "lock"):
        raise ZeroDivisionError
    with locks.take(tmp_path / "lock") as lock:
        assert lock is not None
