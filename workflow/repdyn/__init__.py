"""repdyn: how the representations inside neural networks evolve while they train.

Public names are imported when they are asked for, so that importing the package costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .data.of_seed import examples as examples
    from .recorded.recorder import Recorder as Recorder
    from .results import load as load

__version__ = "0.1.0"
_PUBLIC = {"Recorder": ".recorded.recorder", "examples": ".data.of_seed", "load": ".results"}  # name -> module


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; public are {', '.join(_PUBLIC)}")
    return getattr(import_module(_PUBLIC[name], __name__), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_PUBLIC])
