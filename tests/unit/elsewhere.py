"""Settings of recorded runs, for tests."""

from types import SimpleNamespace
from typing import Any


def recorded(path: object, **settings: Any) -> Any:
    """A section `recorded` with its defaults."""
    defaults = {"key": None, "strip": None, "steps_per_epoch": None, "offset": 0.0, "history": None}
    return SimpleNamespace(path=str(path), **defaults | settings)
