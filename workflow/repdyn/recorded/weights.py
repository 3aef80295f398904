"""The weights in a checkpoint of others, fitted to the network that a study builds.

Files are read as tensors alone (``weights_only``): code that a file holds is never run. Tensors are mapped from the
file where its format allows it, so that memory holds about one checkpoint.
"""

from __future__ import annotations

import argparse
import pathlib
import pickle
import re
import warnings
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open

from ..config.messages import listed
from ..errors import RepdynError, named, no_access, one_line
from ..training import checkpoints
from . import hugging_face
from .found import INDEX, shards, weights_in
from .networks import bare

Tensors = dict[str, torch.Tensor]

# What checkpoints often hold beside tensors, and which hold values alone: settings of a command line, best accuracies.
_MAKERS: list[Any] = [value.__reduce__()[0] for value in (np.float64(0), np.zeros(1))]
_HARMLESS: list[Any] = [
    argparse.Namespace, pathlib.PosixPath, pathlib.WindowsPath,
    np.ndarray, np.dtype, *(type(np.dtype(kind)) for kind in "?bhilqBHILQfd"),
    *((function, f"numpy.{core}.multiarray.{function.__name__}")
      for function in _MAKERS for core in ("core", "_core")),
]  # fmt: skip
_GLOBAL = re.compile(r"GLOBAL ([\w.]+)|`([\w.]+)`\]?, whose module")
_EXTRA = "_extra_state"  # what a module keeps beside tensors, at the end of a key
_MOST_KEYS = 4
_ARCHIVE = b"PK\x03\x04"  # with which files of `torch.save` begin
_DEEPEST = 8  # entries within entries in which weights are looked for


def read(file: Path, key: str | None) -> Tensors:
    """The tensors of a checkpoint by name.

    Args:
        file: safetensors; what ``torch.save`` wrote (Lightning's ``.ckpt`` too); an index of shards; or a folder of
            Hugging Face's.
        key: where in the file the weights are, such as ``model``, or ``ema.model`` for an entry of an entry. None where
            the file is a state dict, or has one only among its entries.

    Returns:
        Tensors on the CPU, which may be mapped from the file.

    Raises:
        RepdynError: if it cannot be read, holds code, or has no weights at ``key``.
    """
    file = weights_in(file)
    if file.name.endswith(INDEX):
        parts = [read(shard, key) for shard in shards(file)]
        return {name: tensor for part in parts for name, tensor in part.items()}
    if file.suffix == ".safetensors":
        tensors = _read_safetensors(file)
        if key is not None:
            raise RepdynError(
                f"`{named(file)}` holds tensors alone, so there is no `key: {key}` in it; leave `key` out."
            )
        return tensors
    return _weights_at(key, _read_pickled(file), file)


def fit(
    tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor], strip: str | None, file: Path
) -> Tensors:
    """Take the tensors that a network wants.

    What :func:`torch.compile` and other wrappers put into names is taken off. A name that shares its tensor with
    another may be missing, as safetensors leave it out. Where a folder of Hugging Face's has other names than the
    network, its own loader renames them. Other floating types are converted.

    Args:
        tensors: the tensors of a checkpoint.
        wanted: the network's state dict.
        strip: a prefix under which the network lies in the checkpoint; what lies elsewhere is left out.
        file: where they come from, for messages.

    Returns:
        A tensor for each name of ``wanted``, of its shape and type.

    Raises:
        RepdynError: if names are missing or unexpected or shapes differ, with the prefix that would cure it; or if
            weights are not finite.
    """
    inside = _named_as(wanted, tensors, strip, file)
    if inside.keys() != wanted.keys() and (loaded := hugging_face.loaded(file)) is not None:
        inside = _named_as(wanted, loaded, strip, file)
    missing, unexpected = [n for n in wanted if n not in inside], [n for n in inside if n not in wanted]
    if missing or unexpected:
        raise RepdynError(_mismatch(file, tensors, wanted, missing, unexpected))
    for name, tensor in wanted.items():
        if inside[name].shape != tensor.shape or inside[name].is_floating_point() != tensor.is_floating_point():
            raise RepdynError(
                f"`{name}` is {_form(inside[name])} in `{named(file)}`, but {_form(tensor)} in the network; build the "
                "network that was trained, with the same arguments."
            )
        if (~inside[name].isfinite() & tensor.isfinite()).any():  # a mask of the network's own may be infinite
            raise RepdynError(f"`{named(file)}`: `{name}` has weights that are NaN or infinite; leave this file out.")
    return {name: inside[name].to(tensor.dtype) for name, tensor in wanted.items()}


def _read_safetensors(file: Path) -> Tensors:
    try:
        with safe_open(file, framework="pt") as opened:
            if "repdyn" in (opened.metadata() or {}):
                return checkpoints.read(file)  # checks every byte
            return {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a mapping)
    except OSError as error:
        raise no_access(file, error) from None
    except SafetensorError as error:
        raise RepdynError(f"`{named(file)}` is no whole safetensors file: {one_line(error)}.") from None


def _read_pickled(file: Path) -> Any:
    try:
        is_archive = zipfile.is_zipfile(file)
        if not is_archive:  # an older file, which cannot be mapped, or a part of one
            _refuse_part(file)
        with torch.serialization.safe_globals(_HARMLESS), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what it warns of is an error below
            return torch.load(file, map_location="cpu", weights_only=True, mmap=is_archive)
    except OSError as error:
        raise no_access(file, error) from None
    except pickle.UnpicklingError as error:
        raise RepdynError(_holds_code(file, str(error))) from None
    except (RuntimeError, EOFError, ValueError, KeyError, AttributeError, TypeError) as error:
        if "TorchScript" in str(error):
            raise RepdynError(_holds_code(file, "TorchScript")) from None
        raise RepdynError(
            f"`{named(file)}` is not a whole file of `torch.save`: {one_line(str(error).partition('. ')[0])}."
        ) from None


def _refuse_part(file: Path) -> None:
    """Refuse what is no archive, though it begins as one; its index, which makes it one, is at its end."""
    with file.open("rb") as opened:
        start = opened.read(len(_ARCHIVE))
    if start in (b"", _ARCHIVE):
        what = "its end is missing" if start else "it is empty"
        raise RepdynError(
            f"`{named(file)}` is not a whole file of `torch.save`: {what}; copy or save it again, or remove it."
        )


def _holds_code(file: Path, error: str) -> str:
    culprit = _GLOBAL.search(error)
    if culprit is None and "TorchScript" not in error:
        return f"`{named(file)}` is not a whole file of `torch.save`, or holds more than tensors."
    what = "a program of TorchScript" if culprit is None else f"an object of `{culprit[1] or culprit[2]}`"
    return (
        f"`{named(file)}` holds {what}, and reading that would run code; save tensors alone, as "
        "`torch.save(model.state_dict(), file)` does."
    )


def _weights_at(key: str | None, content: Any, file: Path) -> Tensors:
    if key is not None:
        return _tensors(_entry(content, key, file), f"`key: {key}` of `{named(file)}`", f"{key}.")
    if isinstance(content, Mapping) and not _is_state_dict(content):
        inside = [name for name, entry in content.items() if _is_state_dict(entry)]
        if len(inside) == 1:
            return _tensors(content[inside[0]], f"`{named(file)}`")
        if inside:
            raise RepdynError(
                f"`{named(file)}` has weights at {listed(inside)}; say which are the network's, such as "
                f"`key: {inside[0]}`."
            )
    return _tensors(content, f"`{named(file)}`")


def _entry(content: Any, key: str, file: Path) -> Any:
    """An entry by name, or by names joined with dots, which may themselves have dots."""
    if isinstance(content, Mapping):
        if key in content:
            return content[key]
        for first in (name for name in content if isinstance(name, str) and key.startswith(f"{name}.")):
            return _entry(content[first], key.removeprefix(f"{first}."), file)
        there = [name for name, entry in content.items() if isinstance(entry, Mapping)] or list(content)
        raise RepdynError(f"`{named(file)}` has no entry `{key}`; there are {_some(map(str, there))}.")
    raise RepdynError(f"`{named(file)}` has no entry `{key}`, because it is no dictionary.")


def _is_state_dict(entry: Any) -> bool:
    return (
        isinstance(entry, Mapping)
        and any(isinstance(value, torch.Tensor) for value in entry.values())
        and all(isinstance(n, str) and (isinstance(v, torch.Tensor) or n.endswith(_EXTRA)) for n, v in entry.items())
    )


def _tensors(entry: Any, where: str, within: str = "") -> Tensors:
    found = {}
    if isinstance(entry, Mapping):
        found = {str(name): tensor.detach() for name, tensor in entry.items() if isinstance(tensor, torch.Tensor)}
    if not found:
        if deeper := _keys_of_weights(entry, within):
            raise RepdynError(f"{where} has weights further inside; say where, such as `key: {deeper[0]}`.")
        kind = f"a dictionary with {_some(map(str, entry))}" if isinstance(entry, Mapping) else type(entry).__name__
        raise RepdynError(f"{where} holds no weights, but {kind}; save `model.state_dict()`.")
    return found


def _keys_of_weights(entry: Any, within: str, deepest: int = _DEEPEST) -> list[str]:
    """The keys of state dicts inside an entry, which lies at ``within``."""
    found = []
    for name, inner in entry.items() if isinstance(entry, Mapping) and deepest else ():
        if isinstance(name, str):
            is_one = _is_state_dict(inner)
            found += [within + name] if is_one else _keys_of_weights(inner, f"{within}{name}.", deepest - 1)
    return found


def _named_as(
    wanted: Mapping[str, torch.Tensor], tensors: Mapping[str, torch.Tensor], strip: str | None, file: Path
) -> Tensors:
    """The part of a checkpoint that is the network, under names without wrappers, and tied weights under each name."""
    inside = _under(tensors, strip, file)
    if not set(wanted) <= set(inside):
        inside = {bare(name): tensor for name, tensor in inside.items()}
    for name, twins in _twins(wanted).items():
        if name not in inside and (there := [twin for twin in twins if twin in inside]):
            inside[name] = inside[there[0]]
    return inside


def _under(tensors: Mapping[str, torch.Tensor], strip: str | None, file: Path) -> Tensors:
    """The part of a checkpoint below a prefix, which may stand after what wrappers put first."""
    if not strip:
        return dict(tensors)
    for names in ({name: name for name in tensors}, {bare(name): name for name in tensors}):
        inside = {name.removeprefix(strip): tensors[raw] for name, raw in names.items() if name.startswith(strip)}
        if inside:
            return inside
    raise RepdynError(f"No name in `{named(file)}` begins with `{strip}` (`strip`); there are {_some(tensors)}.")


def _twins(wanted: Mapping[str, torch.Tensor]) -> dict[str, list[str]]:
    """For each name, those of the same tensor in memory, its own among them."""
    groups: dict[object, list[str]] = {}
    for name, tensor in wanted.items():
        is_somewhere = tensor.device.type != "meta" and tensor.numel()
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if is_somewhere else name
        groups.setdefault(place, []).append(name)
    return {name: group for group in groups.values() for name in group}


def _mismatch(
    file: Path, tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor],
    missing: list[str], unexpected: list[str],
) -> str:  # fmt: skip
    parts = []
    if missing:
        parts.append(f"has no {_some(missing)}")
    if unexpected:
        parts.append(f"has {_some(unexpected)}, which the network lacks")
    cures = _cures(tensors, wanted)
    cure = (
        "that is cured by " + " or ".join(f"`strip: {_in_yaml(prefix)}`" for prefix in cures)
        if cures
        else "build the network that was trained, or name where it lies (`key`, `strip`)"
    )
    return f"`{named(file)}` {' and '.join(parts)}; {cure}."


def _in_yaml(prefix: str) -> str:
    """A prefix as YAML takes it for text."""
    return prefix if re.fullmatch(r"[A-Za-z_][\w.]*", prefix) else f'"{prefix}"'


def _cures(tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> list[str]:
    """Prefixes under which all of the network lies in a checkpoint."""
    names, twins = {bare(name) for name in tensors}, _twins(wanted)
    first = next(iter(twins.values()), [])
    prefixes = sorted({name.removesuffix(twin) for name in names for twin in first if name.endswith(f".{twin}")})

    def fits(prefix: str) -> bool:
        return all(any(prefix + twin in names for twin in twins[name]) for name in wanted)

    return [prefix for prefix in prefixes if fits(prefix)]


def _form(tensor: torch.Tensor) -> str:
    shape = " × ".join(map(str, tensor.shape)) or "a single number"
    return f"{shape} ({str(tensor.dtype).removeprefix('torch.')})"


def _some(names: Iterable[str]) -> str:
    """A few names for a sentence, and how many there are."""
    texts = [f"`{name}`" for name in names]
    more = f" … ({len(texts):,} in all)" if len(texts) > _MOST_KEYS else ""
    return ", ".join(texts[:_MOST_KEYS]) + more
