"""What pydantic says of a config, as one sentence that names the key, the value and what is allowed."""

from __future__ import annotations

import difflib
import re
from typing import Any

from pydantic import BaseModel, ValidationError

# What pydantic would call a dictionary, an instance of a class, or input that cannot be parsed.
_KINDS = {
    "model_type": "a section of settings, `key: value`",
    "dict_type": "a section of settings, `key: value`",
    "list_type": "a list, `[…]`",
    "string_type": "text",
    "int_parsing_size": "a smaller integer",
}


def sentence(error: ValidationError, model: type[BaseModel]) -> str:
    """The first of pydantic's complaints, in words that name the key, the value and what is allowed."""
    # A union complains once per member; the complaint that got deepest into the value is the one that helps.
    first = max(error.errors(), key=lambda e: (e["type"] == "extra_forbidden", len(e["loc"])))
    keys = [str(part) for part in first["loc"] if not str(part).startswith(("dict[", "constrained-", "function-"))]
    if keys and keys[-1] in ("[key]", "float", "int"):
        keys.pop()
    key, kind, value, context = ".".join(keys), first["type"], first["input"], first.get("ctx", {})
    match kind:
        case "extra_forbidden":
            return _unknown_key(keys, model)
        case "missing":
            return f"`{key}` is missing; it has no default."
        case "value_error":
            detail = str(context.get("error"))
            return f"{f'`{key}`: ' if key else ''}{detail}."
        case "string_pattern_mismatch":
            return f"`{key}`: {value!r} is not allowed; it must match {context['pattern']}."
        case "literal_error":
            return f"`{key}` is {value!r}, but must be {context['expected']}."
        case "finite_number":
            return f"`{key}` is {value!r}, but must be a finite number."
        case "model_type" | "dict_type" if value is None:
            return f"`{key}` is empty; give it settings, or leave it out."
        case "string_type" if isinstance(value, bool | int | float):
            return f"`{key}` is {value!r}, but must be text; put it in quotes."
        case "too_short":
            return f"`{key}` is {value!r}, but must not be empty."
    if kind in _KINDS:
        return f"`{key}` is {value!r}, but must be {_KINDS[kind]}."
    wanted = re.sub(r"^(Input|Value|List|String|Dictionary) should (be|have) (a |an )?", "", first["msg"])
    wanted = re.sub(r",? (unable to parse|got) .*", "", wanted)
    wanted = re.sub(r"^valid ", "", wanted)
    wanted = {"integer": "an integer", "number": "a number"}.get(wanted, wanted)
    verb = "have" if "should have" in first["msg"] else "be"
    return f"`{key}` is {value!r}, but must {verb} {wanted}."


def _unknown_key(keys: list[str], root: type[BaseModel]) -> str:
    """What to say of a key that does not exist: the nearest that does, or all of them."""
    model: type[BaseModel] | None = root
    for part in keys[:-1]:
        if model is not None and part in model.model_fields:
            model = _section_of(model.model_fields[part].annotation)
    known = list(model.model_fields) if model is not None else []
    close = difflib.get_close_matches(keys[-1], known, n=1)
    hint = f"did you mean `{close[0]}`?" if close else f"known there: {', '.join(known)}."
    return f"`{'.'.join(keys)}` is not a setting; {hint}"


def _section_of(annotation: Any) -> type[BaseModel] | None:
    """The config section inside an annotation such as ``Data`` or ``dict[Name, Architecture]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        if (found := _section_of(argument)) is not None:
            return found
    return None
