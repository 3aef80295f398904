"""Cards for jobs, on a machine that pretends to have some."""

import os
import re
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

import repdyn
from repdyn.errors import RepdynError
from repdyn.runtime import cards
from repdyn.storage import locks

HOLD = "import os; from repdyn.runtime import cards\nwith cards.of_its_own('auto'): "
HOLD += "print(os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True); input()"


@pytest.fixture(autouse=True)
def machine(monkeypatch, tmp_path):
    """Give this machine so many cards; its locks lie in a folder of the test."""
    monkeypatch.delenv(cards.VISIBLE, raising=False)
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    monkeypatch.setenv("TMPDIR", str(tmp_path / "locks"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    (tmp_path / "locks").mkdir()

    def make(count):
        monkeypatch.setattr(cards, "DEVICES", tmp_path / "dev")
        (tmp_path / "dev").mkdir()
        for name in ("null", "nvidiactl", "nvidia-uvm", *(f"nvidia{number}" for number in range(count))):
            (tmp_path / "dev" / name).touch()

    return make


@pytest.fixture
def held(monkeypatch):
    """A job begins where these cards are visible, and lasts until it is closed: the card that it sees, and the job."""
    with ExitStack() as all_of_them:

        def begin(device="auto", visible=None):
            monkeypatch.delenv(cards.VISIBLE, raising=False)
            if visible is not None:
                monkeypatch.setenv(cards.VISIBLE, visible)
            job = all_of_them.enter_context(ExitStack())
            job.enter_context(cards.of_its_own(device))
            return os.environ.get(cards.VISIBLE), job

        yield begin


@contextmanager
def process():
    """The card that a job sees that is a process of its own, and this process."""
    environment = os.environ | {"PYTHONPATH": str(Path(repdyn.__file__).parents[1])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as job:
        try:
            yield job.stdout.readline().strip(), job
        finally:
            job.kill()


def lock_files(tmp_path):
    return sorted(path.name for path in (tmp_path / "locks").rglob("*") if path.is_file())


@pytest.mark.parametrize("count", [0, 1])
def test_nothing_is_chosen_on_a_machine_with_one_card_or_none(machine, held, tmp_path, count):
    machine(count)
    assert held()[0] is None
    assert lock_files(tmp_path) == []


@pytest.mark.parametrize("named", ["2", "GPU-5a1c", "", "-1", "1,-1,0"])
def test_the_one_card_that_the_user_or_slurm_names_is_left_alone(machine, held, tmp_path, named):
    machine(4)
    assert held(visible=named)[0] == named
    assert lock_files(tmp_path) == []


@pytest.mark.parametrize("device", ["cpu", "cuda:1", "mps"])
def test_nothing_is_chosen_where_the_study_names_its_device(machine, held, tmp_path, device):
    machine(4)
    assert held(device)[0] is None
    assert lock_files(tmp_path) == []


@pytest.mark.parametrize("device", ["auto", "cuda"])
def test_as_many_jobs_as_cards_have_one_each_and_more_are_spread(machine, held, device):
    machine(3)
    taken = [held(device) for _ in range(7)]
    assert [card for card, _ in taken] == ["0", "1", "2", "0", "1", "2", "0"]
    taken[4][1].close()  # the second job of card 1
    assert held(device)[0] == "1"


def test_cards_that_are_named_are_shared_out_and_the_names_come_back(machine, held):
    machine(8)
    named = "5, GPU-5a1c/3"
    (first, one), (second, other) = held(visible=named), held(visible=named)
    assert (first, second) == ("5", "GPU-5a1c/3")
    other.close()
    assert os.environ[cards.VISIBLE] == named
    one.close()
    assert os.environ[cards.VISIBLE] == named


def test_a_place_is_free_again_when_its_job_was_killed(monkeypatch):
    monkeypatch.setenv(cards.VISIBLE, "0,1")
    with process() as (first, job), process() as (second, _):
        assert (first, second) == ("0", "1")
        with process() as (third, _):
            assert third == "0"  # beside the first
        job.kill()  # as `kill -9`
        job.wait()
        with process() as (fourth, _):
            assert fourth == "0"
            with process() as (fifth, _):
                assert fifth == "0"  # the second place there, because card 1 has one job, too


def test_cards_of_two_jobs_of_slurm_are_not_taken_for_one(held, monkeypatch):
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    assert held(visible="0,1")[0] == "0"
    monkeypatch.setenv("SLURM_JOB_ID", "18")
    assert held(visible="0,1")[0] == "0"  # which is another card
    assert held(visible="0,1")[0] == "1"


def test_without_locks_nothing_is_chosen(machine, held, monkeypatch, caplog):
    def unsupported(_):
        raise locks.UnsupportedError

    machine(2)
    monkeypatch.setattr(locks, "take", unsupported)
    assert held()[0] is None
    assert re.search("has no locks, so that no card can be chosen", caplog.text)


def test_a_folder_that_cannot_be_written_is_a_sentence(machine, held, monkeypatch, tmp_path):
    machine(2)
    (tmp_path / "file").touch()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "file"))
    with pytest.raises(RepdynError, match="cannot be written"):
        held()
