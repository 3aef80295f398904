"""Size and dimension of one representation, from the spectrum of its covariance.

Turns activations X (n examples, p features) into five numbers. With λ_1 ≥ λ_2 ≥ … the eigenvalues of X Xᵀ of centred
features:

- norm √(Σλ / n), the root mean square distance of the examples from their mean;
- participation ratio (Σλ)² / Σλ², in dimensions: d if variance is the same in d directions and 0 in all others;
- effective rank exp(−Σ s log s) with s = √λ / Σ√λ, the entropy of the normalised singular values (Roy & Vetterli 2007);
- decay, the exponent α of λ_i ∝ i^−α (Stringer et al. 2019). Fitted by least squares in logarithms, over ranks 2 to
  half of those there can be, since the smallest eigenvalues of a sample are too small; a tenfold of ranks counts the
  same wherever it is. These ranks are our choice.
- top, λ_1 / Σλ.

The products are float64, of examples or of features, whichever are fewer. Time: n p min(n, p). Memory: 8 min(n, p)²
bytes, and ``BLOCK`` numbers in float64.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..types import Array
from . import distances, gram

BLOCK = 2**22  # numbers that are converted to float64 at a time
ZERO = 1e-12  # fraction of the largest eigenvalue that is rounding
LEAST_RANKS = 10  # that a power law is fitted to


@dataclass(frozen=True)
class Spectrum:
    """What a representation is by itself; NaN where a number is undefined."""

    norm: float
    participation_ratio: float
    effective_rank: float
    decay: float
    top: float


def of_features(X: Array) -> Spectrum:
    """Size and dimension of a representation; only the norm, 0, of one that is the same for all examples.

    Args:
        X: (n, p), any float, need not be centred.
    """
    Xc, total, spread = gram.centred(X)
    n, nothing = len(X), math.nan
    if spread <= distances.CONSTANT * total:
        return Spectrum(0.0, nothing, nothing, nothing, nothing)
    values = eigenvalues(Xc)
    largest = float(values[0])
    weights = np.sqrt(values) / np.sqrt(values).sum()
    there = weights[weights > 0]
    return Spectrum(
        norm=math.sqrt(spread / n),
        participation_ratio=float(values.sum() ** 2 / (values**2).sum()),
        effective_rank=float(np.exp(-(there * np.log(there)).sum())),
        decay=decay(values, min(n - 1, X.shape[1])),
        top=largest / float(values.sum()),
    )


def eigenvalues(Xc: Array) -> Array:
    """Eigenvalues of X Xᵀ, (min(n, p),), descending; those that are rounding errors are 0.

    Args:
        Xc: (n, p), centred.
    """
    n, p = Xc.shape
    smaller = np.zeros((min(n, p),) * 2)
    if p < n:
        for start in range(0, n, step := max(1, BLOCK // p)):
            part = Xc[start : start + step].astype(np.float64)
            smaller += part.T @ part
    else:
        for start in range(0, p, step := max(1, BLOCK // n)):
            part = Xc[:, start : start + step].astype(np.float64)
            smaller += part @ part.T
    found: Array = np.linalg.eigvalsh(smaller)[::-1].copy()
    found[found < ZERO * found[0]] = 0
    return found


def decay(values: Array, ranks: int) -> float:
    """The exponent of the power law of eigenvalues, NaN if there are too few.

    Args:
        values: eigenvalues, descending.
        ranks: how many there can be.
    """
    rank = np.arange(2, ranks // 2 + 1)
    value = values[1 : ranks // 2]
    rank, value = rank[value > 0], value[value > 0]
    if len(rank) < LEAST_RANKS:
        return math.nan
    # Ranks lie dense in their logarithm where they are large.
    slope, _ = np.polyfit(np.log(rank), np.log(value), 1, w=np.sqrt(1 / rank))
    return float(-slope)
