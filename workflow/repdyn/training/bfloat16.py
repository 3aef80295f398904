"""Check a processor's bfloat16 against float32 before a network is trained in it.

With AVX-512 or AMX, oneDNN (3.12, in torch 2.14) computes wrong numbers if a convolution strides in width and its maps
become one pixel wide, in any memory layout. Mostly the gradient of the weights is wrong: it holds whatever was in
memory. At times the output or the gradient of the input is. Nothing but the trained network shows it. With AVX2 all are
right.

So every product of a forward and a backward pass is computed again in float32, from the same numbers. The two agree up
to rounding, which the product of magnitudes bounds, |fl(x · w) − x · w| ≤ ε |x| · |w|, even if terms cancel (Higham,
Accuracy and Stability of Numerical Algorithms, 2nd ed. 2002, section 3.5).

Time: three times a step on a few images in float32. Memory: that of the step, and twice its largest product.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_any, tree_map

from ..errors import RepdynError
from ..models import architectures, memory_layouts
from ..runtime import seeds
from ..types import Inputs
from ..user_code import load

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.study import Study

IMAGES = 2

# Some kernels also round partial sums: a few times 2⁻⁸. Wrong numbers are off by their own size or far more.
TOLERANCE = 0.1
_ATEN = torch.ops.aten
# Sizes of memory blocks, in numbers; larger ones come from the system, as zeros.
_SOILED = [size * 2**power for power in range(4, 18) for size in (4, 6)]
# Results of each operation, in words. An operation on magnitudes gives the bound, because each is linear in its
# arguments.
_GIVES = {
    _ATEN.convolution.default: ("what `{}` gives",),
    _ATEN.convolution_backward.default: (
        "the gradient of what enters `{}`",
        "the gradient of the weights of `{}`",
        "the gradient of the biases of `{}`",
    ),
    _ATEN.mm.default: ("a product in `{}`, or its gradient,",),
    _ATEN.addmm.default: ("what `{}` gives",),
    _ATEN.bmm.default: ("a product in `{}`, or its gradient,",),
}


def check(model: nn.Module, study: Study, run: Run, inputs: Inputs, classes: int | None) -> None:
    """Check a forward and a backward pass of a network on this processor if it trains in bfloat16.

    Args:
        model: the network; it is not changed, since the check builds a copy.
        study: the study.
        run: one of its runs.
        inputs: what it gets for each example.
        classes: number of classes; None where the examples have none.

    Raises:
        RepdynError: if the network does not run in bfloat16, or a product differs from float32 by more than rounding.
    """
    is_wanted = study.training.precision == "bfloat16"
    if not is_wanted and all(tensor.dtype != torch.bfloat16 for tensor in (*model.parameters(), *model.buffers())):
        return
    name, twin = study.archs[run.arch].model, architectures.of_run(study, run, inputs, classes).train()
    memory_layouts.lay_out(twin, memory_layouts.choose(study.training, twin, torch.device("cpu")))
    with seeds.seeded(0):
        images, labels = inputs.sample(IMAGES), torch.zeros(IMAGES, dtype=torch.int64)
        try:
            with _Compared(twin), torch.autocast("cpu", torch.bfloat16, enabled=is_wanted):
                F.cross_entropy(twin(images).float(), labels).backward()
        except RepdynError:
            raise
        except Exception as error:  # models fail in their own ways
            words = load.in_words(error, name)
            raise RepdynError(f"the model does not run in bfloat16: {words}.") from None


class _Compared(TorchDispatchMode):  # type: ignore[misc]  # torch has no type for it
    """Compares each product in bfloat16 with one in float32, below autograd and autocast."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self._paths = {id(module): path or type(model).__name__ for path, module in model.named_modules()}
        self._model, self._entered, self._handles = model, [type(model).__name__], list[Any]()
        self._owners: dict[int, tuple[torch.Tensor, str]] = {}  # by the address of a convolution's weights

    def __enter__(self) -> _Compared:
        for module in self._model.modules():
            enter = module.register_forward_pre_hook(lambda module, _: self._entered.append(self._paths[id(module)]))
            leave = module.register_forward_hook(lambda *_: self._entered.pop() and None)
            self._handles += [enter, leave]
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        for handle in self._handles:
            handle.remove()

    def __torch_dispatch__(
        self, operation: Any, _types: Any, arguments: Sequence[Any] = (), named: Mapping[str, Any] | None = None
    ) -> Any:
        if operation not in _GIVES or not tree_any(_is_half, arguments):
            return operation(*arguments, **(named or {}))
        _soil_memory()
        found = operation(*arguments, **(named or {}))
        expected, magnitudes = (
            operation(*tree_map(change, arguments), **(named or {})) for change in (_single, _magnitude)
        )
        owner = self._entered[-1]
        if operation is _ATEN.convolution.default:
            self._owners[arguments[1].data_ptr()] = arguments[1], owner
        elif operation is _ATEN.convolution_backward.default:
            _, owner = self._owners.get(arguments[2].data_ptr(), (None, owner))
        for what, *values in zip(_GIVES[operation], *map(_several, (found, expected, magnitudes)), strict=True):
            _compare(what.format(owner), *values)
        return found


def _compare(
    what: str, found: torch.Tensor | None, expected: torch.Tensor | None, magnitudes: torch.Tensor | None
) -> None:
    if found is None or expected is None or magnitudes is None or not expected.isfinite().all():
        return
    if not ((found.float() - expected).abs() <= TOLERANCE * magnitudes).all():
        raise RepdynError(
            f"{what} is wrong in bfloat16 on this processor, by far more than rounding: its library, oneDNN, fails "
            "if strides make maps one pixel wide. Train in float32 (`training.precision`), or on larger images "
            "(`data.image_size`)."
        )


def _soil_memory() -> None:
    """Fill free memory with NaN: a result that is never written could be right by chance if memory holds zeros."""
    blocks = [torch.full((size,), math.nan) for size in _SOILED for _ in range(4)]
    del blocks


def _several(values: Any) -> Sequence[Any]:
    return (values,) if isinstance(values, torch.Tensor) else values


def _is_half(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.dtype == torch.bfloat16


def _single(value: Any) -> Any:
    return value.float() if _is_half(value) else value


def _magnitude(value: Any) -> Any:
    return value.float().abs() if isinstance(value, torch.Tensor) else value
