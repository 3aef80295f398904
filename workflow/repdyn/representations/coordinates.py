"""Principal coordinates of the examples, stored in place of the activations of wide layers.

Measures of similarity and linear probes depend on a layer only through inner products of its examples. A layer of many
more features than examples is therefore held as the coordinates of its n examples in the basis of their principal
components, at most n numbers for each example (classical scaling; Gower 1966). Centred features X, (n, p), are T Vᵀ
with orthonormal V; with K = X Xᵀ = U Λ Uᵀ it is T = U Λ^½. A measure that rotations of the features leave alone is the
same on T as on X. Single units, channels and sparsity are lost.

Probes see standardised features. Z_p are those of the examples that they are trained on, and Z_s those of the compared
examples, standardised with the mean and scale of the former. With Z_p Z_pᵀ = U Λ Uᵀ, probes are trained on
T_p = U Λ^½, and see the compared examples as T_s = Z_s Z_pᵀ U Λ^−½: what lies outside the span of Z_p is nothing to a
classifier with a penalty on its norm (``probes/low_rank.py``).

Inner products are summed in float64, and coordinates are stored in float32. Time: (n + m)² p multiplications for n
compared and m probed examples, and two eigendecompositions. Memory: three times (n + m)² float64, and a block of
features.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase

import numpy as np
import scipy.linalg

from ..probes import fit
from ..similarity.distances import CONSTANT
from ..types import Array

WIDE = 3  # times as many features as examples, from which coordinates take less disk than float16 features
# Smallest share of the largest eigenvalue that is kept: eigenvalues of a float64 Gram are exact to about n times 1e-16
# of it, and smaller ones are below what float32 resolves of the first coordinate.
RESOLVED = 1e-12


def wide(features: Mapping[str, int], compared: int, probed: int, whole: Sequence[str]) -> list[str]:
    """The layers that are stored as coordinates, in order.

    Args:
        features: layer -> number of its features.
        compared: examples whose similarity is measured.
        probed: examples that probes are trained on.
        whole: names of layers, with wildcards if wanted, that are stored whole.
    """
    return [
        layer
        for layer, size in features.items()
        if size > WIDE * max(compared, probed) and not any(fnmatchcase(layer, pattern) for pattern in whole)
    ]


def unmatched(whole: Sequence[str], layers: Iterable[str]) -> list[str]:
    """The patterns that no layer has."""
    names = list(layers)
    return [pattern for pattern in whole if not any(fnmatchcase(name, pattern) for name in names)]


def centred(X: Array) -> Array:
    """Principal coordinates of examples, for measures of similarity.

    Args:
        X: (n, p), float32.

    Returns:
        (n, n) float32, by falling variance; 0 beyond the rank, and everywhere if the features are constant but for
        rounding (``similarity/distances.py``).
    """
    n, p = X.shape
    gram, total = np.zeros((n, n)), 0.0
    for start in range(0, p, fit.BLOCK):
        block = X[:, start : start + fit.BLOCK].astype(np.float64)
        total += float(np.vdot(block, block))
        block -= block.mean(axis=0)
        gram += block @ block.T
    if np.trace(gram) <= CONSTANT * total:
        return np.zeros((n, n), dtype=np.float32)
    values, vectors = _principal(gram)
    return _padded(vectors * np.sqrt(values), n)


def as_probed(compared: Array, probed: Array) -> tuple[Array, Array]:
    """Examples as linear probes see them: standardised, in the principal coordinates of those they are trained on.

    Args:
        compared: (n, p), float32.
        probed: (m, p), float32, the examples that probes are trained on.

    Returns:
        T_s, (n, m), and T_p, (m, m), float32, by falling variance of the latter; 0 beyond the rank.
    """
    n, m = len(compared), len(probed)
    mean, scale = fit.standardisation(probed)
    gram, across = np.zeros((m, m)), np.zeros((n, m))
    blocks = (fit.standardised(of_split, mean, scale) for of_split in (compared, probed))
    for (_, Z_s), (_, Z_p) in zip(*blocks, strict=True):
        gram += Z_p @ Z_p.T
        across += Z_s @ Z_p.T
    values, vectors = _principal(gram)
    roots = np.sqrt(values)
    return _padded(across @ (vectors / roots), m), _padded(vectors * roots, m)


def _principal(gram: Array) -> tuple[Array, Array]:
    """Eigenvalues (r,) and eigenvectors (n, r) of a Gram matrix, by falling eigenvalue, as far as they are resolved."""
    values, vectors = scipy.linalg.eigh(gram, overwrite_a=True, driver="evd")
    values, vectors = values[::-1], vectors[:, ::-1]
    kept = values > RESOLVED * max(values[0], 0.0)
    return values[kept], vectors[:, kept]


def _padded(coordinates: Array, width: int) -> Array:
    """The same in float32, with zeros up to ``width`` columns."""
    found = np.zeros((len(coordinates), width), dtype=np.float32)
    found[:, : coordinates.shape[1]] = coordinates
    return found
