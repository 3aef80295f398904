"""A study whose tables are made up, so that what a page must show is known."""

import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

EPOCHS = [0.0, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 20.0]
STEPS = [round(4 * epoch) for epoch in EPOCHS]
EVENTS = {"memorization_onset": 4.0, "memorization_end": 8.0, "perfect_fit_first": 12.0, "perfect_fit_sustained": 16.0}
LAYERS = {
    "resnet": ["stem", "layer1.0", "layer2.0", "layer3.0", "layer4.0", "global_pool"],
    "vit": ["patch_embed", "blocks.0", "blocks.1", "norm"],
}


def class_at(arch: str, depth: int, checkpoint: int, plane: int) -> int:
    """The class of a plane's lower half; the upper half has the next."""
    return (len(arch) + 3 * depth + checkpoint + plane) % 9


def similarity_at(depth: int, a: int, b: int, seed: int = 0) -> float:
    """Of seeds the later ones change faster."""
    return 1 - abs(a - b) / (9 + depth) * (1 + 0.1 * seed)


def _pairs(layers: list[str], value: str, sets: tuple[str | None, ...] = (None,), seed: int = 0) -> pd.DataFrame:
    rows = [
        {
            "layer": layer, "depth": depth, "planes": name, "step_a": STEPS[a], "step_b": STEPS[b],
            "epoch_a": EPOCHS[a], "epoch_b": EPOCHS[b], value: similarity_at(depth, a, b, seed),
        }
        for depth, layer in enumerate(layers)
        for name in sets
        for a, b in itertools.product(range(len(EPOCHS)), repeat=2)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def accuracy_at(depth: int, checkpoint: int, split: str) -> float:
    """The accuracy of a probe on given labels; on true ones it is a tenth less."""
    return 0.2 + 0.05 * checkpoint + 0.01 * depth + 0.1 * (split == "probe")


def _accuracies(layers: list[str]) -> pd.DataFrame:
    rows = [
        (layer, depth, STEPS[e], EPOCHS[e], split, accuracy_at(depth, e, split), accuracy_at(depth, e, split) - 0.1)
        for depth, layer in enumerate(layers)
        for e in range(len(EPOCHS))
        for split in ("probe", "similarity")
    ]
    return pd.DataFrame(rows, columns=["layer", "depth", "step", "epoch", "split", "accuracy", "true_accuracy"])


def _labels(arch: str, layers: list[str], planes: pd.DataFrame) -> dict[str, list[Any]]:
    rows = []
    for (depth, layer), (e, epoch), (p, plane) in itertools.product(
        enumerate(layers), enumerate(EPOCHS), enumerate(planes.itertuples())
    ):
        lower = class_at(arch, depth, e, p)
        half = plane.resolution**2 // 2
        labels = np.array([lower] * half + [lower + 1] * half, dtype=np.uint8)
        rows.append((layer, depth, STEPS[e], epoch, plane.planes, plane.plane, labels))
    names = ["layer", "depth", "step", "epoch", "planes", "plane", "labels"]
    return {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}


def _examples(data: Any) -> dict[str, list[Any]]:
    """The table of examples, of whatever classes there are."""
    from repdyn.data import datasets

    train, test = datasets.sizes(data)
    classes = datasets.source(data).classes
    labels = [None if classes is None else i % classes for i in range(train + test)]
    return {
        "split": ["train"] * train + ["test"] * test, "example": [*range(train), *range(test)], "label": labels,
        "class_name": [None if label is None else str(label) for label in labels], "given_label": labels,
        "mislabelled": [None if label is None else False for label in labels],
        "common": [False] * train + [True] * test,
    }  # fmt: skip


def write_tables(job: Any) -> None:
    """The planes as the workflow draws them, and everything of every run that the explorer reads."""
    import pyarrow as pa

    from repdyn.catalogue.plane_sets import SETS
    from repdyn.config import left_out
    from repdyn.records import cka, phases, probes, regions, train
    from repdyn.records.examples import EXAMPLES
    from repdyn.records.planes import PLANES
    from repdyn.regions import label_table
    from repdyn.stages import planes as planes_stage
    from repdyn.storage import tables

    has_regions = "regions" not in job.study.left_out
    for replicate in job.study.replicates:
        of_seed = replace(job, stage="examples", grid_run=replicate)
        tables.write(of_seed.path(EXAMPLES), _examples(of_seed.data), EXAMPLES.schema, of_seed.metadata(EXAMPLES))
        if has_regions:
            planes_stage.main(replace(job, stage="planes", grid_run=replicate))
    for run in job.study.runs:
        layers = LAYERS[run.arch]

        def write(table: tables.Table, columns: Any, layout: pa.Schema | None = None, run: Any = run) -> None:
            layout, of_run = layout or table.schema, replace(job, stage=table.stage, grid_run=run)
            content = {name: columns[name] for name in layout.names} if isinstance(columns, pd.DataFrame) else columns
            tables.write(of_run.path(table), content, layout, of_run.metadata(table))

        more = cka.further(job.study.all_measures.values())
        matrix = _pairs(layers, "cka", seed=run.seed).assign(cka_debiased=0.5)
        matrix = matrix.assign(**{column.name: 2 * matrix["cka"] - 1 for column in more})
        # As where activations do not vary over examples: the first layer at initialisation.
        matrix.loc[(matrix["depth"] == 0) & (matrix[["step_a", "step_b"]].min(axis=1) == 0), "cka"] = None
        write(cka.CKA, matrix, pa.schema([*cka.CKA.schema, *more]))
        if has_regions:
            matrix = _pairs([*layers, "output"], "similarity", SETS).assign(kappa=0.5)
            write(regions.SIMILARITY, matrix)
            pictures = tables.read(*job.place(PLANES, run)).to_pandas()
            pictures = pictures[pictures["purpose"] == "picture"]
            labels = _labels(run.arch, [*layers, "output"], pictures)
            layout = label_table.layout(10, int(pictures["resolution"].iloc[0]))
            write(regions.PICTURES, labels, layout)
        if "probes" not in job.study.left_out:
            write(probes.ACCURACY, _accuracies(layers))
        evaluated = np.arange(21.0)
        history = pd.DataFrame(dict.fromkeys(train.HISTORY.names, evaluated / 20))
        history = history.assign(step=(4 * evaluated).astype(int), epoch=evaluated)
        if left_out.accuracies(job.study.data) is not None:
            history = history.assign(**{name: np.nan for name in history if name.endswith(("accuracy", "loss"))})
        write(train.HISTORY, history)
        segments = pd.DataFrame(
            {
                "layer": [layers[1]] * 2, "depth": [1, 1], "part": ["body"] * 2, "measure": ["cka"] * 2,
                "phase": [0, 1], "step_start": [0, STEPS[4]], "step_end": [STEPS[3], STEPS[-1]],
                "epoch_start": [0.0, EPOCHS[4]], "epoch_end": [EPOCHS[3], EPOCHS[-1]], "width": [None, 0.1],
            }
        )  # fmt: skip
        write(phases.SEGMENTS, segments)
        knows_events = left_out.accuracies(job.study.data) is None
        scores = {
            "layer": [None] * 4, "depth": [None] * 4, "relative_depth": [None] * 4, "part": [None] * 4,
            "measure": [None] * 4, "score": list(EVENTS),
            "value": list(EVENTS.values()) if knows_events else [None] * 4,
        }  # fmt: skip
        write(phases.SCORES, scores)
