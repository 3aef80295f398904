"""Ridge probes of a layer's checkpoints, solved one by one and all in one batch.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/probes.py [--repeats 5]

One by one is what the workflow does (``solvers.ridge``, a Cholesky factorisation in LAPACK); in one batch are torch's
batched products, factorisation and substitution, in float64, too. Features are random: only time is measured, of the
processor, in turns. Ratios are those of medians.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch

from repdyn.probes import solvers

PENALTY, CLASSES = 0.1, 10
# Checkpoints, examples, features: narrow and wide layers of the default study, and one of a CIFAR network.
SHAPES = ((30, 500, 128), (30, 500, 816), (8, 500, 16384))


def one_by_one(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Weights (E, p, C) from features (E, n, p)."""
    return np.stack([solvers.ridge(each, labels, CLASSES, PENALTY).weight for each in features])


def in_one_batch(features: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same weights."""
    E, n, p = features.shape
    Z = torch.from_numpy(features)
    Z = Z - Z.mean(dim=1, keepdim=True)
    strength = PENALTY * Z.square().sum(dim=(1, 2)) / n
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels), CLASSES).double()
    Y = (targets - targets.mean(dim=0)).expand(E, -1, -1)
    gram, right = (Z @ Z.mT, Y) if p > n else (Z.mT @ Z, Z.mT @ Y)
    gram.diagonal(dim1=1, dim2=2).add_(strength[:, None])
    solved = torch.cholesky_solve(right, torch.linalg.cholesky(gram))
    return (Z.mT @ solved if p > n else solved).numpy()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(1)
    generator = np.random.default_rng(0)
    ways: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
        "one by one": one_by_one,
        "in one batch": in_one_batch,
    }
    for E, n, p in SHAPES:
        features, labels = generator.normal(size=(E, n, p)), generator.integers(0, CLASSES, size=n)
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for turn in range(repeats + 1):
            weights = []
            for name, solve in ways.items():
                start = time.process_time()
                weights.append(solve(features, labels))
                if turn:  # the first is for warming up
                    seconds[name].append(time.process_time() - start)
        np.testing.assert_allclose(*weights, rtol=1e-9, atol=1e-12)
        median = {name: statistics.median(took) for name, took in seconds.items()}
        print(f"{E} checkpoints, {n} examples, {p} features: {median['one by one'] / E * 1e3:.1f} ms each one by one;")
        print(f"  in one batch {median['in one batch'] / median['one by one']:.2f} times as long")


if __name__ == "__main__":
    main()
