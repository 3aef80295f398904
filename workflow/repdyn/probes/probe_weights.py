"""The file of a run's probes: linear classifiers of every layer at every checkpoint, in safetensors.

Written probe by probe by ``fit.py``, and read so by those who label points with them, so that no more than one layer
at one checkpoint is in memory; whole or not at all. Each probe has a checksum, which reading compares, as it does that
of the header.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError

from ..storage import tensor_files
from ..storage.files import atomic, checksum, damaged
from ..storage.origin import Metadata, Origin

Array = np.ndarray[Any, np.dtype[Any]]

# What the file calls the classifiers of a probe: the probe itself, then those of the two halves.
CLASSIFIERS = ("", "half_a/", "half_b/")
_CHECKSUM = np.dtype("<u4")


@dataclass(frozen=True)
class Probe:
    """A probe as it is stored, all float32: K classifiers on one layer at one checkpoint, K = 3.

    The first classifier is the probe, the two others are trained on a half of the examples each.

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
        """What is stored, by name."""
        tensors = {"mean": self.mean, "scale": self.scale, "gradient": self.gradient}
        for name, weight, bias in zip(CLASSIFIERS, self.weight, self.bias, strict=True):
            tensors |= {f"{name}weight": weight, f"{name}bias": bias}
        return tensors

    def folded(self) -> tuple[Array, Array]:
        """Weight (K C, p) and bias (K C,), float32, for raw activations: standardisation folded in.

        Folding costs digits where a unit's mean is large beside its scale; the standardisation bounds that ratio.
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


@contextmanager
def writing(
    path: str | Path,
    features: Mapping[str, int],
    classes: int,
    epochs: Mapping[int, float],
    metadata: Metadata,
) -> Iterator[Callable[[Probe], None]]:
    """Write all probes of a run, one after the other, whole or not at all.

    The safetensors format needs to know all shapes at the start and nothing else, so no more than one probe is held.

    Args:
        path: the file.
        features: layer -> number of features, in order of depth.
        classes: C.
        epochs: checkpoint (optimizer step) -> epoch, ascending.
        metadata: what the file says about itself.

    Yields:
        A function that appends a probe; all checkpoints of the first layer come first.

    Raises:
        RepdynError: if the disk is full.
    """
    contents = {"layers": list(features), "epochs": list(epochs.items())}
    entries: dict[str, tensor_files.Entry] = {}
    for layer, p in features.items():
        blank = np.empty((3, classes, p), dtype=np.float32)
        probe = Probe(blank, blank[:, :, 0], blank[0, 0], blank[0, 0], blank[:, 0, 0])
        for step in epochs:
            for name, tensor in probe.tensors().items():
                entries[f"{layer}/{step}/{name}"] = tensor_files.Entry("F32", tensor.shape, tensor.nbytes)
            entries[f"{layer}/{step}/checksum"] = tensor_files.Entry("U32", (), _CHECKSUM.itemsize)
    with atomic(path) as temporary, temporary.open("wb") as file:
        size = tensor_files.write_header(file, entries, dict(metadata) | contents)

        def append(probe: Probe) -> None:
            parts = _stored(probe)
            for part in parts:
                file.write(part)
            file.write(np.array(checksum(parts), dtype=_CHECKSUM).tobytes())

        yield append
        if file.tell() != size:
            raise ValueError(f"{len(features)} layers at {len(epochs)} checkpoints were announced, but not all came")


def _stored(probe: Probe) -> list[memoryview]:
    """A probe's tensors as they stand in the file."""
    return [np.ascontiguousarray(tensor, dtype="<f4").data for tensor in probe.tensors().values()]


class Reader:
    """An open file of probes.

    Attributes:
        layers: names of the layers, in order of depth.
        epochs: checkpoint (optimizer step) -> epoch, ascending.
    """

    def __init__(self, path: str | Path, file: Any, about: Metadata) -> None:
        """Of an open file that says so about itself; use :func:`reading`."""
        self._path, self._file = path, file
        try:
            self.layers: list[str] = about["layers"]
            self.epochs: dict[int, float] = {int(step): float(epoch) for step, epoch in about["epochs"]}
        except KeyError:
            raise damaged(path, "it is no file of probes") from None

    def features(self, layer: str) -> int:
        """How many features a layer has."""
        size: int = self._file.get_slice(f"{layer}/{next(iter(self.epochs))}/mean").get_shape()[0]
        return size

    def read(self, layer: str, step: int) -> Probe:
        """The probe of a layer at a checkpoint.

        Raises:
            RepdynError: if the file is damaged.
        """
        key = f"{layer}/{step}"
        get = self._file.get_tensor
        try:
            weights = [get(f"{key}/{name}weight") for name in CLASSIFIERS]
            biases = [get(f"{key}/{name}bias") for name in CLASSIFIERS]
            others = (get(f"{key}/{name}") for name in ("mean", "scale", "gradient"))
            probe = Probe(np.stack(weights), np.stack(biases), *others)
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
        wanted: which one it must be; None asks nothing.

    Raises:
        RepdynError: if it is missing or damaged, may not be read, or is not the one that is wanted.
    """
    with tensor_files.reading(path, "numpy", wanted) as (file, about):
        yield Reader(path, file, about)
