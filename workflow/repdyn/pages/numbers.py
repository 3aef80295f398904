"""Numbers for reading: rounded, with a true minus sign, and a dash where there is none."""

from __future__ import annotations

import math

MINUS = "\u2212"
NONE = "–"


def number(value: float | None, digits: int = 3) -> str:
    """A number for reading: fixed digits, a true minus sign but none before zero, a dash if it is missing."""
    if value is None or math.isnan(value):
        return NONE
    if math.isinf(value):
        return "∞"
    return f"{value:z.{digits}f}".replace("-", MINUS)


def epoch(value: float | None) -> str:
    """An epoch with one decimal only if it needs one and is below 10."""
    return number(value, 0 if value is None or value >= 10 or value % 1 == 0 else 1)


def probability(value: float | None) -> str:
    """A p-value or q-value, never rounded down to 0."""
    return "< 0.001" if value is not None and value < 0.001 else number(value)


def interval(low: float | None, high: float | None) -> str:
    """An interval; a dash if it is missing."""
    return NONE if low is None or math.isnan(low) else f"{number(low)} to {number(high)}"
