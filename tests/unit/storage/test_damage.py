"""Every byte of every kind of file counts: what is read is what was written, or the file is called damaged."""

import os
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch import nn

from repdyn.config.study import Run
from repdyn.errors import DamagedError
from repdyn.probes import probe_weights
from repdyn.records.activations import ACTIVATIONS, COORDINATE, WHOLE, layer_columns
from repdyn.records.train import STATE
from repdyn.regions import label_table
from repdyn.regions.label_table import RegionLabels
from repdyn.representations import extract
from repdyn.representations.table import Representations
from repdyn.storage import tables
from repdyn.storage.origin import Origin
from repdyn.training import checkpoints
from repdyn.training.resume import StateFolder

RUN = Run("vit", "sgd", 0)
ABOUT = {"table": "any", "stage": "any", "run": None, "hyperparameters": {"seed": 0}, "versions": {"python": "3.11"}}


class SmallTable:
    """A table of the usual kind: text, integers, floats and nulls."""

    name = "small.parquet"

    def write(self, path):
        layout = tables.schema(
            layer=(pa.string(), "layer"), step=(pa.int64(), "steps"), cka=(pa.float64(), "similarity")
        )
        with tables.writer(path, layout, ABOUT) as append:
            for layer in ("stem", "head"):
                append({"layer": [layer] * 40, "step": np.arange(40), "cka": [None, *np.linspace(0, 1, 39)]})

    def read(self, path):
        table = tables.read(path)
        return table.schema.metadata, str(table.schema), table.to_pydict()


COLUMNS = {"a": (300, pa.float16(), WHOLE), "b": (7, pa.float32(), COORDINATE)}


class ActivationsTable:
    """Activations of more than a block and coordinates, read a layer and some features at a time."""

    name = "activations.parquet"

    def write(self, path):
        layout = pa.schema([*ACTIVATIONS.schema, *layer_columns(COLUMNS)])
        draw, n = np.random.default_rng(0), 60
        with tables.writer(path, layout, ABOUT, **extract.writing(layout)) as append:
            for step in (0, 5):
                layers = {}
                for layer in ("a", "b"):
                    kind = layout.field(layer).type
                    X = draw.normal(size=n * kind.list_size).astype(kind.value_type.to_pandas_dtype())
                    layers[layer] = pa.FixedSizeListArray.from_arrays(pa.array(X, kind.value_type), type=kind)
                keys = {"step": [step] * n, "epoch": [step / 5] * n, "split": ["probe"] * n, "example": np.arange(n)}
                append(keys | {"label": [0] * n, "given_label": [1] * n} | layers)

    def read(self, path):
        table = Representations(path)
        about = table.layers, table.steps.tolist(), table.epochs.tolist(), str(table.examples("probe"))
        found = [table.read(layer, step, "probe").tobytes() for layer in "ab" for step in (0, 5)]
        return about, found, table.read_some("a", 5, "probe", 100, 120).tobytes()


class LabelsTable:
    """Labels of decision regions, read block by block."""

    name = "labels.parquet"

    def write(self, path):
        layout, draw = label_table.layout(10, 5), np.random.default_rng(0)
        with tables.writer(path, layout, ABOUT, **label_table.WRITING) as append:
            for step in (0, 5):
                labels = draw.integers(0, 10, (2, 3, 25), dtype=np.uint8)
                append(label_table.Block(step, step / 5, "test", np.arange(3), labels).columns(["a", "b"], layout))

    def read(self, path):
        labels = RegionLabels(path)
        blocks = [labels.read(step, "test", 0).labels.tobytes() for step in (0, 5)]
        return labels.layers, labels.epochs, str(labels.planes), blocks


class Checkpoint:
    """Weights and buffers of several types."""

    name = "step=5.safetensors"

    def write(self, path):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).to(torch.bfloat16)
        checkpoints.save(path, model, ABOUT | {"step": 5, "epoch": 1.0})

    def read(self, path):
        return {name: (tensor.dtype, tensor.tolist()) for name, tensor in checkpoints.read(path).items()}


class Probes:
    """Probes of two layers at two checkpoints, and of a wide one."""

    name = "probes.safetensors"

    def write(self, path):
        draw = np.random.default_rng(0).normal
        sizes = {"a": 4, "b": 3, "wide": 5}
        with probe_weights.writing(path, sizes, 3, {0: 0.0, 5: 1.0}, ABOUT, coefficients=["wide"]) as append:
            for p in (4, 4, 3, 3):
                shapes = ((3, 3, p), (3, 3), (p,), (p,), (3,))
                append(probe_weights.Probe(*(draw(size=shape).astype(np.float32) for shape in shapes)))
            for _ in range(2):
                shapes = ((3, 3, 5), (3, 3), (3,), (3, 3, 5))
                append(probe_weights.Coefficients(*(draw(size=shape).astype(np.float32) for shape in shapes)))

    def read(self, path):
        with probe_weights.reading(path) as reader:
            probes = [(layer, step, reader.read(layer, step)) for layer in reader.layers for step in reader.epochs]
            return reader.epochs, [(*key, str(vars(probe))) for *key, probe in probes]


class State:
    """What training continues from; a damaged one is set aside, and there is none."""

    name = "state.pt"

    def folder(self, path):
        return StateFolder(path.parent, Origin(STATE, RUN, {"seed": 0}), "code")

    def write(self, path):
        folder = self.folder(path)
        folder.save({"step": 3, "model": {"weight": torch.arange(5.0)}, "history": [{"loss": 0.5}]})
        (folder.folder / path.name).rename(path)

    def read(self, path):
        folder = self.folder(path)
        os.link(path, folder.folder / path.name)
        state = folder.load([])
        for file in folder.folder.iterdir():
            file.unlink()
        if state is None:
            raise DamagedError
        return str(state)


@dataclass
class Case:
    """A file as it was written, what is read of it, and how to read it when it has changed."""

    kind: Any
    path: Path
    content: bytes
    expected: Any

    def is_the_same_or_damaged(self, changed: bytes) -> bool:
        """Whether the changed file gives what was written, or is called damaged; anything else is raised."""
        with self.path.open("r+b") as file:
            file.write(changed)
            file.truncate()
        try:
            found = self.kind.read(self.path)
        except DamagedError:
            return True
        return found == self.expected


@pytest.fixture(params=[SmallTable, ActivationsTable, LabelsTable, Checkpoint, Probes, State])
def case(request, tmp_path):
    kind = request.param()
    path = tmp_path / kind.name
    kind.write(path)
    return Case(kind, path, path.read_bytes(), kind.read(path))


def flips(content, whole, sample):
    """Places of bits: one of each byte of the first and last ``whole``, and so many of what is between."""
    draw, size = random.Random(0), len(content)
    ends = [*range(min(whole, size)), *range(max(whole, size - whole), size)]
    between = draw.sample(range(whole, size - whole), min(sample, max(0, size - 2 * whole)))
    return [(place, draw.randrange(8)) for place in [*ends, *between]]


def test_a_bit_that_has_changed_is_found_wherever_it_is(case):
    for place, bit in flips(case.content, whole=2500, sample=200):
        changed = bytearray(case.content)
        changed[place] ^= 1 << bit
        assert case.is_the_same_or_damaged(changed), f"bit {bit} of byte {place} of {len(changed)}"


def test_every_bit_of_the_last_and_first_bytes_counts(case):
    for place in (*range(24), *range(-48, 0)):
        for bit in range(8):
            changed = bytearray(case.content)
            changed[place] ^= 1 << bit
            assert case.is_the_same_or_damaged(changed), f"bit {bit} of byte {place}"


def test_a_file_that_was_cut_or_has_something_behind_it_is_damaged(case):
    draw = random.Random(1)
    for size in [0, 1, 7, 8, 9, *draw.sample(range(10, len(case.content)), 60), len(case.content) - 1]:
        assert case.is_the_same_or_damaged(case.content[:size]), size
    for more in (b"\0", case.content[-8:], case.content):
        assert case.is_the_same_or_damaged(case.content + more)


def test_sectors_that_were_lost_or_swapped_are_found(case):
    draw, sectors = random.Random(2), max(2, len(case.content) // 512)
    for _ in range(30):
        one, other = (512 * draw.randrange(sectors) for _ in range(2))
        changed = bytearray(case.content)
        changed[one : one + 512] = case.content[other : other + 512].ljust(512, b"\0")[: len(changed) - one]
        assert case.is_the_same_or_damaged(changed)
        lost = bytearray(case.content)
        lost[one : one + 512] = bytes(len(lost[one : one + 512]))
        assert case.is_the_same_or_damaged(lost)


def test_what_was_not_damaged_is_read(case):
    """The other tests would pass if everything were called damaged."""
    assert case.kind.read(case.path) == case.expected
