"""One's own data set: known, and read, like any other.

When a study is loaded to run, its data are looked at: a key of what they come from, the digest of the user's code, the
arguments, the contents of the files and the versions of installed packages that the code uses, says whether they were
read before. If not, the function is called, or the file read, once; the arrays are checked and stored
(``own_arrays.py``, ``array_store.py``), and what is known of them becomes ``data.facts``.

Time: that of reading the files; the arrays' check and digest take a second for each gigabyte. Memory: the arrays, once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..config.facts import Facts
from ..errors import RepdynError, named, no_access
from ..types import Inputs, Kind
from ..user_code import digests, locate
from . import array_store, own_arrays, own_sources
from .images import Stored
from .own_arrays import Part

if TYPE_CHECKING:
    from ..config.sections import Data as Settings

# Raise this whenever the same data give other arrays.
VERSION = 1


def inputs(facts: Facts) -> Inputs:
    """What a network gets for each example."""
    return Inputs(facts.shape, facts.kind, facts.vocabulary)


def key(settings: Settings, folders: tuple[str, ...]) -> str:
    """A digest of what the data come from: 16 hexadecimal digits.

    Args:
        settings: the ``data`` section of the config.
        folders: where modules of the user's are searched, before the working directory.

    Raises:
        RepdynError: if a file is missing.
    """
    whole = hashlib.sha256()
    for file in own_sources.files(settings):
        try:
            with file.open("rb") as opened:
                whole.update(f"{file}\n{hashlib.file_digest(opened, 'sha256').hexdigest()}\n".encode())
        except OSError as error:
            raise no_access(file, error) from None
    about = settings.model_dump(mode="json", include={"dataset", "kwargs", "columns", "kind"}) | {"version": VERSION}
    if ":" in settings.dataset:
        about["code"] = digests.digest(settings.dataset, folders)
        about["versions"] = digests.versions(settings.dataset, folders)
    whole.update(json.dumps(about, sort_keys=True).encode())
    return whole.hexdigest()[:16]


def look(settings: Settings, root: Path, folders: tuple[str, ...], fetch: Callable[[], None] | None = None) -> Facts:
    """What is known of the data; reads and stores them unless that was done before.

    Args:
        settings: the ``data`` section of the config.
        root: where data sets lie.
        folders: as for :func:`key`.
        fetch: has another process read and store them, where this one should not run the user's code.

    Raises:
        RepdynError: if they cannot be read, or are not what they should be.
    """
    store, of_now = array_store.folder(settings.dataset, root), key(settings, folders)
    found = array_store.known(store, of_now)
    if found is None and fetch is not None:
        fetch()
        found = array_store.known(store, of_now)
    if found is None:
        with array_store.alone(store):
            found = array_store.known(store, of_now) or _store(settings, store, of_now)  # another may have stored them
    return found


def read(settings: Settings, root: Path) -> tuple[Stored, Stored | None]:
    """The training and the test part of data whose ``facts`` are filled in; None for the latter where there is none.

    Raises:
        RepdynError: if they are not stored and cannot be read, or are others by now.
    """
    assert settings.facts is not None, "a study that runs has the facts of its data"
    store = array_store.folder(settings.dataset, root)
    parts = array_store.read(store, settings.facts.contents)
    if parts is None:
        with array_store.alone(store):
            there = _store(settings, store, key(settings, locate.taken()))
        if there.contents != settings.facts.contents:
            raise RepdynError(
                f"`{named(settings.dataset)}` does not give the data that the study was started with: it was changed "
                "meanwhile, or gives others each time; run Snakemake again, or seed it."
            )
        parts = array_store.read(store, settings.facts.contents)
    if parts is None:
        raise RepdynError(f"`{named(store)}` was written, but reads as something else; is the disk all right?")
    return _stored(parts["train"]), _stored(parts["test"]) if "test" in parts else None


def _facts(dataset: str, parts: Mapping[str, Part], kinds: Mapping[str, Kind], given: Mapping[str, Any]) -> Facts:
    """What is known of checked parts, their digest aside.

    Raises:
        RepdynError: if the two parts are not of one data set, or have too few classes.
    """
    train, test = parts["train"], parts.get("test")
    if test is not None:
        for what, of in (
            ("inputs of the shape", lambda part: part.inputs.shape[1:]),
            ("inputs that are", lambda part: "floats" if part.inputs.dtype.kind == "f" else "integers"),
            ("labels that are", own_arrays.said_of_labels),
        ):
            if of(train) != of(test):
                raise RepdynError(f"`{dataset}` has {what} {of(train)} in `train`, but {of(test)} in `test`.")
        if test.given_labels is not None:
            raise RepdynError(f"`{dataset}` has `given_labels` in `test`, but only `train` is trained on.")
    shape, kind = train.inputs.shape[1:], kinds["train"]
    dtype: Any = str(np.result_type(*(part.inputs.dtype for part in parts.values())))
    vocabulary = classes = None
    if kind == "tokens":
        seen = 1 + max(int(part.inputs.max()) for part in parts.values())
        vocabulary = _number(dataset, "vocabulary", given, seen, "tokens")
    if train.has_classes:
        labels = [each for each in (*(part.labels for part in parts.values()), train.given_labels) if each is not None]
        seen = 1 + max(int(each.max()) for each in labels)
        classes = _number(dataset, "classes", given, seen, "labels")
        if classes < 2:
            raise RepdynError(f"`{dataset}` has one class only, 0; where there are no classes, leave out `labels`.")
        if given.get("classes") is None and (least := min(int(each.min()) for each in labels)) > 0:
            raise RepdynError(
                f"`{dataset}` has labels from {least} on, but classes are numbered from 0; subtract {least}, or give "
                f"`classes` {classes} beside the parts."
            )
    wrong = train.given_labels is not None and bool((train.given_labels != train.labels).any())
    return Facts(
        shape=shape, kind=kind, dtype=dtype, classes=classes, vocabulary=vocabulary, train=len(train.inputs),
        test=None if test is None else len(test.inputs), given_labels=wrong, contents="",
    )  # fmt: skip


def _number(dataset: str, key: str, given: Mapping[str, Any], seen: int, what: str) -> int:
    """A number of classes or tokens: what the data set says, or one more than the largest."""
    said = given.get(key)
    if said is None:
        return seen
    if not isinstance(said, int | np.integer) or said < seen:
        raise RepdynError(
            f"`{dataset}` gives `{key}` {said}, but has {what} up to {seen - 1}; it must be at least {seen}."
        )
    return int(said)


def _stored(part: Part) -> Stored:
    if part.has_classes:
        assert part.labels is not None
        return Stored(part.inputs, part.labels, part.given_labels, None, part.ids)
    return Stored(part.inputs, np.full(len(part.inputs), -1), None, part.labels, part.ids)


def _store(settings: Settings, store: Path, of_now: str) -> Facts:
    given = own_sources.read(settings)
    parts, kinds = {}, {}
    for name in ("train", "test"):
        if name == "train" or given[name] is not None:
            try:
                parts[name], kinds[name] = own_arrays.part(given[name], settings.kind, name)
            except RepdynError as error:
                raise RepdynError(f"`{settings.dataset}`: {error}") from None
    facts = _facts(settings.dataset, parts, kinds, given)
    parts = {name: own_arrays.typed(part, facts.dtype) for name, part in parts.items()}
    contents = array_store.digest(parts, facts.classes, facts.vocabulary, facts.kind)
    facts = replace(facts, contents=contents)
    array_store.write(store, of_now, parts, facts)
    return facts
