"""What a config may consist of: text, numbers, truth values, lists and sections, bounded in number and depth.

YAML allows more: dates, sets, bytes, sections that contain themselves, and a few lines that expand to 10⁹ values. Such
a config, read from a file or passed on by Snakemake, is refused before anything walks through it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from ..errors import RepdynError
from .messages import dotted, shown

# Far beyond any study: ten thousand seeds, and lists within lists within a model's arguments.
MOST_VALUES = 50_000
DEEPEST = 20
LONGEST_TEXT = 4_096  # as long as a path can be
_BITS = 64
_NO_TEXT = re.compile("[\0-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_EXPONENT = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+")


def refuse(content: Mapping[Any, Any]) -> None:
    """Refuse a config that has anything else in it.

    Raises:
        RepdynError: naming the key.
    """
    count = 0
    waiting: list[tuple[tuple[Any, ...], Any]] = [((), content)]
    while waiting:
        keys, value = waiting.pop()
        count += 1
        if count > MOST_VALUES:
            raise RepdynError(
                f"it has more than {MOST_VALUES:,} values, repetitions by anchors counted; no study has so many."
            )
        if len(keys) > DEEPEST:
            raise RepdynError(f"`{dotted(keys[:3])}` nests sections deeper than {DEEPEST}, or contains itself.")
        if isinstance(value, Mapping):
            for key in value:
                _refuse_key(keys, key)
            waiting.extend(((*keys, key), inner) for key, inner in reversed(list(value.items())))
        elif isinstance(value, list | tuple):
            waiting.extend(((*keys, number), value[number]) for number in reversed(range(len(value))))
        elif (complaint := _about(value)) is not None:
            raise RepdynError(f"`{dotted(keys)}` is {complaint}.")


def _refuse_key(keys: tuple[Any, ...], key: Any) -> None:
    complaint = _about(key)
    # The sections' models judge all other keys that are not text: `label_noise_pairs` has numbers.
    if complaint is None and "kwargs" in keys and not isinstance(key, str):
        complaint = f"{shown(key)}, but must be text; put it in quotes"
    if complaint is not None and not isinstance(key, date):
        raise RepdynError(f"a key of {f'`{dotted(keys)}`' if keys else 'the study'} is {complaint}.")


def _about(value: Any) -> str | None:
    """What is wrong with a single value; None if nothing is."""
    match value:
        case None | bool():
            return None
        case int() if value.bit_length() > _BITS:
            return f"an integer of {_digits(value):,} digits, but must be a smaller number"
        case float() if not math.isfinite(value):
            return f"{value}, but must be a finite number"
        case int() | float():
            return None
        case str() if len(value) > LONGEST_TEXT:
            return f"a text of {len(value):,} characters, but must be shorter than {LONGEST_TEXT:,}"
        case str() if _NO_TEXT.search(value):
            return f"{shown(value)}, but text here is one line, without control characters"
        case str():
            return None
        case date():
            return f"a date, {value}, but must be text, a number, a list or a section; put it in quotes"
    return f"{shown(value)}, of YAML's type {type(value).__name__}, but must be text, a number, a list or a section"


def _digits(value: int) -> int:
    """The number of decimal digits; Python refuses to write integers of very many."""
    least = int((value.bit_length() - 1) * math.log10(2)) + 1
    return least + int(abs(value) >= 10**least)


def number(value: Any) -> Any:
    """Turn text such as `1e-3`, which YAML does not read as a number, into one; leave anything else as it is."""
    is_number = isinstance(value, str) and _EXPONENT.fullmatch(value) and math.isfinite(float(value))
    return float(value) if is_number else value


def numbers(value: Any) -> Any:
    """Do the same for everything in sections and lists, which are copied."""
    if isinstance(value, Mapping):
        return {key: numbers(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [numbers(inner) for inner in value]
    return number(value)
