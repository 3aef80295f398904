"""What every section of a config has: bounds, numbers that are numbers, and no keys that nobody knows."""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator

from .. import plain
from ..messages import listed

# A run's seed is a partition folder, whose number readers take for a 32-bit integer, or for text.
RunSeed = Annotated[int, Field(ge=0, lt=2**31)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
# A model's or optimizer's own arguments; `1e-3` becomes a number.
Kwargs = Annotated[dict[str, Any], AfterValidator(plain.numbers)]
# Generous bounds on what determines the time to plan a study: beyond them, suspect a slip.
MOST_EPOCHS = 10_000_000
MOST_EVALUATIONS = 1_000_000  # per run
MOST_CHECKPOINTS = 10_000  # per run; every pair is compared
LARGEST_IMAGE = 4_096  # pixels a side
Epochs = Annotated[int, Field(ge=1, le=MOST_EPOCHS)]
ImageSize = Annotated[int, Field(ge=4, le=LARGEST_IMAGE)]


def distinct(values: list[Any]) -> list[Any]:
    """Refuse a list with duplicates."""
    twice = sorted(value for value, number in Counter(values).items() if number > 1)
    if twice:
        raise ValueError(f"{listed(twice)} is listed more than once; name each once")
    return values


def is_empty(value: Any) -> bool:
    """Whether a setting is not there, so that files made before there was such a setting stay valid."""
    return not value


class Section(BaseModel):
    """A section of the config: unknown keys are errors, and it is frozen after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _numbers_are_numbers(cls, value: Any, field: ValidationInfo) -> Any:
        """Read `1e3`, text in YAML, as a number; do not read `true` as 1."""
        if not _is_number(cls, str(field.field_name)):
            return value
        inner = value if isinstance(value, list) else (value,)
        if isinstance(value, dict):
            inner = [*value.values(), *(value if _has_numbers_for_keys(cls, str(field.field_name)) else ())]
        if any(isinstance(single, bool) for single in inner):
            raise ValueError("`true` and `false`, and in YAML yes, no, on and off, are not numbers")
        return plain.numbers(value)


def _kinds(model: type[BaseModel], field: str) -> set[Any]:
    """The types that a setting, and what is in it, can be of."""

    def kinds(annotation: Any) -> set[Any]:
        inner = get_args(annotation)
        return set().union(*map(kinds, inner)) if inner else {annotation}

    return kinds(model.model_fields[field].annotation)


@cache
def _is_number(model: type[BaseModel], field: str) -> bool:
    """Whether a setting is a number, or a list or section of numbers."""
    return bool(_kinds(model, field) & {int, float})


@cache
def _has_numbers_for_keys(model: type[BaseModel], field: str) -> bool:
    """Whether a setting is a section whose keys are numbers, as classes are."""
    return str not in _kinds(model, field)
