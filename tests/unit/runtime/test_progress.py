import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from repdyn.runtime import progress
from repdyn.runtime.progress import Progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """The time, in seconds, which passes only where a test says so."""
    found = SimpleNamespace(now=100.0)
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: found.now))
    return found


@pytest.fixture(autouse=True)
def without_a_terminal(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A job that writes lines."""
    monkeypatch.setattr(sys.stderr, "isatty", lambda: False, raising=False)
    with caplog.at_level("INFO", logger="repdyn"):
        yield


def advanced(clock: SimpleNamespace, total: int, seconds: float, unit: str = "step", **more: int) -> None:
    with Progress(total, unit, **more) as bar:
        for _ in range(total - more.get("done", 0)):
            clock.now += seconds
            bar.advance()


def test_the_first_line_comes_soon_and_the_others_at_intervals(clock, caplog):
    advanced(clock, 50, 1.0)
    assert [message.split(",")[0] for message in caplog.messages] == ["step  5/50", "step 25/50", "step 45/50"]


def test_work_that_is_quick_or_done_has_no_line(clock, caplog):
    advanced(clock, 4, 1.0)
    advanced(clock, 1, 1000.0)
    advanced(clock, 0, 1.0)
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (6.0, "plane   1/100, 6.0 s/plane, 09:54 left"),
        (5000.0, "plane   1/100, 5000.0 s/plane, 137:30:00 left"),
        (0.5, "plane  10/100, 2.0 planes/s, 00:45 left"),
        (1.0, "plane   5/100, 1.0 planes/s, 01:35 left"),
    ],
)
def test_a_line_has_the_number_done_the_speed_and_the_time_left(clock, caplog, seconds, said):
    advanced(clock, 100, seconds, "plane")
    assert caplog.messages[0] == said


def test_what_an_earlier_attempt_did_counts_as_done_and_not_as_speed(clock, caplog):
    advanced(clock, 100, 5.0, done=90)
    assert caplog.messages[0] == "step  91/100, 5.0 s/step, 00:45 left"


def test_a_note_stands_behind_the_progress_that_it_was_given_for(clock, caplog):
    with Progress(9, "epoch") as bar:
        bar.advance("not said")
        clock.now += 10
        bar.advance("50 % right")
    assert [message.rpartition(" left")[2] for message in caplog.messages] == [", 50 % right"]


def test_items_are_passed_on_in_order_and_counted_when_they_are_done(clock, caplog):
    found = []
    for item in progress.track(iter("abcd"), 4, "letter"):
        found.append(item)
        clock.now += 4
        if item == "b":
            assert caplog.messages == [], "the second is not done yet"
    assert found == list("abcd")
    assert caplog.messages == ["letter 2/4, 4.0 s/letter, 00:08 left"]


@pytest.mark.parametrize("to_file", [False, True])
def test_a_terminal_has_a_bar_unless_the_job_logs_to_a_file(
    clock: SimpleNamespace,
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    to_file: bool,
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    handler = logging.FileHandler(tmp_path / "log", encoding="utf-8")
    if to_file:
        progress.LOG.addHandler(handler)
    try:
        advanced(clock, 30, 1.0, "plane", done=3)
    finally:
        progress.LOG.removeHandler(handler)
        handler.close()
    assert bool(caplog.messages) == to_file
    assert ("3/30" in capsys.readouterr().err) == (not to_file)
