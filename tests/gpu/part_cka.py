"""CKA of all pairs of checkpoints on the device, beside the bare products of the same formulation.

The bare products are E products X Xᵀ in float32 of features that are on the device already, and S Sᵀ of half Grams in
float64. What CKA has more is centring, sums, and copying features to the device, which come from main memory.
"""

from __future__ import annotations

from functools import partial

import numpy as np
import torch
from paper_scale import seconds
from reporting import Report
from synthetic import Arrays, reference, trajectory

from repdyn.runtime import devices
from repdyn.similarity import cka, gram
from repdyn.similarity.gram_torch import Torch

# Examples, features, checkpoints: two of METHODS, and the widest layer of the paper-scale ResNet.
CASES = [(2000, 512, 20), (1000, 16_384, 20), (500, 65_536, 20)]
TINY = [(260, 30, 3)]
BUDGET = 4 * 2.0**30
ERROR = 1e-6


def bare(X: list[torch.Tensor]) -> None:
    """The products alone."""
    E, n = len(X), len(X[0])
    for x in X:
        x @ x.T
    half = torch.ones((E, 2**18), dtype=torch.float64, device=X[0].device)
    for _ in range(-(-n * n // 2 // half.shape[1])):
        half @ half.T


def main(report: Report, device: str, tiny: bool) -> None:
    """Measure."""
    place = devices.prepare(device)
    backend = Torch(place)
    X = trajectory(300, 40 if tiny else 512, E=6)
    found = cka.similarities(Arrays(X), BUDGET, backend)
    true = np.array([[reference(x, y) for y in X] for x in X])
    error = max(np.abs(found.biased - true[..., 0]).max(), np.abs(found.debiased - true[..., 1]).max())
    report.check("largest error, against float64", error, at_most=ERROR)
    ways: dict[str, gram.Backend] = {"CKA": backend, "CKA with TF32": Torch(place, tf32=True)}
    for n, p, E in TINY if tiny else CASES:
        features = trajectory(n, p, E)
        there = [torch.from_numpy(np.asarray(x, dtype=np.float32)).to(place) for x in features]
        base = seconds(partial(bare, there), device, 1, 3)
        del there
        title = f"{E} checkpoints of {n} × {p}"
        report.row(f"{title}: bare products", base, "s")
        for name, way in ways.items():
            took = seconds(partial(cka.similarities, Arrays(features), BUDGET, way), device, 1, 2)
            report.row(f"{title}: {name}", took / base, "× the bare products")
