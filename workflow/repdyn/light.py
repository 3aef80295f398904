"""timm and torch's optimizers without torch's compiler, which nothing here uses.

torchvision, which timm imports, reads a function from ``torch._dynamo`` when it is imported; timm asks for its
``disable`` for two of its classes; an optimizer's methods ask for that, and each step for ``graph_break``. Any of these
imports the compiler: some 1,300 modules, sympy and triton among them, which take longer than torch itself and 200 MiB.
Inside :func:`without_compiler` a stand-in answers: ``disable`` leaves a function as it is, ``graph_break`` does
nothing, as is right where nothing is compiled. Asked for anything else, it makes way for the compiler.

Tensors distributed over machines, of which one of timm's optimizers would know, are the other half second that
:func:`absent` spares.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

_COMPILER, _UTILITIES = "torch._dynamo", "torch._dynamo.utils"


@contextmanager
def without_compiler() -> Iterator[None]:
    """Keep what is inside, or the function so decorated, from importing torch's compiler needlessly."""
    if _COMPILER in sys.modules:
        yield
        return
    sys.modules |= {_COMPILER: _StandIn(_COMPILER), _UTILITIES: _LateFunctions(_UTILITIES)}
    try:
        yield
    finally:
        _make_way()


@contextmanager
def absent(module: str) -> Iterator[None]:
    """Keep what is inside from importing a module that it can do without, unless it is imported already."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


class _StandIn(ModuleType):
    """What ``torch._dynamo`` comes to where nothing is compiled.

    Attributes:
        config: takes settings, and forgets them; timm's `kron` has one when it is imported.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.config = SimpleNamespace()

    def disable(self, function: Any = None, *_: Any, **__: Any) -> Any:
        """The function as it is; a decorator, with or without arguments."""
        return self.disable if function is None else function

    def graph_break(self, *_: Any, **__: Any) -> None:
        """Nothing: there is no graph."""

    def __getattr__(self, name: str) -> Any:
        # `inspect` asks every module for `__file__`; the import of a submodule asks for `__path__`.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        _make_way()
        return getattr(importlib.import_module(_COMPILER), name)


class _LateFunctions(ModuleType):
    """``torch._dynamo.utils`` for those who import functions from it, each of which is looked up when it is called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):
            raise AttributeError(name)

        def call(*arguments: Any, **keywords: Any) -> Any:
            _make_way()
            return getattr(importlib.import_module(_UTILITIES), name)(*arguments, **keywords)

        return call


def _make_way() -> None:
    for name in (_COMPILER, _UTILITIES):
        if isinstance(sys.modules.get(name), _StandIn | _LateFunctions):
            del sys.modules[name]
