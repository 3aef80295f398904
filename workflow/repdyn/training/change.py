"""How far each layer of a network moves between two moments of its training, without storing checkpoints.

Two numbers of each layer: the distance between its own weights then and now, in units of their norm then
(``models/owners.py`` says which are a layer's), and CKA of its activations then and now, on a fixed set of inputs
(``similarity/consecutive.py``). Batch norm normalises by the statistics of these inputs under the weights as they are
(``models/batch_norm.py``), since stored statistics lag behind the weights and blur what is dated.

Measuring leaves the network as it was to the bit: weights, buffers, modes and random numbers. Nothing heavy is
imported, because recorders use it in other people's training loops.

Time: a forward pass over the inputs in one batch, and n² p for the Gram of a layer. Memory: that of the pass, the
features of one layer at a time, and what is kept of the moment before: the weights, and n² numbers for each layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import nn

from ..errors import RepdynError
from ..models import batch_norm, observed_layers, owners
from ..runtime import devices, seeds
from ..similarity import consecutive


class Row(NamedTuple):
    """A layer between two moments: a row of the table ``change``."""

    step_a: int
    step_b: int
    epoch_a: float
    epoch_b: float
    layer: str
    depth: int
    weights: float | None
    cka: float | None


class Meter:
    """Measures how far the layers of a network have moved since it measured last."""

    def __init__(
        self,
        model: nn.Module,
        layers: Mapping[str, str],
        inputs: torch.Tensor,
        reduce: Callable[[torch.Tensor], torch.Tensor] | None = None,
    ) -> None:
        """Set up; nothing is measured yet.

        Args:
            model: the network.
            layers: its observed layers, name -> module path, in order of depth.
            inputs: (n, *shape), on its device.
            reduce: of a layer's outputs, to what is compared; examples first. None compares them whole.
        """
        self._model, self._layers, self._inputs = model, layers, inputs
        self._reduce = reduce or (lambda output: output)
        with _undisturbed(model, inputs.device):
            self._norms = batch_norm.find(model)
        self._weights: dict[str, list[nn.Parameter]] = {layer: [] for layer in layers}
        parameters = dict(model.named_parameters())
        for name, layer in owners.owners(model, layers).items():
            if layer in layers:  # what follows the last layer belongs to the output
                self._weights[layer].append(parameters[name])
        self._before: dict[str, Any] | None = None
        self._rows: list[Row] = []

    @property
    def rows(self) -> list[Row]:
        """What was measured, moment after moment, layers in order of depth."""
        return list(self._rows)

    @torch.no_grad()
    def measure(self, step: int, epoch: float) -> list[Row]:
        """Compare the network as it is with how it was, and keep how it is.

        Args:
            step: optimizer steps that are done.
            epoch: the same in epochs.

        Returns:
            A row for each layer; none when it measures for the first time.

        Raises:
            RepdynError: if a layer cannot be measured.
        """
        grams = self._grams()
        kept = {layer: [_copied(weight) for weight in of_layer] for layer, of_layer in self._weights.items()}
        now = {"step": step, "epoch": epoch, "weights": kept, "grams": grams}
        found = [] if self._before is None else list(self._compared(self._before, now))
        self._before = now
        self._rows += found
        return found

    def _compared(self, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterator[Row]:
        for depth, layer in enumerate(self._layers):
            yield Row(
                a["step"],
                b["step"],
                a["epoch"],
                b["epoch"],
                layer,
                depth,
                displacement(a["weights"][layer], b["weights"][layer]),
                consecutive.cka(a["grams"][layer], b["grams"][layer]),
            )

    def _grams(self) -> dict[str, torch.Tensor | None]:
        found: dict[str, torch.Tensor | None] = {}

        def keep(layer: str) -> Callable[..., None]:
            def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
                found[layer] = consecutive.gram(self._features(layer, observed_layers.output_of(output)))

            return hook

        hooks = [self._model.get_submodule(path).register_forward_hook(keep(layer))
                 for layer, path in self._layers.items()]  # fmt: skip
        try:
            with _undisturbed(self._model, self._inputs.device):
                batch_norm.reestimate(self._model, self._norms, self._inputs)
        finally:
            for hook in hooks:
                hook.remove()
        for layer in self._layers:
            if layer not in found:
                raise RepdynError(f"Layer `{layer}` took no part in a forward pass in evaluation mode.")
        return found

    def _features(self, layer: str, output: Any) -> torch.Tensor:
        kept = self._reduce(output.detach()) if isinstance(output, torch.Tensor) else None
        if kept is None or kept.ndim < 2 or len(kept) != len(self._inputs):
            told = type(output).__name__ if kept is None else f"numbers of shape {tuple(kept.shape)}"
            raise RepdynError(
                f"Layer `{layer}` gives {told} for {len(self._inputs)} inputs, so its change cannot be measured."
            )
        return kept.flatten(1)

    def state_dict(self) -> dict[str, Any]:
        """What was measured, and what is kept of the moment before, to go on with after an interruption."""
        return {"rows": [tuple(row) for row in self._rows], "before": self._before}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore a state."""
        self._rows, self._before = [Row(*row) for row in state["rows"]], state["before"]


def displacement(before: list[torch.Tensor], after: list[torch.Tensor]) -> float | None:
    """How far weights have moved: ‖W_b − W_a‖ / ‖W_a‖.

    Args:
        before: W_a, one vector for each parameter.
        after: W_b, the same.

    Returns:
        None where there are no weights, or all were zero.
    """
    if not before:
        return None
    norm = math.hypot(*(float(torch.linalg.vector_norm(a)) for a in before))
    moved = math.hypot(*(float(torch.linalg.vector_norm(b - a)) for a, b in zip(before, after, strict=True)))
    return moved / norm if norm > 0 else None


def _copied(weight: torch.Tensor) -> torch.Tensor:
    """A parameter as a vector of its own on the CPU, float32 or, if it is that, float64."""
    real = torch.view_as_real(weight) if weight.is_complex() else weight
    kind = torch.float64 if real.dtype == torch.float64 else torch.float32
    return real.detach().to("cpu", kind, copy=True).flatten()


@contextmanager
def _undisturbed(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Evaluation mode in full precision, and afterwards the network and all random numbers as they were."""
    random, of_device = seeds.state(), devices.random_state(device)
    modes = [(module, module.training) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer.clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        with torch.autocast(device.type, enabled=False):
            model.train().eval()  # a change of mode clears what a model has cached from its former weights
            yield
    finally:
        model.train()
        for module, mode in modes:
            if module.training != mode:
                module.training = mode
        with torch.no_grad():
            for module, name, buffer, before in buffers:
                module._buffers[name] = buffer.copy_(before)
        seeds.go_on(random)
        devices.set_random_state(device, of_device)
