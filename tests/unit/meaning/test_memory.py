import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from repdyn.meaning.memory import Memory


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of two modules, beside which Python may write."""
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = tmp_path / "lib"
    (folder / "deep").mkdir(parents=True)
    (folder / "a.py").write_text("x = 1", encoding="utf-8")
    (folder / "deep" / "b.py").write_text("y = 1", encoding="utf-8")
    return folder


def never() -> Any:
    pytest.fail("found anew")


def kept(library: Path) -> list[Path]:
    return sorted((library / "__pycache__").iterdir())


def test_a_fact_is_found_once_by_this_process_and_by_later_ones(library):
    fact = {"é": [1, None, "\ud83e"], "b": {"c": 2.5}}
    memory = Memory(library)
    assert memory.of("name", lambda: fact) == fact
    assert memory.of("name", never) == fact
    assert Memory(library).of("name", never) == fact


def test_a_fact_that_is_nothing_is_a_fact(library):
    assert Memory(library).of("none", lambda: None) is None
    assert Memory(library).of("none", never) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda lib: (lib / "deep" / "b.py").write_text("y = 2", encoding="utf-8"),
        lambda lib: (lib / "a.py").rename(lib / "c.py"),
        lambda lib: (lib / "new.py").touch(),
        lambda lib: (lib / "deep" / "b.py").unlink(),
    ],
)
def test_another_library_has_other_facts_and_those_of_the_former_are_removed(
    library: Path, change: Callable[[Path], object]
) -> None:
    Memory(library).of("name", lambda: 1)
    (before,) = kept(library)
    change(library)
    assert Memory(library).of("name", lambda: 2) == 2
    (after,) = kept(library)
    assert before != after


def test_what_is_no_source_file_changes_nothing(library):
    Memory(library).of("name", lambda: 1)
    (library / "notes.txt").write_text("new", encoding="utf-8")
    assert Memory(library).of("name", never) == 1


def test_text_that_moves_from_a_file_to_the_next_makes_another_library(library):
    (library / "a.py").write_text("x = 1\n", encoding="utf-8")
    (library / "b.py").write_text("", encoding="utf-8")
    Memory(library).of("name", lambda: 1)
    (library / "a.py").write_text("", encoding="utf-8")
    (library / "b.py").write_text("x = 1\n", encoding="utf-8")
    assert Memory(library).of("name", lambda: 2) == 2


def test_processes_side_by_side_keep_what_each_found(library):
    one, other = Memory(library), Memory(library)
    one.of("a", lambda: 1)
    other.of("b", lambda: 2)
    third = Memory(library)
    assert (third.of("a", never), third.of("b", never)) == (1, 2)


@pytest.mark.parametrize("damage", [b"", b"{}", b"no checksum\n{}", b"\xff\xfe", None])
def test_what_is_damaged_is_found_anew_and_kept_again(library, damage):
    Memory(library).of("name", lambda: 1)
    (file,) = kept(library)
    file.write_bytes(file.read_bytes().replace(b"1}", b"3}") if damage is None else damage)
    assert Memory(library).of("name", lambda: 2) == 2
    assert Memory(library).of("name", never) == 2


def test_nothing_is_written_where_python_writes_no_bytecode_or_no_folder_can_be_made(library, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "dont_write_bytecode", True)
        assert Memory(library).of("name", lambda: 1) == 1
    assert not (library / "__pycache__").exists()
    (library / "__pycache__").touch()  # in the folder's place
    memory = Memory(library)
    assert [memory.of("name", lambda: 1), memory.of("name", never)] == [1, 1]
