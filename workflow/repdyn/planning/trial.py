"""Try training on a few images: take steps, save, restore, and continue.

Whatever an optimizer keeps outside its state is lost when training is killed or lengthened, and the run would silently
end with other weights. So one step is taken twice: by the optimizer that took the steps before, and by a new one that
loads what training saves. The weights must be equal, bit by bit.
"""

from __future__ import annotations

import copy
import io
import pickle
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from ..errors import RepdynError, one_line
from ..runtime import seeds
from ..runtime.progress import LOG
from ..training.stepping import Stepper
from ..user_code import load

if TYPE_CHECKING:
    from ..config.sections import Optimizer, Training

State = dict[str, Any]


def take_step(model: nn.Module, images: torch.Tensor, training: Training, optimizer: Optimizer) -> None:
    """Take the first step, and check the resulting weights.

    Args:
        model: in training mode; its weights are restored, so that no optimizer is blamed for another's step.
        images: a batch.
        training: the section of the config.
        optimizer: the run's, as ``Study.optimizer`` gives it.

    Raises:
        RepdynError: if optimizer or schedule cannot be made, or a step fails.
    """
    name = optimizer.opt
    tensors = [*model.parameters(), *model.buffers()]
    before = [tensor.detach().clone() for tensor in tensors]
    with seeds.seeded(0):
        stepper = _stepper(model, training, optimizer)
        _step(stepper, images, 1, name)
    trained = {key: value for key, value in model.named_parameters() if value.requires_grad}
    held = {id(parameter) for group in stepper.optimizer.param_groups for parameter in group["params"]}
    left_out = [key for key, value in trained.items() if id(value) not in held]
    if len(left_out) == len(trained):
        raise RepdynError(f"`{name}` holds none of the model's parameters; it must be made with them, and change them.")
    if left_out:
        LOG.warning("`%s` leaves %d of %d tensors as they are: %s …", name, len(left_out), len(trained), left_out[0])
    wrong = [key for key, value in trained.items() if not value.isfinite().all()]
    if wrong:
        raise RepdynError(f"`{name}` makes {wrong[0]} NaN or infinite in its first step; lower its rate.")
    with torch.no_grad():
        for tensor, initial in zip(tensors, before, strict=True):
            tensor.copy_(initial)
    model.zero_grad()


def interrupt(model: nn.Module, images: torch.Tensor, training: Training, optimizer: Optimizer) -> None:
    """Train a network as ``stages/train.py`` does, with an interruption.

    Args:
        model: one whose state is complete (``rehearsal.py``); it is restored.
        images: a batch.
        training: the section of the config.
        optimizer: the run's, as ``Study.optimizer`` gives it.

    Raises:
        RepdynError: if training does not continue from a saved state as without interruption.
    """
    name, initial = optimizer.opt, _copy(model)
    with torch.no_grad():  # training begins with an evaluation, which may change a model's attributes
        model.eval()(images)
    model.train()
    with seeds.seeded(0):
        stepper = _stepper(model, training, optimizer)
        for number in (1, 2):
            _step(stepper, images, number, name)
        saved = _saved({"model": model.state_dict(), "steps": stepper.state_dict(), "random": seeds.state()}, name)
        _step(stepper, images, 3, name)
        expected = _copy(model)

        model.load_state_dict(initial)
        stepper = _stepper(model, training, optimizer)
        _resume(model, stepper, saved, name)
        _step(stepper, images, 3, name)
    differing = [key for key, value in model.state_dict().items() if not _same(value, expected[key])]
    if differing:
        raise RepdynError(
            f"training with `{name}` does not go on from a saved state as without a break: the next step gives "
            f"{differing[0]} other weights. What the optimizer, or the model, needs beside weights must be in its "
            "`state_dict` (an optimizer's, in `state` or `param_groups`)."
        )
    model.load_state_dict(initial)
    model.zero_grad()


def _stepper(model: nn.Module, training: Training, optimizer: Optimizer) -> Stepper:
    """A stepper on the CPU, as configured except for what a CPU may lack or takes minutes for."""
    there, here = torch.device("cpu"), training.model_copy(update={"compile": False})
    if here.precision == "float16":  # not every optimizer supports it; making the stepper raises then
        Stepper(model, here, optimizer, there, steps_per_epoch=1)
    here = here.model_copy(update={"precision": "float32"})
    return Stepper(model, here, optimizer, there, steps_per_epoch=1)


def _step(stepper: Stepper, images: torch.Tensor, number: int, name: str) -> None:
    labels = torch.zeros(len(images), dtype=torch.int64)
    try:
        stepper(images, labels)
    except RepdynError:
        raise
    except Exception as error:  # an optimizer may raise anything
        raise RepdynError(f"`{name}` cannot take a step: {load.in_words(error, name)}.") from None
    try:
        stepper.rate.after_step(number)
    except Exception as error:  # a schedule may raise anything
        which, words = ("second", "third", "fourth")[number - 1], f"{type(error).__name__}: {one_line(error)}"
        raise RepdynError(f"`schedule` has no rate for the {which} step with these `kwargs`: {words}.") from None


def _saved(state: State, name: str) -> io.BytesIO:
    """Save a state to a file, which must be readable without running code that it names."""
    file = io.BytesIO()
    try:
        torch.save(state, file)
        _read(file)
    except Exception as error:  # pickle may raise anything
        why = "it holds objects of other classes" if isinstance(error, pickle.UnpicklingError) else one_line(error)
        raise RepdynError(
            f"the state of `{name}` cannot be saved and read again: {why}; let it be tensors, numbers and text, in "
            "lists and dictionaries."
        ) from None
    return file


def _read(file: io.BytesIO) -> State:
    file.seek(0)
    state: State = torch.load(file, weights_only=True)
    return state


def _resume(model: nn.Module, stepper: Stepper, saved: io.BytesIO, name: str) -> None:
    state = _read(saved)
    model.load_state_dict(state["model"])
    try:
        stepper.load_state_dict(state["steps"])
    except Exception as error:  # an optimizer may raise anything
        raise RepdynError(f"`{name}` does not take the state that it gave: {load.in_words(error, name)}.") from None
    seeds.go_on(state["random"])


def _copy(model: nn.Module) -> State:
    return copy.deepcopy(dict(model.state_dict()))


def _same(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors have the same bits, NaN included."""
    bits = [tensor.contiguous().reshape(-1).view(torch.uint8) for tensor in (one, other)]
    return bool(torch.equal(*bits))
