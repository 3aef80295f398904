"""CKA of all pairs of representations, from the inner products of their Grams.

Turns ``gram.Products`` G, D into two matrices. Biased CKA (Kornblith et al. 2019, eq. 4) is G normalised by its
diagonal. Debiased CKA uses the unbiased HSIC of Song et al. 2012 (eq. 5) in all three places (Nguyen et al. 2021,
eq. 3). It needs no second Gram: for centred Grams with traces t, n (n − 3) HSIC is

    U = G − n / (n − 2) · D Dᵀ + t tᵀ / ((n − 1)(n − 2))

There is no epsilon and no clamping: debiased CKA may leave [0, 1]. Undefined values are NaN: those of a constant
representation, and debiased ones whose norm is not positive within the precision of float32 Grams. The norm is 0 if
all examples but one are alike, as in a layer that has nearly died; rounding would give that 0 a sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import gram

# Least debiased squared norm, as a fraction of the biased one. Rounding leaves up to 2e-8 where it is 0; without
# outlying examples it is about 1 / (1 + p / n).
RESOLVED = 1e-6


@dataclass(frozen=True)
class Similarities:
    """CKA of E representations, each (E, E), float64, exactly symmetric, NaN where undefined.

    Attributes:
        biased: of Kornblith et al. 2019.
        debiased: with the unbiased HSIC.
        constant: (E,), which representations are the same for all examples.
        interval: lower and upper ends of intervals for the biased one, if asked for.
    """

    biased: Array
    debiased: Array
    constant: Array
    interval: tuple[Array, Array] | None = None


def similarities(source: gram.RepresentationSource, budget: float, backend: gram.Backend | None = None) -> Similarities:
    """Both CKAs of all pairs of representations of the same examples.

    Args:
        source: the representations.
        budget: bytes; representations that do not fit are read more than once.
        backend: where to compute; the CPU by default.

    Raises:
        RepdynError: if there are fewer than 4 examples, or a representation has another number of examples or NaN.
    """
    check_examples(source.examples)
    products = gram.products(source, budget, backend)
    return from_products(products.G, unbiased(products), products.constant)


def from_products(biased: Array, unbiased: Array, constant: Array) -> Similarities:
    """Normalise both kinds of inner products, (E, E); undefined values become NaN."""
    unresolved = np.diagonal(unbiased) <= RESOLVED * np.diagonal(biased)
    return Similarities(
        normalised(blank(biased, constant)), normalised(blank(unbiased, constant | unresolved)), constant
    )


def check_examples(n: int) -> None:
    """Raise if n examples are too few for the unbiased HSIC."""
    if n < 4:
        raise RepdynError(f"Debiased CKA needs at least 4 examples, and there are {n}.")


def unbiased(products: gram.Products) -> Array:
    """Unbiased HSIC of all pairs, times n (n − 3): (E, E)."""
    D = products.D
    t = D.sum(axis=1)
    return unbiased_of(products.G, D @ D.T, np.outer(t, t), D.shape[1])


def unbiased_of(G: Array, diagonals: Array, traces: Array, n: int) -> Array:
    """Unbiased HSIC times n (n − 3), from products of centred Grams of n examples, of their diagonals and traces."""
    U: Array = G - n / (n - 2) * diagonals + traces / ((n - 1) * (n - 2))
    return U


def blank(H: Array, undefined: Array) -> Array:
    """H, (E, E), with NaN in the rows and columns of what is undefined, (E,)."""
    blanked = H.copy()
    blanked[undefined] = blanked[:, undefined] = np.nan
    return blanked


def without_inputs(G: Array) -> Array:
    """Deconfounded CKA of E representations (Cui et al. 2022): (E, E), NaN where undefined.

    Each Gram less its projection onto that of the inputs: ⟨K_i, K_j⟩ − a_i a_j with a_i = ⟨K_i, L⟩ / ‖L‖.

    Args:
        G: (E + 1, E + 1), inner products of Grams, the inputs' last; 0 for constant ones.
    """
    if not G[-1, -1] > 0:
        return np.full((len(G) - 1, len(G) - 1), np.nan)
    a = G[:-1, -1] / np.sqrt(G[-1, -1])
    H = G[:-1, :-1] - np.outer(a, a)
    return normalised(blank(H, np.diagonal(H) <= RESOLVED * np.diagonal(G)[:-1]))


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
