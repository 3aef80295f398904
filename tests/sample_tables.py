"""Synthetic tables in the shape of a study's, with as many layers as a figure is to be tried with."""

import itertools

import numpy as np
import pandas as pd

EPOCHS = [0.0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128]
STEPS = [round(10 * epoch) for epoch in EPOCHS]
EVENTS = {
    "memorization_onset": 5.0,
    "test_dip": 9.0,
    "second_descent_end": 14.0,
    "memorization_end": 20.0,
    "perfect_fit_first": 30.0,
    "perfect_fit_sustained": 40.0,
    "intervention": 60.0,
}
LAYERS = {3: ["patch_embed", "layer1.0", "global_pool"], 20: [f"layer{i // 5}.{i % 5}" for i in range(20)]}
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


def between_epochs(layers):
    """Change between evaluated epochs: ever slower, with a drop at epoch 20; the last layer has no weights."""
    epochs = [0, *range(1, 18), 19, 20, 21, 23, 25, 28, 32, 40, 50, 64, 80, 100, 128]
    rows = [
        (10 * a, 10 * b, float(a), float(b), layer, depth,
         None if layer == layers[-1] else 0.1 / (1 + a) ** 1.2 / (1 + depth) * (0.1 if a >= 20 else 1),
         1 - min(0.5, 0.02 * (1 + depth) / (1 + a) ** 2 * (0.01 if a >= 20 else 1)))
        for a, b in itertools.pairwise(epochs) for depth, layer in enumerate(layers)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["step_a", "step_b", "epoch_a", "epoch_b", "layer", "depth", "weights", "cka"])


def steps(layers, status="dated"):
    """Events of representations by CKA and by weights: each layer's rate steps up at epoch 30, and down at epoch 60."""
    where = (18.0, 120.0) if status in ("dated", "none") else (None, None)
    dated = [(30.0, 29.5, 30.5, "up", 1.2), (60.0, 59.0, 61.0, "down", 1.5)]
    nothing = [(None, None, None, None, None)]
    rows = [
        (layer, depth, measure, status, *found, 0.75, *where)
        for depth, layer in enumerate(layers) for measure in ("cka", "weights")
        for found in (dated if status == "dated" else nothing)
    ]  # fmt: skip
    columns = ["layer", "depth", "measure", "status", "epoch", "epoch_low", "epoch_high", "sign", "height", "threshold",
               "searched_from", "searched_to"]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def of_runs(table):
    """The same of all runs, ``table(arch, optimizer, seed)`` of each."""
    return pd.concat(
        [table(*run).assign(arch=run[0], optimizer=run[1], seed=run[2]) for run in RUNS], ignore_index=True
    )


def history(seed=0):
    """A history in which accuracies rise one after the other."""
    from repdyn.figures import training

    epochs = np.arange(max(EPOCHS) + 1)
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


def accuracy(layers):
    """Probes that fit given labels ever better and true ones ever worse, the more so the deeper."""
    rows = []
    for (depth, layer), (step, epoch), split in itertools.product(
        enumerate(layers), zip(STEPS, EPOCHS, strict=True), ("probe", "similarity")
    ):
        learnt = epoch / max(EPOCHS) * (depth + 1) / len(layers)
        given = 0.7 + 0.3 * learnt if split == "probe" else 0.9 - 0.2 * learnt
        rows.append((layer, depth, step, epoch, split, given, 0.9 - 0.1 * learnt))
    columns = ["layer", "depth", "step", "epoch", "split", "accuracy", "true_accuracy"]
    return pd.DataFrame(rows, columns=columns)


def lagging(layers):
    """Batch-norm statistics that lag the more the deeper the layer and the earlier in training."""
    rows = [
        (layer, depth, step, epoch, 1 - (depth + 1) / (len(layers) + 1) / (1 + epoch), None)
        for (step, epoch), (depth, layer) in itertools.product(zip(STEPS, EPOCHS, strict=True), enumerate(layers))
    ]
    rows += [("output", len(layers), step, epoch, 0.5, epoch / 128) for step, epoch in zip(STEPS, EPOCHS, strict=True)]
    return pd.DataFrame(rows, columns=["layer", "depth", "step", "epoch", "cka", "same_class"])


def moments(layers, measures):
    """Boundaries of a run: measures .1 decades apart, detectors a decade; the last finds none by the first measure."""
    rows = [
        (layer, depth, "body", measure, detector, 10 ** (0.1 * i + j) if i + j != 3 or i else None)
        for (depth, layer), (i, measure), (j, detector) in itertools.product(
            enumerate(layers), enumerate(measures), enumerate(("segmentation", "novelty", "stop", "half"))
        )
    ]
    return pd.DataFrame(rows, columns=["layer", "depth", "part", "measure", "detector", "epoch"])


def alone(layers):
    """Norms that grow and dimensions that fall, the more so the deeper the layer."""
    rows = [
        (layer, depth, step, epoch, 1 + epoch * (depth + 1), 30 / (1 + depth * epoch), 50 / (1 + depth * epoch), depth)
        for (step, epoch), (depth, layer) in itertools.product(zip(STEPS, EPOCHS, strict=True), enumerate(layers))
    ]
    columns = ["layer", "depth", "step", "epoch", "norm", "participation_ratio", "effective_rank", "decay"]
    return pd.DataFrame(rows, columns=columns)


def weights(layers):
    """Weights of norm 2 that turn the further from each other the more checkpoints lie between."""
    rows = [
        (layer, depth, a, b, x, y, 2.0, 1 - abs(i - j) / 20, abs(i - j) / 10)
        for depth, layer in enumerate(layers)
        for (i, (a, x)), (j, (b, y)) in itertools.product(enumerate(zip(STEPS, EPOCHS, strict=True)), repeat=2)
    ]
    columns = ["layer", "depth", "step_a", "step_b", "epoch_a", "epoch_b", "norm_a", "cosine", "distance"]
    return pd.DataFrame(rows, columns=columns)


def under_many_measures(table):
    """The findings, each of which names many measures, so that notes are long."""
    said = "contradicted under 5 of 9 measures (not debiased CKA, deconfounded CKA, DRS, clean, DRS, mislabelled)"
    return table.assign(holds=table["holds"].where(table["holds"].isna(), said))


def findings(seeds=6, archs=("resnet", "vit"), optimizers=("sgd", "sgd-slow", "adam"), undecidable=True):
    """Tables of findings and their pairs, with all kinds of comparison; one run has no change by memorization."""
    from repdyn.analysis import claim_tests, fits, twin_tests
    from repdyn.catalogue import claims
    from repdyn.catalogue.events import EVENTS
    from repdyn.config.sections import Contrast, Findings
    from repdyn.records.findings import TWINS

    random = np.random.default_rng(0)
    scores = {
        name
        for claim in claims.CLAIMS.values()
        if claim.test != "twin"
        for name in (claim.primary[1], *claim.exploratory)
    }
    measured = sorted(scores - {"latent_generalization", "stop_slope", "stop_ratio"})
    runs = list(itertools.product(archs, optimizers, range(seeds)))
    rows = [
        (*run, measure, score, random.normal(0.1 * (run[0] == archs[0]), 0.03))
        for run, measure, score in itertools.product(runs, ("cka", "cka_debiased", "regions:test"), measured)
    ]
    rows += [(*run, None, "latent_generalization", random.normal(0.05, 0.03)) for run in runs]
    rows += [(*run, "cka", "stop_epoch", 20.0 + run[2]) for run in runs]
    values = pd.DataFrame(rows, columns=["arch", "optimizer", "seed", "measure", "score", "value"])
    lost = (values["seed"] == 1) & (values["optimizer"] == "adam") & (values["score"] == "change_memorization")
    values.loc[lost & undecidable, "value"] = np.nan
    of_runs = pd.DataFrame(runs, columns=["arch", "optimizer", "seed"])
    of_runs = of_runs.assign(**dict.fromkeys(EVENTS, 20.0), test_accuracy_best=0.9)
    families = {name: name.split("-")[0] for name in optimizers}
    tests = claim_tests.ClaimTests(values, of_runs, families, Findings(resamples=500))
    contrasts = [
        *(
            Contrast(factor="optimizer", levels=(families[optimizers[0]], "adam"))
            for _ in range(len(set(families)) > 1)
        ),
        *(Contrast(factor="arch", levels=(archs[1], archs[0])) for _ in range(len(archs) > 1)),
    ]
    rates = {(arch, name): 0.05 if name == "sgd" else 0.001 for arch in archs for name in optimizers}
    p = {
        (arch, name, "", measure, "synchrony_beyond"): 0.001 if name == "sgd" else 0.3
        for arch, name, measure in itertools.product(archs, optimizers, ("cka", "regions:test"))
    }
    without_twins = twin_tests.of_study(tests, {}, pd.DataFrame(columns=TWINS.names), mislabelled=True)
    others = [*fits.of_study(tests), *without_twins]
    return claim_tests.tables_of(claim_tests.find(tests, contrasts, rates, p, others), 0.95)[:2]


def trends(levels=(0.0, 0.1, 0.2, 0.4), archs=("resnet", "vit"), measure="cka"):
    """Tables of trends over the fraction of wrong labels, and of their values: accuracy falls, change rises."""
    from repdyn.analysis import claim_tests, numeric_factors, numeric_trends
    from repdyn.config.sections import Findings

    named = {f"noise-{level:g}": level for level in levels}
    random = np.random.default_rng(0)
    runs = pd.DataFrame(
        itertools.product(archs, ["sgd"], named, range(6)), columns=["arch", "optimizer", "data", "seed"]
    )
    level = runs["data"].map(named)
    of_runs = runs.assign(test_accuracy_best=0.9 - 0.2 * level, test_accuracy_end=0.9 - 0.5 * level)
    frames = [
        runs.assign(measure=measure, score=score, value=level + random.normal(0, 0.02, len(runs)))
        for score in ("distinguishability_2", "change_early")
    ]
    tests = claim_tests.ClaimTests(pd.concat(frames), of_runs, {"sgd": "sgd"}, Findings(resamples=500))
    factor = numeric_factors.NumericFactor("label_noise", named)
    return numeric_trends.of_study(tests, [numeric_factors.OfGrid("data", factor)])


def rates():
    """Tables of trends over three rates of SGD and three of Adam, of one architecture."""
    from repdyn.analysis import claim_tests, numeric_factors, numeric_trends
    from repdyn.config.sections import Findings

    named = {"sgd": {"s1": 0.1, "s2": 0.2, "s3": 0.4}, "adam": {"a1": 0.00025, "a2": 0.0005, "a3": 0.001}}
    of_all = {name: (rate, family) for family, levels in named.items() for name, rate in levels.items()}
    runs = pd.DataFrame(itertools.product(["vit"], of_all, range(6)), columns=["arch", "optimizer", "seed"])
    runs = runs.assign(data="")
    rate = runs["optimizer"].map({name: rate for name, (rate, _) in of_all.items()})
    falling = 0.9 - 0.1 * np.log10(rate) + 0.01 * runs["seed"]
    of_runs = runs.assign(test_accuracy_best=falling, test_accuracy_end=falling)
    scores = runs.assign(measure="cka", score="change_early", value=falling)
    families = {name: family for name, (_, family) in of_all.items()}
    tests = claim_tests.ClaimTests(scores, of_runs, families, Findings(resamples=500))
    grid = [
        numeric_factors.OfGrid("optimizer", numeric_factors.NumericFactor("lr", levels), "vit", family)
        for family, levels in named.items()
    ]
    return numeric_trends.of_study(tests, grid)


def plane_of(layers, steps=12, resolution=6):
    """Random labels of one plane at so many checkpoints, and its three images."""
    from repdyn.figures import planes

    random = np.random.default_rng(0)
    rows = [
        (layer, depth, 10 * step, float(step), "test", 0, random.integers(0, 10, resolution**2, dtype=np.uint8))
        for depth, layer in enumerate(layers)
        for step in range(steps)
    ]
    labels = pd.DataFrame(rows, columns=["layer", "depth", "step", "epoch", "planes", "plane", "labels"])
    corners = planes.Corners(
        np.array([0.0, 2.0, 1.0]), np.array([0.0, 0.0, 3.0]), (-1.0, 3.0), (-1.5, 4.5), random.random((3, 8, 8, 1)),
        ["true 0\ngiven 3"] * 3,
    )  # fmt: skip
    return labels, corners
