"""Turn pydantic's complaints about a config into one sentence that names the key, the value and what is allowed."""

from __future__ import annotations

import difflib
import re
import reprlib
from collections.abc import Iterable
from datetime import date
from typing import Any

from pydantic import BaseModel, Tag, ValidationError

# Where pydantic would speak of a dictionary, an instance of a class, or input that cannot be parsed.
_KINDS = {
    "model_type": "a section of settings, `key: value`",
    "dict_type": "a section of settings, `key: value`",
    "list_type": "a list, `[…]`",
    "tuple_type": "a list, `[…]`",
    "bool_type": "`true` or `false`",
    "bool_parsing": "`true` or `false`",
    "string_type": "text",
    "int_parsing_size": "a smaller integer",
}

_BOUNDS = {
    "greater_than": "greater than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}
# Which of two kinds of entries a complaint is about; no part of the key.
SOURCE = "source:"  # before the tag of a kind of entries or section
TRAINED, RECORDED = f"{SOURCE}trained", f"{SOURCE}recorded"
# Parts of pydantic's own in the place that a complaint is about, beside keys. No key has a bracket.
_OF_PYDANTIC = re.compile(
    rf"(dict|function-(after|before|plain|wrap))\[.*|constrained-(str|int|float|list|dict)|{SOURCE}.*", re.S
)
MOST_LISTED = 20
# Long values are cut in the middle.
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60


def shown(value: Any) -> str:
    """A value as YAML writes it (`null`, `true`) or else as Python does, on one line of bounded length."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case date():
            return str(value)
    return " ".join(_SHORT.repr(value).split())


def listed(values: Iterable[Any]) -> str:
    """Values separated by commas; of more than ``MOST_LISTED``, the first and their number."""
    texts = list(map(str, values))
    return ", ".join(texts if len(texts) <= MOST_LISTED else [*texts[:MOST_LISTED], f"… ({len(texts):,} in all)"])


def dotted(keys: Iterable[Any]) -> str:
    """Keys from the outermost section to a setting, joined by dots; unprintable characters are escaped."""
    texts = [key if isinstance(key, str) else shown(key) for key in keys]
    return ".".join(text if text.isprintable() else repr(text)[1:-1] for text in (_cut(text) for text in texts))


def _cut(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:60]}…"


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """Put the most helpful of pydantic's complaints into a sentence with the key, the value and what is allowed."""
    # A union complains once per member; the complaint from deepest within the value helps most.
    first = max(error.errors(include_url=False), key=lambda e: (e["type"] == "extra_forbidden", len(e["loc"])))
    keys = [str(part) for part in first["loc"] if not _OF_PYDANTIC.fullmatch(str(part))]
    kind, value, context = first["type"], first["input"], first.get("ctx", {})
    is_key = kind == "invalid_key" or "[key]" in keys
    if is_key:
        del keys[-1 if kind == "invalid_key" else -2 :]
    elif keys and keys[-1] in ("float", "int") and not str(first["loc"][-2]).startswith("dict["):
        keys.pop()  # a member of a union, where it is no key of a section
    key = dotted(keys)
    subject = f"a key of {f'`{key}`' if key else 'the study'}" if is_key else f"`{key}`"
    match kind:
        case "invalid_key":
            return f"{subject} is {shown(value)}, but must be text; put it in quotes."
        case "extra_forbidden":
            source = next((part for part in first["loc"] if str(part).startswith(SOURCE)), None)
            return _unknown_key(keys, model, source)
        case "missing":
            return f"`{key}` is missing; it has no default."
        case "value_error":
            return f"{f'`{key}`: ' if key else ''}{context['error']}."
        case "string_pattern_mismatch":
            return f"`{key}`: {shown(value)} is not allowed; it must match {context['pattern']}."
        case "model_type" | "dict_type" if value is None:
            return f"`{key}` is empty; give it settings, or leave it out."
        case "string_type" if isinstance(value, bool | int | float):
            return f"{subject} is {shown(value)}, but must be text; put it in quotes."
    return f"{subject} is {shown(value)}, but must {_wanted(kind, context, first['msg'])}."


def _wanted(kind: str, context: dict[str, Any], message: str) -> str:
    """What a value must be or have; ``message`` is pydantic's own, the fallback."""
    match kind:
        case "literal_error":
            return f"be {context['expected']}"
        case "finite_number":
            return "be a finite number"
        case "too_short" if context["min_length"] == 1:
            return "not be empty"
        case "too_short":
            return f"have {context['min_length']:,} entries or more"
        case "too_long":
            return f"have at most {context['max_length']:,} entries"
    if kind in _BOUNDS:
        (bound,) = context.values()
        return f"be {_BOUNDS[kind]} {f'{bound:,}' if isinstance(bound, int) else f'{bound:g}'}"
    if kind in _KINDS:
        return f"be {_KINDS[kind]}"
    wanted = re.sub(r"^(Input|Value|List|String|Dictionary) should (be|have) (a |an )?", "", message)
    wanted = re.sub(r",? (unable to parse|got) .*", "", wanted)
    wanted = re.sub(r"^valid ", "", wanted)
    wanted = {"integer": "an integer", "number": "a number"}.get(wanted, wanted)
    return f"{'have' if 'should have' in message else 'be'} {wanted}"


def _unknown_key(keys: list[str], root: type[BaseModel], source: str | int | None) -> str:
    """The sentence about a key that does not exist; suggests the closest key that does, or lists all.

    ``source`` says which of two kinds of entries it is about, where there are two.
    """
    model: type[BaseModel] | None = root
    for part in keys[:-1]:
        if model is not None and part in model.model_fields:
            model = _section_of(model.model_fields[part].annotation, source)
    known = list(model.model_fields) if model is not None else []
    close = difflib.get_close_matches(keys[-1], known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known there: {', '.join(known)}."
    return f"`{dotted(keys)}` is not a setting; {hint}"


def _section_of(annotation: Any, source: str | int | None) -> type[BaseModel] | None:
    """The section inside an annotation such as ``Data`` or ``dict[Name, Architecture]``, of that kind of entries."""
    tags = [about.tag for about in getattr(annotation, "__metadata__", ()) if isinstance(about, Tag)]
    if source is not None and tags and source not in tags:
        return None
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (found := _section_of(argument, source)) is not None:
            return found
    return None
