"""A tiny study whose tables are made up: what a stage reads is written here, as the stage before it would write it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import torch
from torch import nn

from repdyn.pipeline.jobs import Job
from repdyn.records.activations import ACTIVATIONS
from repdyn.records.inputs import INPUTS, input_column
from repdyn.records.train import CHECKPOINT
from repdyn.representations import extract
from repdyn.storage import tables
from repdyn.storage.tables import Table
from repdyn.training import checkpoint_schedule, checkpoints

Array = npt.NDArray[Any]
Config = dict[str, Any]
MakeJob = Callable[..., Job]

LAYERS = {"first": 6, "second": 9}
STEPS = (0, 5)


def write(job: Job, record: Table, columns: Mapping[str, Any] | pd.DataFrame, layout: pa.Schema | None = None) -> None:
    """Write a table of the job's run, or of the study, as the stage that it is of; null where there is no column."""
    layout = record.schema if layout is None else layout
    n = len(next(iter(columns.values()))) if isinstance(columns, Mapping) else len(columns)
    known = {name: columns[name] if name in columns else pa.nulls(n, layout.field(name).type) for name in layout.names}
    tables.write(job.path(record), known, layout, replace(job, stage=record.stage).metadata(record))


def listed(numbers: Array, kind: pa.DataType) -> pa.Array:
    """(n, features) as a column of lists."""
    return pa.FixedSizeListArray.from_arrays(pa.array(numbers.ravel(), kind.value_type), type=kind)


# ---- representations ----------------------------------------------------------------------------------------------


def store(
    job: Job,
    seed: int,
    n: int = 30,
    constant: bool = False,
    examples: Array | None = None,
    layers: Mapping[str, int] = LAYERS,
    steps: Sequence[int] = STEPS,
) -> dict[tuple[str, int], Array]:
    """Write activations that are drawn at random, and inputs; return the activations by layer and step, in float64.

    Args:
        job: of the stage ``activations``.
        seed: of the drawing; inputs are the same for all.
        n: examples.
        constant: whether layer ``first`` is the same for all examples at step 0.
        examples: (n,), which they are.
        layers: layer -> features.
        steps: checkpoints, five of them an epoch.
    """
    random = np.random.default_rng(seed)
    keys = {"split": ["similarity"] * n, "example": np.arange(n) if examples is None else examples}
    labels = {"label": [0] * n, "given_label": [0] * n}
    layout = extract.layout(layers, {"second"}, "float16", {})
    stored = {}
    with tables.writer(job.paths.activations(job.run.path), layout, job.metadata(ACTIVATIONS)) as append:
        for step in steps:
            group = {}
            for layer, p in layers.items():
                X = random.normal(size=(n, p)).astype(np.float32 if layer == "second" else np.float16)
                if constant and layer == "first" and step == 0:
                    X[:] = 3
                stored[layer, step] = X.astype(np.float64)
                group[layer] = listed(X, layout.field(layer).type)
            append(keys | labels | {"step": [step] * n, "epoch": [step / 5] * n} | group)
    layout = pa.schema([*INPUTS.schema, *input_column(7)])
    pixels = np.random.default_rng(99).normal(size=(n, 7)).astype(np.float32)
    write(job, INPUTS, {"input": listed(pixels, layout.field("input").type), "example": keys["example"]}, layout)
    return stored


def biased(X: Array, Y: Array) -> float:
    """CKA of features: Kornblith et al. 2019, the last form of eq. 4."""
    X, Y = X - X.mean(0), Y - Y.mean(0)
    return float(np.linalg.norm(X.T @ Y) ** 2 / np.linalg.norm(X.T @ X) / np.linalg.norm(Y.T @ Y))


# ---- a network that can be written out ----------------------------------------------------------------------------


class Perceptron(nn.Sequential):
    """Two hidden layers, ``relu`` and ``tanh``."""

    def __init__(self, in_chans: int, num_classes: int, img_size: int, widths: Sequence[int] = (6, 5)) -> None:
        first, second = widths
        super().__init__(
            OrderedDict(
                flat=nn.Flatten(),
                first=nn.Linear(in_chans * img_size**2, first),
                relu=nn.ReLU(),
                second=nn.Linear(first, second),
                tanh=nn.Tanh(),
                head=nn.Linear(second, num_classes),
            )
        )


def with_perceptron(config: Config, **kwargs: Any) -> Config:
    """The study with one architecture, ``mlp``, and two epochs."""
    mlp = {"model": f"{__name__}:Perceptron", "kwargs": kwargs, "layers": ["relu", "tanh"]}
    mlp |= {"change_layers": ["first", "tanh"]}
    training = config["training"] | {"epochs": 2}
    return config | {"archs": {"mlp": mlp}, "training": training, "checkpoints": {"schedule": "linear", "every": 1}}


def written_out(weights: Mapping[str, torch.Tensor], inputs: Array) -> dict[str, Array]:
    """What a perceptron of these weights gives for (n, …) inputs in float64: its layers and its logits."""
    W = {name: tensor.double().numpy() for name, tensor in weights.items()}
    first = inputs.reshape(len(inputs), -1).astype(np.float64) @ W["first.weight"].T + W["first.bias"]
    relu = np.maximum(first, 0)
    tanh = np.tanh(relu @ W["second.weight"].T + W["second.bias"])
    return {"first": first, "relu": relu, "tanh": tanh, "logits": tanh @ W["head.weight"].T + W["head.bias"]}


def take_checkpoints(
    job: Job, change: Callable[[int, nn.Module], None] = lambda _step, _model: None
) -> dict[int, dict[str, torch.Tensor]]:
    """Write checkpoints of the job's run, drawn at random; return their weights by step.

    Args:
        job: of any stage of a run.
        change: is called with a step and the network before its checkpoint is written.
    """
    model = extract.model_of(job.study, job.run, torch.device("cpu"))
    metadata, stored = replace(job, stage="train").metadata(CHECKPOINT), {}
    generator = torch.Generator().manual_seed(job.run.seed)
    for step, epoch in checkpoint_schedule.epochs_of(job.study, job.run).items():
        with torch.no_grad():
            for weights in model.parameters():
                weights.copy_(torch.randn(weights.shape, generator=generator) / weights.shape[-1] ** 0.5)
            change(step, model)
        checkpoints.save(Path(job.path(CHECKPOINT, step=step)), model, metadata | {"step": step, "epoch": epoch})
        stored[step] = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
    return stored
