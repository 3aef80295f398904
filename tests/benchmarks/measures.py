"""Each measure beside CKA and beside the bare products that it rests on, at 20 checkpoints of one layer.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/measures.py [--quick] [--rounds 5]

Everything runs in one process, in turns. Times are seconds of the processor, because other programs that run beside it
slow the clock unevenly; they are medians over rounds. Ratios are to ``CKA``, which is both of its estimators. Each
measure has its Gram and both CKAs with it, as in a study, where these are always there. Features drift
from one random matrix to another: their spectrum is nearly flat, the hardest case for subspaces. ``decaying`` is the
same with components of size i^-1, which is nearer to what layers have.

Ratios on one of two shared cores (Xeon, AVX-512; other studies ran beside it), medians of 3 rounds, flat / decaying:

    E × (n × p)            three CKAs     k-NN           RSA            subspace       all six        seconds of CKA
    31 × (400 × 256)       1.03 / 1.11    2.21 / 1.98    4.09 / 3.95    4.67 / 4.32    8.68 / 7.74    0.05 / 0.06
    20 × (2000 × 512)      1.11 / 1.10    1.82 / 1.85    2.20 / 2.37    1.68 / 1.85    3.62 / 4.02    0.73 / 0.73
    20 × (1000 × 16384)    1.13 / 1.08    1.15 / 1.09    1.00 / 1.11    1.40 / 1.22    1.82 / 1.31    5.56 / 5.40

Rounds differ by up to a fifth in the wide case; in the first at 2000 × 512, ratios are half of the others. CKA alone
takes 1.2 to 1.8 times the bare products here.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

# This folder has a `cka.py`, whose helpers are used here; pytorch-cka, imported by nobody here, has the same name.
sys.path.insert(0, str(Path(__file__).resolve().parent))

from cka import BACKEND, BUDGET, Array, InMemory, bare, plain, trajectory

from repdyn.catalogue.measures import ALWAYS, DEFAULT
from repdyn.config.sections import ChosenMeasure
from repdyn.similarity import cka, measured

PIXELS = 1024


def alone(X: list[Array], inputs: Array, *names: str) -> None:
    chosen = [ChosenMeasure(name=name) for name in names]
    measured.similarities(InMemory(X), chosen, BUDGET, BACKEND, inputs)


def contestants(X: list[Array], inputs: Array, procrustes: bool) -> dict[str, Callable[[], object]]:
    """What is timed, by name."""
    found: dict[str, Callable[[], object]] = {
        "bare products": lambda: bare(X),
        "plain Gram of Grams": lambda: plain(X),
        "CKA": lambda: cka.similarities(InMemory(X), BUDGET, BACKEND),
        "three CKAs": lambda: alone(X, inputs, *ALWAYS, "cka_deconfounded"),
        "k-NN": lambda: alone(X, inputs, "knn"),
        "RSA": lambda: alone(X, inputs, "rsa"),
        "subspace": lambda: alone(X, inputs, "subspace"),
        "all six": lambda: alone(X, inputs, *DEFAULT),
    }
    if procrustes:
        found["Procrustes"] = lambda: alone(X, inputs, "procrustes")
    return found


def seconds(use: Callable[[], object]) -> float:
    begin = time.process_time()
    use()
    return time.process_time() - begin


def compare(title: str, X: list[Array], rounds: int, procrustes: bool) -> None:
    """Print the table of one case; Procrustes is timed in the first round alone."""
    inputs = trajectory(len(X[0]), PIXELS, 1, seed=1)[0]
    uses = contestants(X, inputs, procrustes)
    times: dict[str, list[float]] = {name: [] for name in uses}
    for round_ in range(rounds):
        for name, use in uses.items():
            if round_ == 0 or name != "Procrustes":
                times[name].append(seconds(use))
    base = statistics.median(times["CKA"])
    print(f"\n{title}, {rounds} rounds\n{'':24}{'seconds':>9}{'ratio':>8}{'of rounds':>14}")
    for name, took in times.items():
        ratios = [one / other for one, other in zip(took, times["CKA"], strict=False)]
        between = f"{min(ratios):.2f}–{max(ratios):.2f}"
        print(f"{name:24}{statistics.median(took):9.2f}{statistics.median(took) / base:8.2f}{between:>14}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a fifth of the size")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--procrustes", action="store_true", help="time Procrustes similarity too, which takes minutes")
    arguments = parser.parse_args()
    part = 5 if arguments.quick else 1
    for n, p, E in ((400, 256, 31), (2000 // part, 512 // part, 20), (1000 // part, 16384 // part, 20)):
        X = trajectory(n, p, E)
        compare(f"{E} checkpoints of ({n} × {p})", X, arguments.rounds, arguments.procrustes)
        scales = (1 + np.arange(p, dtype=np.float32)) ** -1
        for e in range(E):
            X[e] *= scales
        compare(f"{E} checkpoints of ({n} × {p}), decaying", X, arguments.rounds, procrustes=False)
        del X


if __name__ == "__main__":
    main()
