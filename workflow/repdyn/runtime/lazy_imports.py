"""timm and torch's optimizers without what nothing here uses: torch's compiler, and the client of a hub of weights.

torchvision, which timm imports, reads a function from ``torch._dynamo`` when it is imported; timm asks for its
``disable`` for two of its classes; an optimizer's methods ask for that, and each step for ``graph_break``. Any of these
imports the compiler: some 1,300 modules, sympy and triton among them, which take longer than torch itself and 200 MiB.
Inside :func:`without_compiler` a stand-in answers: ``disable`` leaves a function as it is, ``graph_break`` does
nothing, as is right where nothing is compiled. Asked for anything else, it makes way for the compiler.

:func:`importing_timm` spares two more while timm is imported, half a second and a fifth: tensors distributed over
machines, of which one of timm's optimizers would know, and Hugging Face's client, with all that it imports to speak
HTTP. The client comes when a model fetches weights, so that one's own class may start from pretrained ones.
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
    """Keep what is inside, or the function so decorated, from importing torch's compiler needlessly."""
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
    """Keep timm, imported inside, from importing what is needed by few of those who use it."""
    with (
        without_compiler(),
        _in_place_of("torch.distributed.tensor", None),
        _in_place_of(_HUB, _Late(_HUB, _fetch_the_hub)),
        _in_place_of(_HUB_ERRORS, _Late(_HUB_ERRORS, _fetch_the_hub)),
    ):
        yield


@contextmanager
def _in_place_of(module: str, stand_in: ModuleType | None) -> Iterator[None]:
    """Keep what is inside from importing a module, unless it is imported already; None: as if there were none."""
    if module in sys.modules:
        yield
        return
    sys.modules[module] = stand_in  # type: ignore[assignment]
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


class _Late(ModuleType):
    """For those who import functions and exceptions from a module: each function is looked up when it is called.

    Before that, ``make_way`` is called, which must see to it that the module's own exceptions are caught.
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
