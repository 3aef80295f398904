"""Synthetic tables in the shape of a study's, with as many layers as a figure is to be tried with."""

import itertools

import numpy as np
import pandas as pd

EPOCHS = [0.0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128]
STEPS = [round(10 * epoch) for epoch in EPOCHS]
EVENTS = {
    "memorization_onset": 5.0,
    "test_dip": 9.0,
    "memorization_end": 20.0,
    "perfect_fit_first": 30.0,
    "perfect_fit_sustained": 40.0,
}
LAYERS = {3: ["patch_embed", "layer1.0", "global_pool"], 20: [f"layer{i // 5}.{i % 5}" for i in range(20)]}
SETS = ("test", "clean", "mislabelled")
RUNS = [(arch, optimizer, seed) for arch in ("resnet", "vit") for optimizer in ("sgd", "adam") for seed in (0, 1)]


def pairs(layers, value="cka", sets=(None,), speed=1.0):
    """A similarity table of a run: alike by distance between checkpoints, the less so the deeper."""
    frames = []
    for (depth, layer), name in itertools.product(enumerate(layers), sets):
        rows = [
            (layer, depth, a, b, x, y, 1 / (1 + speed * (depth + 1) * abs(i - j)))
            for (i, (a, x)), (j, (b, y)) in itertools.product(enumerate(zip(STEPS, EPOCHS, strict=True)), repeat=2)
        ]
        frame = pd.DataFrame(rows, columns=["layer", "depth", "step_a", "step_b", "epoch_a", "epoch_b", value])
        frames.append(frame.assign(planes=name) if name else frame)
    return pd.concat(frames, ignore_index=True)


def of_runs(table):
    """The same of all runs, ``table(arch, optimizer, seed)`` of each."""
    return pd.concat(
        [table(*run).assign(arch=run[0], optimizer=run[1], seed=run[2]) for run in RUNS], ignore_index=True
    )


def history(seed=0):
    """A history in which accuracies rise one after the other."""
    from repdyn.figures import training

    epochs = np.arange(129.0)
    frame = pd.DataFrame({"epoch": epochs})
    for i, (column, *_) in enumerate(training.CURVES.values()):
        frame[column] = np.clip(0.1 + (epochs + seed) / (20 * (i + 1)), 0, 1)
    return frame


def segments(layers, measures=("cka",)):
    """Two phases in every layer but the first, from checkpoint 5 on in odd ones and from checkpoint 7 in even ones."""
    rows = []
    for measure, (depth, layer) in itertools.product(measures, enumerate(layers)):
        cuts = [0, *([7 - 2 * (depth % 2)] if depth else []), len(EPOCHS)]
        for phase, (a, b) in enumerate(itertools.pairwise(cuts)):
            rows.append((layer, depth, measure, phase, STEPS[a], STEPS[b - 1], EPOCHS[a], EPOCHS[b - 1]))
    columns = ["layer", "depth", "measure", "phase", "step_start", "step_end", "epoch_start", "epoch_end"]
    return pd.DataFrame(rows, columns=columns)
