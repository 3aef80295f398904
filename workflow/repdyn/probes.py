"""Linear probes: a classifier on each layer's activations at each checkpoint (Alain & Bengio 2016).

From the activations table to probe weights and to a table of their accuracy. Each probe is trained on the split
``probe``, with the labels the network was trained on, on features standardised with the statistics of that layer at
that checkpoint. Solvers are in ``solvers.py``. The default is closed-form ridge, because it is deterministic: two
stochastic probes of the same features can disagree more than neighbouring checkpoints do.

Beside each probe stand two more, trained on a half of the examples each: how far they agree is the noise floor of the
similarity between checkpoints (``regions.py``). Halves are drawn once per study from ``probes.seed``.

Time: a solve for each layer, checkpoint and half. Memory: the activations of one layer at one checkpoint, as float64,
and all probes of the run, which are (3C + 2) p float32 numbers each.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from . import data, solvers, tables
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
    wide = activations.astype(np.float64)
    mean, scale = wide.mean(axis=0), wide.std(axis=0)
    resolution = float(np.finfo(activations.dtype).eps) * np.abs(wide).max(axis=0)
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
    features = (activations - mean) / scale
    found = []
    for k, part in enumerate((np.arange(len(labels)), *halves(len(labels), settings["seed"]))):
        start = None if previous is None else (previous.weight[k].T, previous.bias[k])
        found.append(_solve(features[part], labels[part], classes, settings, k, start))
    return Probe(
        weight=np.stack([solution.weight.T for solution in found]).astype(np.float32),
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


def write(
    path: str | Path, probes: Mapping[tuple[str, int], Probe], epochs: Mapping[int, float], metadata: Mapping[str, Any]
) -> None:
    """Write all probes of a run, by layer (in order of depth) and step, whole or not at all.

    Raises:
        RepdynError: if the disk is full.
    """
    tensors: dict[str, Array] = {}
    for (layer, step), probe in probes.items():
        key = f"{layer}/{step}"
        tensors |= {f"{key}/mean": probe.mean, f"{key}/scale": probe.scale, f"{key}/gradient": probe.gradient}
        for name, weight, bias in zip(CLASSIFIERS, probe.weight, probe.bias, strict=True):
            tensors |= {f"{key}/{name}weight": weight, f"{key}/{name}bias": bias}
    # safetensors writes memory as it lies, and would silently transpose what is not in C order.
    tensors = {key: np.ascontiguousarray(tensor) for key, tensor in tensors.items()}
    contents = {"layers": list(dict.fromkeys(layer for layer, _ in probes)), "epochs": list(epochs.items())}
    with atomic(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"repdyn": json.dumps(dict(metadata) | contents)})
        except SafetensorError as error:
            raise OSError(str(error)) from None


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
    classes = data.source(job.study.data).classes
    probes: dict[tuple[str, int], Probe] = {}
    accuracy: list[tuple[Any, ...]] = []
    with Progress(len(activations.layers) * len(epochs), "probe") as progress:
        for depth, layer in enumerate(activations.layers):
            probe = None
            for step, epoch in epochs.items():
                seen = {split: activations.read(layer, step, split) for split in splits}
                probe = fit(seen["probe"], splits["probe"]["given_label"], classes, settings, probe)
                probes[layer, step] = probe
                for split, examples in splits.items():
                    found = probe.predict(seen[split])
                    shares = (float((found == examples[labels]).mean()) for labels in ("given_label", "label"))
                    accuracy.append((layer, depth, step, epoch, split, *shares))
                progress.advance()
    write(job.paths.probe_weights(run.path), probes, epochs, job.metadata())
    columns = dict(zip(ACCURACY.names, zip(*accuracy, strict=True), strict=True))
    tables.write(job.paths.probe_accuracy(run.path), columns, ACCURACY, job.metadata())
    LOG.info("%s probes of %d layers at %d checkpoints", settings["kind"], len(activations.layers), len(epochs))
    if settings["kind"] == "logistic":
        _name_unconverged(probes, settings["logistic"]["tolerance"])


def _name_unconverged(probes: Mapping[tuple[str, int], Probe], tolerance: float) -> None:
    """Say which probes stopped before their gradient was small."""
    for (layer, step), probe in probes.items():
        if probe.gradient.max() > tolerance:
            LOG.warning(
                "the probe of layer %s at step %d did not converge: its gradient is %.1g, above %.1g; raise "
                "`probes.logistic.iterations` or `probes.penalty`",
                layer,
                step,
                probe.gradient.max(),
                tolerance,
            )
