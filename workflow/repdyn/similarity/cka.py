"""CKA of all pairs of representations, from the inner products of their Grams.

From ``gram.Products`` G, D to two matrices. Biased CKA (Kornblith et al. 2019, eq. 4) is G normalised by its diagonal.
Debiased CKA has the unbiased HSIC of Song et al. 2012 (eq. 5) in all three places (Nguyen et al. 2021, eq. 3), and
needs no second Gram: for centred Grams, with t their traces, n (n − 3) HSIC is

    U = G − n / (n − 2) · D Dᵀ + t tᵀ / ((n − 1)(n − 2))

No epsilon, no clamping: the debiased form may leave [0, 1]. Undefined values are NaN: those of a constant
representation, and debiased ones whose norm is not positive, as far as float32 Grams tell. If one example differs from
all others, which are alike, as where a layer has all but died, that norm is 0, and rounding would give it a sign.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ..errors import RepdynError
from . import gram

Array = np.ndarray[Any, np.dtype[Any]]
# Of the biased squared norm: rounding leaves up to 2e-8 of it where the debiased one is 0; without examples that stand
# out it is about 1 / (1 + p / n).
RESOLVED = 1e-6


@dataclass(frozen=True)
class Similarities:
    """CKA of E representations, each (E, E), float64, exactly symmetric, NaN where undefined.

    Attributes:
        biased: of Kornblith et al. 2019.
        debiased: with the unbiased HSIC.
        constant: (E,), which representations are the same for all examples.
        interval: lower and upper ends of intervals about the biased one, where asked for.
    """

    biased: Array
    debiased: Array
    constant: Array
    interval: tuple[Array, Array] | None = None


def similarities(source: gram.Source, budget: float, backend: gram.Backend | None = None) -> Similarities:
    """Both CKAs of all pairs of representations of the same examples.

    Args:
        source: the representations.
        budget: bytes; what does not fit is read more than once.
        backend: where to compute; the CPU by default.

    Raises:
        RepdynError: if there are fewer than 4 examples, or a representation has other examples or holds NaN.
    """
    check_examples(source.examples)
    products = gram.products(source, budget, backend)
    return from_products(products.G, unbiased(products), products.constant)


def from_products(biased: Array, unbiased: Array, constant: Array) -> Similarities:
    """Normalise both kinds of inner products, (E, E), and blank what is constant."""
    unresolved = np.diagonal(unbiased) <= RESOLVED * np.diagonal(biased)
    return Similarities(
        normalised(_blank(biased, constant)), normalised(_blank(unbiased, constant | unresolved)), constant
    )


def check_examples(n: int) -> None:
    """Raise if n examples are too few for the unbiased HSIC."""
    if n < 4:
        raise RepdynError(f"Debiased CKA needs at least 4 examples, and there are {n}.")


def unbiased(products: gram.Products) -> Array:
    """Unbiased HSIC of all pairs, times n (n − 3): (E, E)."""
    D, n = products.D, products.D.shape[1]
    t = D.sum(axis=1)
    U: Array = products.G - n / (n - 2) * (D @ D.T) + np.outer(t, t) / ((n - 1) * (n - 2))
    return U


def _blank(H: Array, constant: Array) -> Array:
    blank = H.copy()
    blank[constant] = blank[:, constant] = np.nan
    return blank


def normalised(H: Array) -> Array:
    """Inner products divided by norms: exactly symmetric, 1 on the diagonal, NaN where a norm is not positive.

    Args:
        H: (…, E, E).
    """
    squares = np.diagonal(H, axis1=-2, axis2=-1)
    norms = np.sqrt(np.where(squares > 0, squares, np.nan))
    cosines: Array = H / (norms[..., :, None] * norms[..., None, :])
    cosines = (cosines + np.swapaxes(cosines, -1, -2)) / 2
    diagonal = np.arange(H.shape[-1])
    cosines[..., diagonal, diagonal] = np.where(np.isnan(norms), np.nan, 1.0)
    return cosines
