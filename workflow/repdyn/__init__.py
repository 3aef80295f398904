"""repdyn: how the representations inside neural networks evolve while they train."""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"

# Public name -> where it lies; imported when it is first asked for, because most of it is heavy.
_PUBLIC = {"examples": "data.of_seed"}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public are {', '.join(_PUBLIC)}")
    return getattr(importlib.import_module(f"{__name__}.{_PUBLIC[name]}"), name)


def __dir__() -> list[str]:
    return sorted((*globals(), *_PUBLIC))
