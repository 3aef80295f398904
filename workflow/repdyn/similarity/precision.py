"""Which Grams are float64, because float32 would move a measure by more than 1e-6, and neighbours as float64 has them.

All Grams of fewer than ``FEW`` examples are. There each pair of examples matters to a rank correlation, and float64
costs little.

Of more examples, those whose distances float32 does not tell apart, for ranks. Rounding leaves in half a squared
distance d_ij = (K_ii + K_jj) / 2 − K_ij an error of about 2^-24 of the two norms, so distances that are small beside
the norms lose their order: where one example is so far from all others that these lie far from the common mean, or
where classes have collapsed. With ε the root mean square of (K_ii + K_jj) / 2 d_ij, a rank correlation over N pairs is
off by up to about 4e-6 ε / √N, and at ε = √N / ``SHARE`` by half of 1e-6. Distances that are equal, as those to an
example that is there twice, or on a lattice, come out unequal besides.

All three are looked for among 2 n pairs of examples: each with the next one, and with the one that is next in norm,
which is its double if it has one. A float64 Gram takes 2.3 times as long as one in float32.

One neighbour that is taken for another moves mutual k-NN by up to 1 / n k, which is more than 1e-6. Of 120 random
representations (60 of 400 × 64, 40 of 400 × 512, 20 of 1,000 × 64; k = 10) float32 has one wrong for that, and a near
tie among 2 n pairs says nothing of the others. So all pairs that rounding may have put in the wrong order
(``nearest.slack``) are compared in float64, from the features, which are read once more. Of 2,000 × 512 random features
these are 200 pairs, of 1,000 × 16,384 they are 560.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..types import Array
from . import distances, gram, nearest

FEW = 256  # examples below which the Gram for distances is float64
TIED = 0.2  # of these distances, the share that may have an equal; by chance, up to a twentieth are as close as that
SHARE = 8.0  # √N / SHARE is the largest root mean square of norms over distances


def suited(source: gram.RepresentationSource, budget: float, backend: gram.Backend | None) -> gram.Backend:
    """The given backend, the CPU by default; for few examples one in float64, if there is memory for it.

    Args:
        source: the representations.
        budget: bytes; float64 takes twice as many as float32.
        backend: where to compute.
    """
    few = source.examples < FEW and gram.fits(source, budget / 2)
    if few and gram.slice_width(source, budget / 2) == max(source.features):
        return gram.Numpy(np.float64)
    return backend or gram.Numpy()


def too_coarse(backend: gram.Backend, K: Any) -> bool:
    """Whether distances need a float64 Gram.

    Args:
        backend: which has the Gram.
        K: (n, n); 0 for a constant representation, whose distances need nothing.
    """
    if isinstance(backend, gram.Numpy) and backend.dtype == np.float64:
        return False
    n = len(K)
    every = np.arange(n)
    D = backend.entries(K, every, every)
    if n < FEW or not D.any():
        return bool(D.any())
    by_norm = np.argsort(D)
    one, other = np.concatenate([every[:-1], by_norm[:-1]]), np.concatenate([every[1:], by_norm[1:]])
    norms = (D[one] + D[other]) / 2
    halved = norms - backend.entries(K, one, other)
    if (halved <= distances.ZERO * norms).any():
        return True
    if (np.diff(np.sort(halved)) <= distances.ZERO / 4 * np.median(norms)).mean() > TIED:
        return True
    return bool(np.square(norms / halved).mean() > n * (n - 1) / 2 / SHARE**2)


def exact(source: gram.RepresentationSource, e: int, width: int) -> Array:
    """The float64 Gram of representation e: (n, n), 0 for a constant one.

    Args:
        source: the representations.
        e: which.
        width: how many features to have in memory at a time; in float64 they take thrice the memory of float32.
    """
    K: Array = gram.whole(source, e, width, gram.Numpy(np.float64))
    return K


def neighbours(
    backend: gram.Backend, K: Any, k: int, source: gram.RepresentationSource, e: int, budget: float
) -> tuple[Array, bool]:
    """The k nearest neighbours of each example as float64 has them; see ``nearest.neighbours``.

    Args:
        backend: which has the Gram.
        K: (n, n), the Gram matrix of representation e.
        k: how many.
        source: the representations.
        e: which.
        budget: bytes for features, which are read again where the Gram leaves open who is nearer.
    """
    if isinstance(backend, gram.Numpy) and K.dtype == np.float64:
        return nearest.neighbours(K, k)
    found = backend.candidates(K, k, nearest.slack(source.features[e]))
    if found is None:
        return nearest.neighbours(exact(source, e, gram.slice_width(source, budget / 3)), k)
    return found.decided(_apart(source, e, *np.divmod(found.open, found.n), gram.slice_width(source, budget)))


def _apart(source: gram.RepresentationSource, e: int, one: Array, other: Array, width: int) -> Array:
    """Squared distances of some pairs of examples, from features as they are, which need not be centred: float64."""
    p, d = source.features[e], np.zeros(len(one))
    for start in range(0, p if len(one) else 0, width):
        X = source.read(e, start, min(start + width, p))
        if X.dtype == np.float16:
            X = X.astype(np.float32)  # which is exact; float64 takes several times as long from float16
        step = max(1, nearest.BLOCK // X.shape[1])
        for first in range(0, len(one), step):
            here = slice(first, first + step)
            apart = X[one[here]].astype(np.float64)
            apart -= X[other[here]]
            d[here] += np.vecdot(apart, apart)
    distances.round_(d)
    return d
