"""The file of a run's probes: linear classifiers of every layer at every checkpoint, in safetensors.

The file is written and read probe by probe, so that only one layer at one checkpoint is in memory. Writing is atomic.
Each probe has a checksum, and so has the header; reading checks both.

The probe of a wide layer is stored by its coefficients on the examples that it was trained on (:class:`Coefficients`),
from which a forward pass over them gives its weights again (``rebuilt.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.linalg
from safetensors import SafetensorError

from ..storage import tensor_files
from ..storage.files import atomic, checksum, damaged
from ..storage.origin import Metadata, Origin
from ..types import Array

# Prefixes of a probe's classifiers in the file: the probe itself, then those of the two halves.
CLASSIFIERS = ("", "half_a/", "half_b/")
_CHECKSUM = np.dtype("<u4")
# Share of all variance that a direction needs for the scores to correct coefficients along it. The scores are rounded,
# too, to 1e-7, which changes weights by at most 3e-5 of theirs.
RESTORED = 1e-6


@dataclass(frozen=True)
class Probe:
    """A stored probe, all float32: K = 3 classifiers on one layer at one checkpoint.

    The first classifier is the probe; the two others are trained on one half of the examples each.

    Attributes:
        weight: (K, C, p), for standardised features.
        bias: (K, C).
        mean: (p,), of the training examples.
        scale: (p,), their standard deviation; 1 for dead units.
        gradient: (K,), largest component of the mean objective's gradient where the solver stopped.
    """

    weight: Array
    bias: Array
    mean: Array
    scale: Array
    gradient: Array

    def tensors(self) -> dict[str, Array]:
        """The stored tensors by name."""
        tensors = {"mean": self.mean, "scale": self.scale, "gradient": self.gradient}
        for name, weight, bias in zip(CLASSIFIERS, self.weight, self.bias, strict=True):
            tensors |= {f"{name}weight": weight, f"{name}bias": bias}
        return tensors

    def folded(self) -> tuple[Array, Array]:
        """Weight (K C, p) and bias (K C,), float32, for raw activations: standardisation folded in.

        Folding costs digits where a unit's mean is much larger than its scale; standardisation bounds that ratio.
        """
        weight = self.weight.reshape(-1, self.weight.shape[-1]) / self.scale.astype(np.float64)  # (K C, p)
        bias = self.bias.ravel() - weight @ self.mean
        return weight.astype(np.float32), bias.astype(np.float32)

    def predict(self, activations: Array) -> Array:
        """(n,) int64: the probe's class for each row of raw activations (n, p)."""
        weight, bias = self.folded()
        scores = activations.astype(np.float32) @ weight.T + bias
        found: Array = scores[:, : self.bias.shape[1]].argmax(axis=1)
        return found


@dataclass(frozen=True)
class Coefficients:
    """The stored probe of a wide layer, all float32: weights as sums of the examples that it was trained on.

    With their standardised features Z, (m, p), a class's weight is Zᵀ α (the dual form; Saunders et al. 1998).

    Attributes:
        weight: α, (K, C, m).
        bias: (K, C).
        gradient: (K,), as of a :class:`Probe`.
        scores: (K, C, m), what the classifiers give for these examples, by which rebuilt weights are checked.
    """

    weight: Array
    bias: Array
    gradient: Array
    scores: Array

    def tensors(self) -> dict[str, Array]:
        """The stored tensors by name."""
        tensors = {"gradient": self.gradient, "scores": self.scores}
        for name, weight, bias in zip(CLASSIFIERS, self.weight, self.bias, strict=True):
            tensors |= {f"{name}weight": weight, f"{name}bias": bias}
        return tensors

    def exact(self, gram: Array) -> Array:
        """α, (K C, m) float64, with the digits that float32 lost.

        Where weights are large along directions of little variance, as weak penalties and SGD leave them, rounding α
        changes scores along directions of much variance. The stored scores have these digits.

        Args:
            gram: (m, m) float64, Z Zᵀ, or the same from coordinates.
        """
        stored = self.weight.reshape(-1, len(gram)).astype(np.float64)
        if not gram.any():  # all units are dead
            return stored
        missing = (self.scores - self.bias[:, :, None].astype(np.float64)).reshape(stored.shape) - stored @ gram
        ridge = gram + RESTORED * float(np.trace(gram)) * np.eye(len(gram))
        restored: Array = stored + scipy.linalg.solve(ridge, missing.T, assume_a="pos", overwrite_a=True).T
        return restored

    def predict(self, coordinates: Array, trained_on: Array) -> Array:
        """(n,) int64: the probe's class for each example.

        Args:
            coordinates: (n, m), of the examples (``representations/coordinates.py``).
            trained_on: (m, m), those of the examples that the probe was trained on.
        """
        T = trained_on.astype(np.float64)
        weight = T.T @ self.exact(T @ T.T)[: self.bias.shape[1]].T  # (m, C), in coordinates
        found: Array = (coordinates @ weight + self.bias[0]).argmax(axis=1)
        return found


Stored = Probe | Coefficients


@contextmanager
def writing(
    path: str | Path,
    features: Mapping[str, int],
    classes: int,
    epochs: Mapping[int, float],
    metadata: Metadata,
    coefficients: Collection[str] = (),
) -> Iterator[Callable[[Stored], None]]:
    """Write all probes of a run one by one; the file appears only when complete.

    The safetensors format needs only the shapes in advance, so only one probe is in memory.

    Args:
        path: the file.
        features: layer -> numbers of a class's weight, in order of depth: features, or coefficients.
        classes: C.
        epochs: checkpoint (optimizer step) -> epoch, ascending.
        metadata: stored in the file's header.
        coefficients: the layers whose probes are :class:`Coefficients`.

    Yields:
        A function that appends a probe; call it for all checkpoints of the first layer, then of the next.

    Raises:
        RepdynError: if the disk is full.
    """
    contents = {"layers": list(features), "epochs": list(epochs.items())}
    entries: dict[str, tensor_files.Entry] = {}
    for layer, p in features.items():
        blank = np.empty((3, classes, p), dtype=np.float32)
        probe: Stored = (
            Coefficients(blank, blank[:, :, 0], blank[:, 0, 0], blank)
            if layer in coefficients
            else Probe(blank, blank[:, :, 0], blank[0, 0], blank[0, 0], blank[:, 0, 0])
        )
        for step in epochs:
            for name, tensor in probe.tensors().items():
                entries[f"{layer}/{step}/{name}"] = tensor_files.Entry("F32", tensor.shape, tensor.nbytes)
            entries[f"{layer}/{step}/checksum"] = tensor_files.Entry("U32", (), _CHECKSUM.itemsize)
    with atomic(path) as temporary, temporary.open("wb") as file:
        size = tensor_files.write_header(file, entries, dict(metadata) | contents)

        def append(probe: Stored) -> None:
            parts = _stored(probe)
            for part in parts:
                file.write(part)
            file.write(np.array(checksum(parts), dtype=_CHECKSUM).tobytes())

        yield append
        if file.tell() != size:
            raise ValueError(f"{len(features)} layers at {len(epochs)} checkpoints were announced, but not all came")


def _stored(probe: Stored) -> list[memoryview]:
    """A probe's tensors as bytes of the file."""
    return [np.ascontiguousarray(tensor, dtype="<f4").data for tensor in probe.tensors().values()]


class Reader:
    """An open file of probes.

    Attributes:
        layers: names of the layers, in order of depth.
        epochs: checkpoint (optimizer step) -> epoch, ascending.
    """

    def __init__(self, path: str | Path, file: Any, about: Metadata) -> None:
        """Wrap an open file with metadata ``about``; use :func:`reading`."""
        self._path, self._file, self._names = path, file, frozenset(file.keys())
        try:
            self.layers: list[str] = about["layers"]
            self.epochs: dict[int, float] = {int(step): float(epoch) for step, epoch in about["epochs"]}
        except KeyError:
            raise damaged(path, "it is no file of probes") from None

    def read(self, layer: str, step: int) -> Stored:
        """The probe of a layer at a checkpoint.

        Raises:
            RepdynError: if the file is damaged.
        """
        key = f"{layer}/{step}"
        get = self._file.get_tensor
        try:
            weight = np.stack([get(f"{key}/{name}weight") for name in CLASSIFIERS])
            bias = np.stack([get(f"{key}/{name}bias") for name in CLASSIFIERS])
            there = (name for name in ("mean", "scale", "gradient", "scores") if f"{key}/{name}" in self._names)
            others = {name: get(f"{key}/{name}") for name in there}
            probe: Stored = (Coefficients if "scores" in others else Probe)(weight=weight, bias=bias, **others)
            if checksum(_stored(probe)) != get(f"{key}/checksum"):
                raise damaged(self._path, f"the checksum of {layer} at step {step} is not that of its probe")
        except SafetensorError as error:
            raise damaged(self._path, error) from None
        return probe


@contextmanager
def reading(path: str | Path, wanted: Origin | None = None) -> Iterator[Reader]:
    """Open a file of probes.

    Args:
        path: the file.
        wanted: the expected origin; None accepts any.

    Raises:
        RepdynError: if the file is missing, damaged or not readable, or has another origin.
    """
    with tensor_files.reading(path, "numpy", wanted) as (file, about):
        yield Reader(path, file, about)
