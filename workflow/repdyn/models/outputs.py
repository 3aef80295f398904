"""What a network says of the classes: the logits in what its forward returns.

A forward may return the logits themselves, or hold them as ``logits``: a dictionary with that key, or an object with
that attribute, such as the outputs of Hugging Face's models. Where it returns something else, the study names a
function of its own that finds them, ``logits: "my_code:logits"``. A bare tuple is not guessed at. Networks for examples
without classes may return anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..errors import RepdynError
from ..user_code import load


def give_logits(model: nn.Module, function: str | None) -> None:
    """Have a network return its logits, whatever its forward returns, to everyone who calls it.

    Its state, its modules and what these return stay as they are.

    Args:
        model: the network, which is changed in place; call this once.
        function: import path of the user's function from the forward's output to the logits; None for ``logits``.

    Raises:
        RepdynError: if there is no such function. A call of the network then raises one where logits are not found.
    """
    # A hook is called before those that observe the network, because it is registered before them.
    if function is None:
        model.register_forward_hook(lambda _module, _inputs, output: found(output))
    else:
        read = load.load(function)
        model.register_forward_hook(lambda _module, _inputs, output: _found_by(function, read, output))


def found(output: Any) -> torch.Tensor:
    """The logits in what a forward returns.

    Raises:
        RepdynError: if it holds none, or several things of which none is called ``logits``.
    """
    if isinstance(output, torch.Tensor):
        return output
    logits = output.get("logits") if isinstance(output, Mapping) else getattr(output, "logits", None)
    if not isinstance(logits, torch.Tensor):
        raise RepdynError(
            f"the model returns {_in_words(output)}, but must return a tensor of logits, or hold one as `logits`; "
            'where it is something else, name a function of yours that finds it: `logits: "my_code:logits"`.'
        )
    return logits


def _found_by(path: str, read: Any, output: Any) -> torch.Tensor:
    try:
        logits = read(output)
    except Exception as error:  # whatever the user's code raises
        raise RepdynError(
            f"`logits`: `{path}` failed on what the model returns, {_in_words(output)}: {load.blame(error)}."
        ) from None
    if not isinstance(logits, torch.Tensor):
        raise RepdynError(f"`logits`: `{path}` returns {_in_words(logits)}, but must return a tensor of logits.")
    return logits


def _in_words(output: Any) -> str:
    """What something is, and what is in it."""
    kind = type(output).__name__
    if isinstance(output, Mapping):
        return f"a {kind} of {', '.join(map(str, output)) or 'nothing'}"
    if isinstance(output, tuple | list):
        return f"a {kind} of {', '.join(type(part).__name__ for part in output) or 'nothing'}"
    return f"a {kind}"
