"""Which tensors of a forward pass hold the same numbers, whatever the weights and the images.

Value numbering (Alpern, Wegman & Zadeck 1988): each operation is noted while it runs. Its result gets the number of its
input where it only copies or reshapes it, the number of an earlier result where the same operation had operands of the
same numbers, and else a number of its own. Two tensors of one number hold the same numbers in the same order, once
they are flattened. This follows from the operations alone, so it holds at every checkpoint, and tensors without data
(torch's `meta` device) will do. Whatever is not known to copy counts as a change, so no two tensors are taken for one
because their numbers happen to be alike, as those of a residual branch that is zero at initialisation.

What a network decides by its numbers, or by what it counts, is not seen: it is taken as it went in this pass.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

# Operations that keep the elements and their order where they keep their number.
_COPIES = {
    "view", "_unsafe_view", "reshape", "_reshape_alias", "flatten", "unsqueeze", "squeeze", "clone", "contiguous",
    "detach", "alias", "lift_fresh", "_to_copy", "expand", "repeat", "slice", "select", "narrow",
}  # fmt: skip
# Reductions that keep what they reduce if it is one element, and so the number of elements.
_REDUCTIONS = {"mean", "sum", "amax", "amin", "max", "min", "prod"}
_ADAPTIVE_POOLS = {
    f"{kind}adaptive_{of}_pool{n}d" for kind in ("", "_", "mkldnn_") for of in ("avg", "max") for n in (1, 2, 3)
}
_POOLS = {f"{of}_pool{n}d{more}" for of in ("avg", "max") for n in (1, 2, 3) for more in ("", "_with_indices")}
_PERMUTATIONS = {"permute", "transpose", "t"}
# Operations that change nothing the second time.
_IDEMPOTENT = {"relu", "relu6", "hardtanh", "clamp", "clamp_min", "clamp_max", "abs"}
_NEUTRAL = {"add": 0, "sub": 0, "mul": 1, "div": 1}
_UNDETERMINED = ("empty", "new_empty")


class ValueNumbers(TorchDispatchMode):  # type: ignore[misc]
    """Number the tensors of what runs in this context; run it in evaluation mode, without gradients.

    Memory: all tensors of the pass, which are kept until the end.
    """

    def __init__(self) -> None:
        """Begin without any tensor."""
        super().__init__()
        self._numbers: dict[Hashable, int] = {}  # address of a tensor -> its number
        self._results: dict[Hashable, int] = {}  # operation with its operands -> the number of its result
        self._made_by: dict[int, Hashable] = {}  # number of a result -> the operation without its first operand
        self._alive: list[torch.Tensor] = []  # so that no address is used again
        self._next = 0

    def of(self, tensor: torch.Tensor) -> int:
        """The number of a tensor, a new one if nothing is known about it."""
        address = _address(tensor)
        if address is None:
            return self._new()
        if address not in self._numbers:
            self._alive.append(tensor)
            self._numbers[address] = self._new()
        return self._numbers[address]

    def __torch_dispatch__(
        self, func: Any, types: Sequence[type], args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Run an operation and number its results."""
        kwargs = kwargs or {}
        name = func._schema.name.removeprefix("aten::")
        name = name[:-1] if name.endswith("_") and not name.endswith("__") else name  # `relu_` is `relu`
        operands = (self._operand(args), self._operand(sorted(kwargs.items())))
        # Before it runs, because it may write over its input.
        given = args[0] if args and isinstance(args[0], torch.Tensor) else None
        before = None if given is None else (self.of(given), given.shape, given.dtype)
        result = func(*args, **kwargs)
        if func._schema.is_mutable:
            self._forget_written(func, args, kwargs)
        is_fixed = torch.Tag.nondeterministic_seeded not in func.tags and not name.startswith(_UNDETERMINED)
        for place, tensor in enumerate(tree_leaves(result)):
            address = _address(tensor) if isinstance(tensor, torch.Tensor) else None
            if address is None:
                continue
            self._alive.append(tensor)
            rest = (name, func._overloadname, operands[0][1:], operands[1], place)
            if before is not None and place == 0 and self._is_kept(name, rest, before, tensor, args):
                self._numbers[address] = before[0]
            elif is_fixed:
                number = self._results.setdefault((rest, operands[0][:1]), self._next)
                if number == self._next:
                    self._next += 1
                self._numbers[address] = number
                self._made_by[number] = rest
            else:
                self._numbers[address] = self._new()
        return result

    def _new(self) -> int:
        self._next += 1
        return self._next - 1

    def _operand(self, value: Any) -> Any:
        """A value as a key: tensors by number and shape, others by what they are."""
        if isinstance(value, torch.Tensor):
            return ("tensor", self.of(value), tuple(value.shape))
        if isinstance(value, list | tuple):
            return tuple(map(self._operand, value))
        return repr(value)

    def _forget_written(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Forget all tensors that share memory with one that was written over."""
        declared = func._schema.arguments
        given = [*zip(declared, args, strict=False), *((d, kwargs[d.name]) for d in declared if d.name in kwargs)]
        written = {
            address[0]
            for argument, value in given
            if argument.alias_info is not None and argument.alias_info.is_write
            for tensor in tree_leaves(value)
            if isinstance(tensor, torch.Tensor) and (address := _address(tensor)) is not None
        }
        self._numbers = {address: n for address, n in self._numbers.items() if address[0] not in written}  # type: ignore[index]

    def _is_kept(self, name: str, rest: Hashable, before: Any, out: torch.Tensor, args: tuple[Any, ...]) -> bool:
        """Whether an operation's result holds its first operand's elements in the same order."""
        number, shape, dtype = before
        if out.dtype != dtype or out.numel() != shape.numel():
            return False
        if name in _COPIES or name in _REDUCTIONS or (name in _ADAPTIVE_POOLS and out.shape == shape):
            # A maximum of two tensors, elementwise, is no reduction.
            return not (name in _REDUCTIONS and any(isinstance(other, torch.Tensor) for other in args[1:]))
        if name in _POOLS and out.shape == shape:
            kernel = args[1] if isinstance(args[1], list | tuple) else [args[1]]
            return set(kernel) == {1} or (name.startswith("max") and set(shape[2:]) == {1})
        if name in _PERMUTATIONS:
            return _keeps_order(name, shape, args[1:])
        if name in _IDEMPOTENT:
            return self._made_by.get(number) == rest
        others = args[1:2]
        return name in _NEUTRAL and not isinstance(others[0], torch.Tensor) and others[0] == _NEUTRAL[name]


def _address(tensor: torch.Tensor) -> tuple[Any, ...] | None:
    """Where and how a tensor lies in memory; None if it is not a dense one."""
    if tensor.layout != torch.strided or tensor.is_nested:
        return None
    storage, view = tensor.untyped_storage()._cdata, (tensor.storage_offset(), tuple(tensor.shape), tensor.stride())
    return (storage, view, tensor.dtype, tensor.is_conj(), tensor.is_neg())


def _keeps_order(name: str, shape: torch.Size, dims: tuple[Any, ...]) -> bool:
    """Whether a permutation of dimensions moves only those of one element."""
    order = list(range(len(shape)))
    if name == "permute":
        order = [dim % len(shape) for dim in dims[0]]
    elif len(shape) > 1:
        first, second = (0, 1) if name == "t" else dims
        order[first], order[second] = order[second], order[first]
    longer = [dim for dim in order if shape[dim] > 1]
    return longer == sorted(longer)
