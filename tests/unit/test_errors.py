"""The error that is meant for the user, and how its sentence names files and other errors."""

import errno
import os
from pathlib import Path

import pytest

from repdyn.errors import DamagedError, MissingError, RepdynError, named, no_access, one_line


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("it is wrong"), "it is wrong"),
        (ValueError("it is wrong."), "it is wrong"),
        (RuntimeError("first\n    second\t\tthird …\r\n"), "first second third …"),
        (ValueError("1.5 is e.g. no 2"), "1.5 is e.g. no 2"),
        (AssertionError(), "AssertionError"),
        (StopIteration(" \n"), "StopIteration"),
        (ValueError("..."), "ValueError"),
        ("größer als.", "größer als"),
    ],
)
def test_another_error_is_part_of_a_sentence_on_one_line(error: object, words: str) -> None:
    assert one_line(error) == words


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("results/größe ×.txt", "results/größe ×.txt"),
        (Path("a/b"), "a/b"),
        ("two\nlines\tand\x1b[31m", r"two\nlines\tand\x1b[31m"),
        (os.fsdecode(b"bad\xff"), r"bad\xff"),
        ("it's", "it's"),
        ("", ""),
    ],
)
def test_a_path_is_named_so_that_it_can_be_printed(path: str | Path, text: str) -> None:
    assert named(path) == text
    assert named(path).isprintable()


def test_what_cannot_be_read_is_named_with_the_systems_reason(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError) as raised:
        tmp_path.read_bytes()
    error = no_access(tmp_path, raised.value)
    assert str(error) == f"`{tmp_path}` cannot be read: {os.strerror(errno.EISDIR)}."
    assert type(error) is RepdynError


def test_a_reason_that_the_system_does_not_give_is_the_errors_own() -> None:
    assert str(no_access("a\nb", OSError("truncated\nfile."))) == r"`a\nb` cannot be read: truncated file."
    assert str(no_access("a", TimeoutError())) == "`a` cannot be read: TimeoutError."


def test_each_kind_is_the_users_and_no_kind_is_another() -> None:
    assert issubclass(MissingError, RepdynError) and issubclass(DamagedError, RepdynError)
    assert not issubclass(MissingError, DamagedError) and not issubclass(DamagedError, MissingError)
