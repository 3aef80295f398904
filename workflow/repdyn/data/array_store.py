"""One's own data, stored as arrays beside the other data sets, which jobs map into memory.

Under ``NAME-arrays`` in the folder of all data sets, a folder for each contents has ``train.inputs.npy`` and so on, and
``facts.json``: what is known of the data, and the CRC-32 of each file, which is compared whenever the data are opened.
Its name is the digest of all arrays. A file ``KEY.json`` says which contents a key gave, the key being a digest of the
code, arguments and files that the data come from. So a second look calls nothing and reads no array.

Damaged arrays are set aside and made again. Contents of other keys stay until somebody deletes them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib import format as npy

from ..config.facts import Facts
from ..errors import named, no_access
from ..runtime.progress import LOG
from ..storage import locks
from ..storage.files import atomic, checksum, unwritable
from ..types import Array
from .own_arrays import ARRAYS, Part

FACTS = "facts.json"
CHUNK = 2**24  # bytes digested at a time


def folder(dataset: str, root: Path) -> Path:
    """Where the arrays of a data set, named as in the config, are stored."""
    name = re.sub(r"[^\w.-]+", ".", dataset).strip(".")
    return root / f"{name[-80:]}-arrays"


@contextmanager
def alone(store: Path) -> Iterator[None]:
    """Let one process at a time read the user's data and write them here.

    Raises:
        RepdynError: if nothing can be written here.
    """
    with ExitStack() as stack:
        try:
            store.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locks.alone(store / ".lock"))
        except OSError as error:
            raise unwritable(store, error) from None
        yield


def known(store: Path, key: str) -> Facts | None:
    """What a key gave when it was last read, if its arrays are there; None otherwise."""
    try:
        contents = json.loads((store / f"{key}.json").read_bytes())["contents"]
        return _facts(store / contents)[0]
    except (OSError, ValueError, KeyError, TypeError):
        return None


def write(store: Path, key: str, parts: Mapping[str, Part], facts: Facts) -> None:
    """Store arrays, and what is known of them."""
    place = store / facts.contents
    sums = {}
    for name, part in parts.items():
        for which, array in part.arrays().items():
            path = place / f"{name}.{which}.npy"
            with atomic(path) as temporary, temporary.open("wb") as file:
                npy.write_array(file, np.ascontiguousarray(array), allow_pickle=False)
            sums[path.name] = _sum(path)
    # Last, so that a killed process leaves arrays of which nothing is known.
    _write(place / FACTS, {"facts": asdict(facts), "sums": sums})
    _write(store / f"{key}.json", {"contents": facts.contents})
    LOG.info("stored %s in `%s`", ", ".join(sums), named(place))


def read(store: Path, contents: str) -> dict[str, Part] | None:
    """Map the arrays of some contents, part -> arrays; None if they are not there or damaged.

    Raises:
        RepdynError: if they cannot be read.
    """
    place = store / contents
    try:
        _, sums = _facts(place)
        if any(_sum(place / file) != wanted for file, wanted in sums.items()):
            LOG.warning("`%s` is damaged; the data are read again", named(place))
            return None
        arrays = {file: np.load(place / file, mmap_mode="r", allow_pickle=False) for file in sums}
    except FileNotFoundError:
        return None
    except OSError as error:
        raise no_access(place, error) from None
    except (ValueError, KeyError, TypeError):
        return None
    names = dict.fromkeys(file.partition(".")[0] for file in arrays)
    return {name: Part(*(arrays.get(f"{name}.{which}.npy") for which in ARRAYS)) for name in names}  # type: ignore[arg-type]


def digest(parts: Mapping[str, Part], *further: object) -> str:
    """A digest of all arrays, and of what else is known of them: 16 hexadecimal digits."""
    whole = hashlib.sha256(repr(further).encode())
    for name, part in parts.items():
        for which, array in part.arrays().items():
            whole.update(f"{name}.{which} {array.dtype.str} {array.shape}\n".encode())
            for piece in _pieces(array):
                whole.update(piece.data)
    return whole.hexdigest()[:16]


def _pieces(array: Array) -> Iterator[Array]:
    """An array's rows in contiguous pieces."""
    rows = max(1, CHUNK // max(1, array[:1].nbytes))
    for start in range(0, len(array), rows):
        yield np.ascontiguousarray(array[start : start + rows])


def _facts(place: Path) -> tuple[Facts, dict[str, int]]:
    content = json.loads((place / FACTS).read_bytes())
    return Facts(**content["facts"] | {"shape": tuple(content["facts"]["shape"])}), content["sums"]


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with atomic(path) as temporary:
        temporary.write_text(json.dumps(content), encoding="utf-8")


def _sum(path: Path) -> int:
    with path.open("rb") as file:
        return checksum(iter(lambda: file.read(CHUNK), b""))
