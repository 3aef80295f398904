"""Are layers, or checkpoints, that are nearer to each other more similar? Under each measure, on a study's results.

    PYTHONPATH=workflow python tests/benchmarks/monotonicity.py results/digits [--calibrated]

ReSi's test of monotonicity (Klabunde et al. 2024, "ReSi: A Comprehensive Benchmark for Representational Similarity
Measures"; their `violation_rate`): for layers i < j < k of a network, and for i > j > k, j is nearer to i than k is.
It is a violation if s(i, j) < s(i, k). The rate is the share of violations among all such triples of a network, here at
one checkpoint; 0 is best, 1/2 what similarities drawn at random have. In time the same is asked of checkpoints i, j, k
of a layer; since these are in order, nearer in epochs and nearer in log epochs are one thing.

ReSi counts no violation where a similarity is missing; here such triples are left out of the count (chosen). Layers are
all observed ones. Nothing says that a network's layers must be monotone (a residual branch may return to what it was),
so a rate compares measures on the same networks and is no error of one.

Printed are means over runs, of each run over its checkpoints (layers), or over its layers (time). Of the layers' table
also the rate of calibrated values, with ``--calibrated``; ties, as of two values of 0, are no violations.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

KEYS = {"step", "step_a", "step_b", "epoch", "epoch_a", "epoch_b", "layer", "layer_a", "layer_b"}
KEYS |= {"depth", "depth_a", "depth_b", "arch", "optimizer", "seed", "cka_low", "cka_high"}


def violation_rate(S):
    """The share of violations in similarities (E, E) of things in an order; NaN where no triple is complete."""
    E, violations, triples = len(S), 0, 0
    for row, i in zip(S, range(E), strict=True):
        for side in (row[i + 1 :], row[:i][::-1]):  # nearer ones first
            near, far = side[:, None], side[None, :]
            ordered = np.triu(np.ones((len(side), len(side)), dtype=bool), 1) & ~np.isnan(near + far)
            violations += np.count_nonzero(ordered & (near < far))
            triples += np.count_nonzero(ordered)
    return violations / triples if triples else np.nan


def rates(frame, of_one, first, second, calibrated=False):
    """For each run and measure the mean rate of its matrices.

    Args:
        frame: a table of pairs.
        of_one: the column of which each value has a matrix of its own.
        first, second: the columns of its rows and columns, numbers in order.
        calibrated: whether calibrated values are taken in place of similarities.
    """
    ending = "_calibrated" if calibrated else ""
    names = [name for name in frame.columns if name not in KEYS and not name.endswith(("_p", "_calibrated"))]
    runs = ["arch", "optimizer", "seed"]
    found = []
    for key, of_run in frame.groupby([*runs, of_one], observed=True):
        for name in names:
            S = of_run.pivot(index=first, columns=second, values=name + ending)
            found.append((*key[:3], name, violation_rate(S.to_numpy(dtype=float))))
    rows = pd.DataFrame(found, columns=[*runs, "measure", "rate"])
    return rows.groupby([*runs, "measure"], observed=True, sort=False)["rate"].mean()


def table(of_runs):
    """Means over the runs of each architecture and optimizer: measures are rows."""
    return of_runs.groupby(["measure", "arch", "optimizer"], sort=False).mean().unstack(["arch", "optimizer"]).round(3)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, help="a study's folder, such as results/digits")
    parser.add_argument("--calibrated", action="store_true", help="calibrated values between layers, too")
    options = parser.parse_args()
    layers = options.results / "cka_layers"
    if layers.exists():
        frame = pd.read_parquet(layers)
        print("violations between layers, at a checkpoint")
        print(table(rates(frame, "step", "depth_a", "depth_b")), "\n")
        if options.calibrated:
            print("the same of calibrated values")
            print(table(rates(frame, "step", "depth_a", "depth_b", calibrated=True)), "\n")
    else:
        print(f"there is no {layers}: `snakemake comparisons` makes it\n")
    print("violations between checkpoints, of a layer")
    print(table(rates(pd.read_parquet(options.results / "cka"), "layer", "step_a", "step_b")))


if __name__ == "__main__":
    main()
