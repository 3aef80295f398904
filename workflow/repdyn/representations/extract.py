"""Activations of every observed layer at every checkpoint, on a fixed set of examples.

Turns checkpoints into one table: a row for each example at a checkpoint, a column for each layer, features flattened
or, where there are many more of them than examples, as coordinates of the examples (``coordinates.py``).
There are two splits: ``similarity``, the examples that CKA compares, and ``probe``, the training examples of linear
probes. The network is in eval mode, and images are not augmented.

Time: a forward pass over both splits at each checkpoint. Memory: the activations of one split at one checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import torch
from torch import nn

from ..data import datasets, subsets
from ..errors import RepdynError
from ..models import architectures, memory_layouts, observation, observed_layers
from ..models.pooling import Reducer
from ..records.activations import ACTIVATIONS, COORDINATE, PROBE_VIEW, WHOLE, held_as_coordinates, layer_columns
from ..types import Array

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Activations as Settings
    from ..config.sections import Data
    from ..config.study import Study
    from ..data.numbers import Given

BATCH = 512
ROUNDING = 1e-4  # largest fraction of the spread that float16 may lose
FEATURES_PER_BLOCK = 4096


class _Outputs(dict[str, torch.Tensor]):
    """Layers' outputs in a forward pass."""

    def __missing__(self, layer: str) -> torch.Tensor:
        raise RepdynError(f"Layer `{layer}` took no part in a forward pass, but must take part in each.")


@contextmanager
def tap(
    model: nn.Module, layers: Mapping[str, str], reduction: Reducer | None = None
) -> Iterator[dict[str, torch.Tensor]]:
    """Observe layers during forward passes.

    Args:
        model: the network.
        layers: the layer's name -> the module's path.
        reduction: of the network's activations, which knows the dimension of the examples; None keeps them whole.

    Yields:
        A dictionary that each forward pass fills anew: layer -> output of its module, flattened to (batch, features),
        float32 at any precision of the network, in order of the calls. The output is copied at once, before an in-place
        operation can overwrite it. If a module is called more than once in a forward pass, its last output is kept.
        Looking up a layer that was not called raises a RepdynError.
    """
    outputs = _Outputs()

    def keep(layer: str, path: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            tensor = observed_layers.output_of(output).detach()
            # The network itself gives logits: examples first, and nothing to reduce.
            kept = reduction(tensor) if reduction is not None and path else tensor
            observed_layers.keep_last(outputs, layer, kept.flatten(1).to(torch.float32, copy=True))

        return hook

    handles = [model.register_forward_pre_hook(lambda *_: outputs.clear())]
    handles += [model.get_submodule(path).register_forward_hook(keep(layer, path)) for layer, path in layers.items()]
    try:
        yield outputs
    finally:
        for handle in handles:
            handle.remove()


def observed(study: Study, arch: str, data: Data) -> observation.Observation:
    """The observed layers of an architecture on such data, the same for all runs, stages and machines."""
    source, settings, inputs = datasets.source(data), study.archs[arch], datasets.inputs(data)
    return observation.observe(settings, study.activations.reduction, inputs, source.classes, settings.layers)


def reducer(study: Study, arch: str, model: nn.Module) -> Reducer:
    """What reduces the activations of an architecture's network, as the study wants them."""
    return Reducer(study.activations.reduction, model, study.archs[arch].batch_dimension)


def model_of(study: Study, run: Run, device: torch.device) -> nn.Module:
    """The network of a run, in eval mode at initialisation."""
    data = study.data_of(run)
    model = architectures.of_run(study, run, datasets.inputs(data), datasets.source(data).classes)
    model = model.eval().to(device)
    memory_layouts.lay_out(model, torch.contiguous_format)
    return model


def network(study: Study, run: Run, device: torch.device) -> tuple[nn.Module, dict[str, str]]:
    """The network of a run, and its observed layers, name -> module path in order of depth."""
    return model_of(study, run, device), observed(study, run.arch, study.data_of(run)).paths


@torch.inference_mode()
def forward(
    model: nn.Module,
    layers: Mapping[str, str],
    inputs: Given | Array,
    device: torch.device,
    reduction: Reducer | None = None,
) -> dict[str, torch.Tensor]:
    """Activations of each layer, (n, features), float32, on the CPU.

    Raises:
        RepdynError: if a layer took no part, or its number of features differs between examples.
    """
    parts: dict[str, list[torch.Tensor]] = {layer: [] for layer in layers}
    with tap(model, layers, reduction) as outputs:
        for start in range(0, len(inputs), BATCH):
            batch = torch.from_numpy(inputs[start : start + BATCH]).to(device)
            model(batch)
            for layer, before in parts.items():
                found = outputs[layer].cpu()
                expected = (len(batch), before[0].shape[1] if before else found.shape[1])
                if found.shape != expected:
                    raise RepdynError(
                        f"Layer `{layer}` gives {tuple(found.shape)} numbers for a batch of {len(batch)} inputs, but "
                        f"must give {expected}: the same number of features for every input, whatever the batch. If "
                        "its examples are not in the first dimension, say in which: `batch_dimension`."
                    )
                before.append(found)
    return {layer: torch.cat(tensors) for layer, tensors in parts.items()}


def choose(settings: Settings, examples: subsets.StudyData, seed: int) -> dict[str, subsets.Examples]:
    """The examples of each split, of those of a run's seed, drawn from ``data.seed``.

    Test examples are those that no run trains on, the same for all seeds.

    Raises:
        RepdynError: if there are fewer examples than requested.
    """
    generator = np.random.default_rng([seed, 3])
    source = examples.common if settings.similarity_from == "test" else examples.train
    wanted = {
        "similarity": (source, settings.similarity_examples, settings.similarity_from),
        "probe": (examples.train, settings.probe_examples or len(examples.train), "train"),
    }
    splits = {}
    for split, (pool, count, name) in wanted.items():
        if count > len(pool):
            raise RepdynError(
                f"`activations.{split}_examples` is {count}, but there are only {len(pool)} {name} examples."
            )
        splits[split] = pool.subset(np.sort(generator.permutation(len(pool))[:count]))
    return splits


def fits_float16(activations: torch.Tensor) -> bool:
    """Whether float16 keeps the differences between examples: no overflow, and hardly any spread lost in rounding.

    Rounding loses 1e-7 of the spread if means are no larger than it, but all of it if activations are below 6e-8, or
    differ by less than a thousandth of their mean.
    """
    if activations.abs().max() > np.finfo(np.float16).max:
        return False
    spread = lost = 0.0
    for part in activations.split(FEATURES_PER_BLOCK, dim=1):
        # Measures ignore the mean over examples, so only the spread counts.
        spread += _scatter(part)
        lost += _scatter(part - part.half().to(part.dtype))
    return lost <= ROUNDING * spread


def _scatter(activations: torch.Tensor) -> float:
    """Sum of squares about the mean of each feature."""
    return float((activations - activations.mean(dim=0)).square().sum(dtype=torch.float64))


def layout(features: Mapping[str, int], float32: set[str], dtype: str, coordinates: Mapping[str, int]) -> pa.Schema:
    """The schema of the table of activations: keys, then one fixed-size list of floats for each layer.

    Args:
        features: layer -> number of its features, in order of depth.
        float32: layers that are stored so, whatever ``dtype`` is.
        dtype: of layers that are stored whole.
        coordinates: layer that is stored as coordinates -> how many; float32.
    """
    columns = {
        layer: (coordinates[layer], pa.float32(), COORDINATE)
        if layer in coordinates
        else (size, pa.float32() if layer in float32 or dtype == "float32" else pa.float16(), WHOLE)
        for layer, size in features.items()
    }
    return pa.schema([*ACTIVATIONS.schema, *layer_columns(columns)])


def probe_layout(coordinates: Mapping[str, int]) -> pa.Schema:
    """The schema of the table of probe views: keys, then the coordinates of wide layers; layer -> how many."""
    columns = {layer: (size, pa.float32(), COORDINATE) for layer, size in coordinates.items()}
    return pa.schema([*PROBE_VIEW.schema, *layer_columns(columns)])


def writing(table: pa.Schema) -> dict[str, Any]:
    """Options of the Parquet file of a schema from above.

    A dictionary compresses neither activations nor coordinates, and nobody filters on them. Sorting the bytes of
    float32 coordinates by significance does compress them.
    """
    numbers = {field.name: field.name for field in ACTIVATIONS.schema}  # column -> its path in the file
    numbers |= {field.name: f"{field.name}.list.element" for field in table if field.name not in numbers}
    sorted_bytes = [numbers[layer] for layer in held_as_coordinates(table)]
    return {
        "compression": {path: "zstd" if path in sorted_bytes else "lz4" for path in numbers.values()},
        "use_dictionary": ["split"],
        "use_byte_stream_split": sorted_bytes,
        "write_statistics": False,
    }


_TYPES = {pa.float16(): torch.float16, pa.float32(): torch.float32, pa.int32(): torch.int32}


def column(numbers: torch.Tensor, kind: pa.DataType) -> pa.Array:
    """(n, features) as a fixed-size list column, without a copy beyond the cast."""
    flat = numbers.to(_TYPES[kind.value_type]).numpy().reshape(-1)
    return pa.FixedSizeListArray.from_arrays(pa.array(flat, type=kind.value_type), type=kind)
