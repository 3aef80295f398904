"""Tables of activations that were never computed."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from repdyn.representations import extract
from repdyn.storage import tables
from repdyn.types import Array

# By checkpoint, split and layer: (examples, features).
Held = dict[tuple[int, str, str], Array]
FEATURES = {"stem é": 3, "blocks.0": 300, "head": 1}


def drawn(steps: Sequence[int] = (0, 4, 16), examples: Mapping[str, int] | None = None) -> Held:
    """Activations of float16; the first layer's are of float32."""
    sizes = {"similarity": 7, "probe": 5} if examples is None else examples
    random, held = np.random.default_rng(0), {}
    for step in steps:
        for split, n in sizes.items():
            for layer, p in FEATURES.items():
                kind = np.float32 if layer == "stem é" else np.float16
                held[step, split, layer] = random.normal(size=(n, p)).astype(kind)
    return held


def write(
    path: Path,
    held: Held,
    examples: Mapping[tuple[int, str], Sequence[int]] | None = None,
    coordinates: Mapping[str, int] | None = None,
    labels: Mapping[tuple[int, str], Sequence[int]] | None = None,
) -> Path:
    """Write them, in their order; ``examples`` and ``labels`` are others than 10, 11, … and 0, 1, 2, 0, … there.

    Layers of ``coordinates`` are so many coordinates in the split ``similarity``, and null in others.
    """
    coordinates = {} if coordinates is None else coordinates
    layout = extract.layout(FEATURES, {"stem é"}, "float16", coordinates)
    with tables.writer(path, layout, {}, **extract.writing(layout)) as append:
        for step, split in dict.fromkeys((step, split) for step, split, _ in held):
            n = len(held[step, split, next(iter(FEATURES))])
            chosen = (examples or {}).get((step, split), np.arange(10, 10 + n))
            row_group = {"step": [step] * n, "epoch": [step / 8] * n, "split": [split] * n, "example": chosen}
            true = (labels or {}).get((step, split), np.arange(n) % 3)
            row_group |= {"label": true, "given_label": np.arange(n) % 2}
            for layer in FEATURES:
                kind, values = layout.field(layer).type, held[step, split, layer]
                if layer in coordinates and split != "similarity":
                    row_group[layer] = pa.nulls(n, kind)
                else:
                    row_group[layer] = pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), type=kind)
            append(row_group)
    return path
