"""Linear probes: a classifier on each layer's activations at each checkpoint (Alain & Bengio 2016).

From the activations table to probe weights and to a table of their accuracy. Each probe is trained on the split
``probe``, with the labels the network was trained on, on features standardised with the statistics of that layer at
that checkpoint. Solvers are in ``solvers.py``. The default is closed-form ridge, because it is deterministic: two
stochastic probes of the same features can disagree more than neighbouring checkpoints do.

Beside each probe stand two more, trained on a half of the examples each: how far they agree is the noise floor of the
similarity between checkpoints (``regions.py``). Halves are drawn once per study from ``probes.seed``.

Time: three solves for each layer and checkpoint. Together they take 40 ms of one core by ridge from 500 examples of
1,024 features, and 2.6 s from 1,000 of 65,536, nearly all of it in matrix products, so that solving checkpoints in one
batch has little to gain. Memory: the activations of one layer at one checkpoint as they are stored; in float64
min(n, p)² numbers a few times over, n min(n, p), and one block of features.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError, safe_open

from . import datasets, solvers, tables, thin
from .files import atomic, damaged, missing
from .progress import LOG, Progress
from .representations import Representations

if TYPE_CHECKING:
    from .jobs import Job

Array = np.ndarray[Any, np.dtype[Any]]

ACCURACY = tables.schema(
    layer=(pa.string(), "layer"),
    depth=(pa.int64(), "observed layers from the input"),
    step=(pa.int64(), "optimizer steps"),
    epoch=(pa.float64(), "epochs"),
    split=(pa.string(), "split"),
    accuracy=(pa.float64(), "fraction, on given labels"),
    true_accuracy=(pa.float64(), "fraction, on true labels"),
)
# What the file calls the classifiers of a probe: the probe itself, then those of the two halves.
CLASSIFIERS = ("", "half_a/", "half_b/")
BLOCK = 4096  # features in float64 at a time


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

        Folding costs digits where a unit's mean is large beside its scale; :func:`standardisation` bounds that ratio.
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


def standardisation(activations: Array) -> tuple[Array, Array]:
    """Mean and scale of each unit, (p,) each, float64.

    A unit is dead, and its scale 1, where it varies by less than its stored numbers resolve (machine epsilon times
    the largest absolute value): what is left of it is rounding noise, which must not be blown up to unit variance.
    """
    p = activations.shape[1]
    mean, scale = np.empty(p), np.empty(p)
    for start in range(0, p, BLOCK):
        part = slice(start, start + BLOCK)
        wide = activations[:, part].astype(np.float64)
        mean[part], scale[part] = wide.mean(axis=0), wide.std(axis=0)
    resolution = float(np.finfo(activations.dtype).eps) * np.abs(activations).max(axis=0).astype(np.float64)
    return mean, np.where(scale <= resolution, 1.0, scale)


def halves(n: int, seed: int) -> tuple[Array, Array]:
    """Indices of two halves of n examples, at random; of an odd number one is left out."""
    order = np.random.default_rng([seed, 0]).permutation(n)
    return np.sort(order[: n // 2]), np.sort(order[n // 2 : n // 2 * 2])


def fit(
    activations: Array, labels: Array, classes: int, settings: Mapping[str, Any], previous: Probe | None = None
) -> Probe:
    """Train a probe, and one on each half of the examples.

    Args:
        activations: (n, p), float16 or float32.
        labels: (n,), in 0 … classes - 1.
        classes: C.
        settings: the ``probes`` section of the config.
        previous: the probe of the checkpoint before, for solvers that can start from it.
    """
    mean, scale = standardisation(activations)
    n, p = activations.shape

    def blocks() -> Iterator[tuple[slice, Array]]:
        for start in range(0, p, BLOCK):
            part = slice(start, start + BLOCK)
            yield part, (activations[:, part] - mean[part]) / scale[part]

    narrow = thin.factorise(blocks, n) if p > n else None
    features = (activations - mean) / scale if narrow is None else narrow.coordinates
    start = None
    if previous is not None and settings["kind"] == "logistic":
        start = previous.weight.reshape(-1, p).T.astype(np.float64)  # (p, K C)
        start = start if narrow is None else narrow.to_coordinates(start)
    found = []
    for k, part in enumerate((np.arange(n), *halves(n, settings["seed"]))):
        begin = None if start is None or previous is None else (np.split(start, 3, axis=1)[k], previous.bias[k])
        found.append(_solve(features[part], labels[part], classes, settings, k, begin))
    weight = np.concatenate([solution.weight for solution in found], axis=1)  # (p or r, K C)
    weight = weight if narrow is None else narrow.to_features(weight, p)
    return Probe(
        weight=np.ascontiguousarray(weight.T.reshape(3, classes, p), dtype=np.float32),
        bias=np.stack([solution.bias for solution in found]).astype(np.float32),
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        gradient=np.array([solution.gradient for solution in found], dtype=np.float32),
    )


def _solve(
    features: Array,
    labels: Array,
    classes: int,
    settings: Mapping[str, Any],
    classifier: int,
    start: tuple[Array, Array] | None,
) -> solvers.Solution:
    kind, penalty = settings["kind"], settings["penalty"]
    if kind == "ridge":
        return solvers.ridge(features, labels, classes, penalty)
    if kind == "logistic":
        return solvers.logistic(features, labels, classes, penalty, **settings["logistic"], start=start)
    # The same chance at every layer and checkpoint, so that equal features give equal probes.
    generator = np.random.default_rng([settings["seed"], 1, classifier])
    return solvers.sgd(features, labels, classes, penalty, **settings["sgd"], generator=generator)


@contextmanager
def writing(
    path: str | Path,
    features: Mapping[str, int],
    classes: int,
    epochs: Mapping[int, float],
    metadata: Mapping[str, Any],
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
    header: dict[str, Any] = {"__metadata__": {"repdyn": json.dumps(dict(metadata) | contents)}}
    end = 0
    for layer, p in features.items():
        for step in epochs:
            blank = np.empty((3, classes, p), dtype=np.float32)
            probe = Probe(blank, blank[:, :, 0], blank[0, 0], blank[0, 0], blank[:, 0, 0])
            for name, tensor in probe.tensors().items():
                place = [end, end := end + tensor.nbytes]
                header[f"{layer}/{step}/{name}"] = {"dtype": "F32", "shape": tensor.shape, "data_offsets": place}
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)
    with atomic(path) as temporary, temporary.open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)

        def append(probe: Probe) -> None:
            for tensor in probe.tensors().values():
                file.write(tensor.astype("<f4").tobytes())

        yield append
        if file.tell() != 8 + len(encoded) + end:
            raise ValueError(f"{len(features)} layers at {len(epochs)} checkpoints were announced, but not all came")


class Reader:
    """An open file of probes.

    Attributes:
        layers: names of the layers, in order of depth.
        epochs: checkpoint (optimizer step) -> epoch, ascending.
    """

    def __init__(self, path: str | Path, file: Any, hyperparameters: Mapping[str, Any] | None) -> None:
        """Check where ``file`` comes from; use :func:`reading`."""
        metadata = json.loads((file.metadata() or {}).get("repdyn", "null"))
        if metadata is None:
            raise damaged(path, "it carries no repdyn metadata")
        if hyperparameters is not None:
            tables.refuse_strangers(path, metadata["hyperparameters"], hyperparameters)
        self._path, self._file = path, file
        self.layers: list[str] = metadata["layers"]
        self.epochs: dict[int, float] = {int(step): float(epoch) for step, epoch in metadata["epochs"]}

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
            return Probe(np.stack(weights), np.stack(biases), *others)
        except SafetensorError as error:
            raise damaged(self._path, error) from None


@contextmanager
def reading(path: str | Path, hyperparameters: Mapping[str, Any] | None = None) -> Iterator[Reader]:
    """Open a file of probes.

    Raises:
        RepdynError: if it is missing or damaged, or was made with other hyperparameters.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            yield Reader(path, file, hyperparameters)
    except FileNotFoundError:
        raise missing(path) from None
    except SafetensorError as error:
        raise damaged(path, error) from None


def main(job: Job) -> None:
    """Write the probes of a run and the table of their accuracy."""
    run, settings = job.run, job.made_with("probes")["probes"]
    activations = Representations(job.paths.activations(run.path), job.made_with("activations"))
    splits = {split: activations.examples(split) for split in ("probe", "similarity")}
    epochs: dict[int, float] = dict(zip(activations.steps.tolist(), activations.epochs.tolist(), strict=True))
    classes = datasets.source(job.study.data).classes
    features = {layer: activations.features(layer) for layer in activations.layers}
    accuracy: list[tuple[Any, ...]] = []
    with (
        Progress(len(features) * len(epochs), "probe") as progress,
        writing(job.paths.probe_weights(run.path), features, classes, epochs, job.metadata()) as append,
    ):
        for depth, layer in enumerate(activations.layers):
            probe = None
            for step, epoch in epochs.items():
                seen = {split: activations.read(layer, step, split) for split in splits}
                probe = fit(seen["probe"], splits["probe"]["given_label"], classes, settings, probe)
                append(probe)
                _warn_if_unconverged(probe, layer, step, settings)
                for split, examples in splits.items():
                    found = probe.predict(seen[split])
                    shares = (float((found == examples[labels]).mean()) for labels in ("given_label", "label"))
                    accuracy.append((layer, depth, step, epoch, split, *shares))
                progress.advance()
    columns = dict(zip(ACCURACY.names, zip(*accuracy, strict=True), strict=True))
    tables.write(job.paths.probe_accuracy(run.path), columns, ACCURACY, job.metadata())
    LOG.info("%s probes of %d layers at %d checkpoints", settings["kind"], len(activations.layers), len(epochs))


def _warn_if_unconverged(probe: Probe, layer: str, step: int, settings: Mapping[str, Any]) -> None:
    gradient, tolerance = float(probe.gradient.max()), settings["logistic"]["tolerance"]
    if settings["kind"] == "logistic" and gradient > tolerance:
        LOG.warning(
            "the probe of layer %s at step %d did not converge: its gradient is %.1g, above %.1g; raise "
            "`probes.logistic.iterations` or `probes.penalty`",
            layer,
            step,
            gradient,
            tolerance,
        )
