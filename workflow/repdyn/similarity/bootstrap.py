"""Intervals for biased CKA: a bootstrap over examples, from the same Grams.

Turns the Grams of E representations into an interval for each pair. In a resample, example i has a weight w_i: how
often it was drawn in n draws. With weights, the inner products of centred Grams are

    H = Σ_ij w_i w_j K_ij L_ij − (2 / n) Σ_i w_i (K w)_i (L w)_i + (wᵀ K w)(wᵀ L w) / n²

A resample repeats examples, and repeats raise CKA. So the interval is the spread of the resamples about their own mean,
centred on the estimate. It is an interval for biased CKA at this number of examples.

Time: each resample costs the products of all pairs once more, and reads no features. Memory: 8 E n bytes for each
resample.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import cka, gram


class Bootstrap:
    """Collects what resamples need while ``gram.products`` makes the Grams."""

    def __init__(self, E: int, n: int, resamples: int, seed: int) -> None:
        self.weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), size=resamples).astype(np.float64)
        self._inner = np.zeros((resamples, E, E))  # Σ_ij w_i w_j K_ij L_ij
        self._rows = np.zeros((E, n, resamples))  # K w

    def add(self, S: Array, start: int) -> None:
        """Take rows ``start`` on of the upper triangles of all Grams, (E, rows, n − start)."""
        rows, width = S.shape[1:]
        weights = self.weights[:, start:].T.astype(np.float32)  # (width, resamples)
        self._rows[:, start : start + rows] += S @ weights
        self._rows[:, start + rows :] += S[:, :, rows:].transpose(0, 2, 1) @ weights[:rows]
        step = gram.rows_at_a_time(len(S), width)
        roots = np.sqrt(self.weights[:, start:])
        for r in range(0, rows, step):
            upper = S[:, r : r + step, r:].astype(np.float64)
            height = upper.shape[1]
            for b, root in enumerate(roots):
                self._inner[b] += gram.doubled(upper * np.outer(root[r : r + height], root[r:]))

    def interval(self, estimate: Array, confidence: float) -> tuple[Array, Array]:
        """Lower and upper ends about an estimate of biased CKA: each (E, E), NaN where the estimate is."""
        n = self.weights.shape[1]
        rows = np.moveaxis(self._rows, 2, 0)  # (resamples, E, n)
        weighted = rows * self.weights[:, None, :]
        total = weighted.sum(axis=2)
        H = self._inner - 2 / n * weighted @ rows.transpose(0, 2, 1)
        H += total[:, :, None] * total[:, None, :] / n**2
        # A constant representation has no estimate, so the rounding errors in its zeros are blanked.
        resampled = np.where(np.isnan(estimate), np.nan, cka.normalised(H))
        deviations = np.quantile(
            resampled - resampled.mean(axis=0), [(1 - confidence) / 2, (1 + confidence) / 2], axis=0
        )
        return estimate + deviations[0], estimate + deviations[1]


def similarities(
    source: gram.RepresentationSource,
    budget: float,
    backend: gram.Backend | None,
    resamples: int,
    confidence: float,
    seed: int,
) -> cka.Similarities:
    """Both CKAs, with intervals about the biased one.

    Raises:
        RepdynError: like ``cka.similarities``, and if the resamples alone take more than half the budget.
    """
    E, n = len(source.features), source.examples
    cka.check_examples(n)
    needed = resamples * 8.0 * (3 * E * n + 2 * E * E + n)
    if needed > budget / 2:
        raise RepdynError(
            f"`execution.memory_gib` is {budget / 2**30:.3g}, but {resamples} resamples need {2 * needed / 2**30:.3g}; "
            "raise it, or lower `cka.resamples`."
        )
    backend, bootstrap = backend or gram.Numpy(), Bootstrap(E, n, resamples, seed)

    def watch(S: Any, start: int) -> None:
        bootstrap.add(backend.array(S), start)

    products = gram.products(source, budget - needed, backend, watch)
    found = cka.of_products(products)
    return replace(found, interval=bootstrap.interval(found.biased, confidence))
