"""Cache facts about a library beside its bytecode, for later processes, until one of its files changes.

Every job of a study reads the rules and so needs the digests of its code. Computing them takes longer than importing
what Snakemake needs of the library; checking whether a file has changed takes a hundredth of that.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any


class Memory:
    """Facts by name, in plain JSON types, in the file ``__pycache__/meaning.….json`` of the library's folder.

    Nothing is written where Python writes no bytecode or the folder is not writable.
    """

    def __init__(self, library: Path) -> None:
        """The memory of a library as its files are now."""
        self._folder = library / "__pycache__"
        self._file = self._folder / f"meaning.{_state(library)}.json"
        self._facts = self._read()

    def of(self, name: str, find: Callable[[], Any]) -> Any:
        """A fact; computed if it is not cached."""
        if name not in self._facts:
            self._facts = self._read() | self._facts | {name: find()}
            if not sys.dont_write_bytecode:
                with suppress(OSError):
                    self._write()
        return self._facts[name]

    def _read(self) -> dict[str, Any]:
        """The cached facts; none if the file is damaged."""
        try:
            checksum, _, text = self._file.read_text(encoding="utf-8").partition("\n")
            facts: dict[str, Any] = json.loads(text) if checksum == _checksum(text) else {}
        except (OSError, ValueError):
            return {}
        return facts

    def _write(self) -> None:
        self._folder.mkdir(exist_ok=True)
        text = json.dumps(self._facts, sort_keys=True)
        temporary = self._folder / f".meaning.{os.getpid()}"
        temporary.write_text(f"{_checksum(text)}\n{text}", encoding="utf-8")
        temporary.replace(self._file)
        for other in self._folder.glob("meaning.*.json"):
            if other != self._file:  # of the library as it was
                other.unlink(missing_ok=True)


def _checksum(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _state(library: Path) -> str:
    """A digest of all source files of a library: 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for path in sorted(library.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(library).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]
