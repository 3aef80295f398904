"""Import timm and torch's optimizers without unused parts: torch's compiler, and the client of a hub of weights.

Four things import the compiler: torchvision, imported by timm, reads a function from ``torch._dynamo``; timm uses its
``disable`` for two classes; an optimizer's methods use ``disable``, too, and each of its steps ``graph_break``. The
compiler has some 1,300 modules, among them sympy and triton, and takes longer to import than torch itself, and 200 MiB.
Inside :func:`without_compiler` a stand-in answers: ``disable`` returns a function unchanged, ``graph_break`` does
nothing, which is correct where nothing is compiled. For any other attribute it gives way to the compiler.

:func:`importing_timm` skips two more imports, half a second and a fifth: distributed tensors, which one of timm's
optimizers would support, and Hugging Face's client with its HTTP libraries. The client is imported when a model fetches
weights, so that the user's own class can start from pretrained ones.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any

_COMPILER, _UTILITIES = "torch._dynamo", "torch._dynamo.utils"
_HUB, _HUB_ERRORS = "huggingface_hub", "huggingface_hub.utils"


@contextmanager
def without_compiler() -> Iterator[None]:
    """Keep the code inside, or a decorated function, from importing torch's compiler needlessly."""
    if _COMPILER in sys.modules:
        yield
        return
    sys.modules |= {_COMPILER: _StandIn(_COMPILER), _UTILITIES: _Late(_UTILITIES, _make_way)}
    try:
        yield
    finally:
        _make_way()


@contextmanager
def importing_timm() -> Iterator[None]:
    """Keep timm, imported inside, from importing packages that few of its users need."""
    with (
        without_compiler(),
        _in_place_of("torch.distributed.tensor", None),
        _in_place_of(_HUB, _Late(_HUB, _fetch_the_hub)),
        _in_place_of(_HUB_ERRORS, _Late(_HUB_ERRORS, _fetch_the_hub)),
    ):
        yield


@contextmanager
def _in_place_of(module: str, stand_in: ModuleType | None) -> Iterator[None]:
    """Replace a module inside, unless it is imported already; None makes its import fail."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = stand_in  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[module]


class _StandIn(ModuleType):
    """Stands in for ``torch._dynamo`` where nothing is compiled.

    Attributes:
        config: accepts settings and ignores them; timm's `kron` makes one when it is imported.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.config = SimpleNamespace()

    def disable(self, function: Any = None, *_: Any, **__: Any) -> Any:
        """Return the function unchanged; a decorator, with or without arguments."""
        return self.disable if function is None else function

    def graph_break(self, *_: Any, **__: Any) -> None:
        """Do nothing: there is no graph."""

    def __getattr__(self, name: str) -> Any:
        # `inspect` asks every module for `__file__`; the import of a submodule asks for `__path__`.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        _make_way()
        return getattr(importlib.import_module(_COMPILER), name)


class _Late(ModuleType):
    """A module from which functions and exceptions are imported, but each function is looked up when it is called.

    The first call runs ``make_way``, which must ensure that the module's own exceptions are caught from then on.
    """

    def __init__(self, name: str, make_way: Callable[[], object]) -> None:
        super().__init__(name)
        self._make_way = make_way

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.endswith("Error"):
            return type(name, (Exception,), {})

        def call(*arguments: Any, **keywords: Any) -> Any:
            self._make_way()
            return getattr(importlib.import_module(self.__name__), name)(*arguments, **keywords)

        return call


def _fetch_the_hub() -> None:
    importlib.reload(sys.modules["timm.models._hub"])  # with the hub's own functions and exceptions


def _make_way() -> None:
    for name in (_COMPILER, _UTILITIES):
        if isinstance(sys.modules.get(name), _StandIn | _Late):
            del sys.modules[name]
