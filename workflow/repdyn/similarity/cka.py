"""CKA of all pairs of representations, from the inner products of their Grams.

Turns ``gram.Products`` G, D into two matrices. Biased CKA (Kornblith et al. 2019, eq. 4) is G normalised by its
diagonal. Debiased CKA uses the unbiased HSIC of Song et al. 2012 (eq. 5) in all three places (Nguyen et al. 2021,
eq. 3). It needs no second Gram. With r the sums of the rows of a Gram without its diagonal, and s the sum of r,
n (n − 3) HSIC is

    U = G − D Dᵀ − 2 / (n − 2) · r rᵀ + s sᵀ / ((n − 1)(n − 2))

The rows of a centred Gram sum to 0, so that r would be −D. But in float32 they do so only within the rounding of their
largest entries, which lie on the diagonal that debiasing takes away. One example far from all others is a thousandfold
of what is left: with −D the result is 1e-3 off, with the sums as they are 3e-7.

There is no epsilon and no clamping: debiased CKA may leave [0, 1]. Undefined values are NaN: those of a constant
representation, and debiased ones whose norm is not positive within the precision of float32 Grams. The norm is 0 if
all examples but one are alike, as in a layer that has nearly died; rounding would give that 0 a sign.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import gram, precision

# Least squared norm of what is left of a Gram, as a fraction of what it is taken from: by debiasing, from the Gram
# without its diagonal; by deconfounding, from the whole Gram. Rounding leaves up to 2e-8 where it is 0.
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
    return of_products(gram.products(source, budget, precision.suited(source, budget, backend)))


def of_products(products: gram.Products) -> Similarities:
    """Both CKAs, from the products of Grams."""
    return from_products(products.G, unbiased(products), apart(products), products.constant)


def from_products(biased: Array, unbiased: Array, apart: Array, constant: Array) -> Similarities:
    """Normalise both kinds of inner products; undefined values become NaN.

    Args:
        biased: (E, E).
        unbiased: (E, E).
        apart: (E,), squared norms of the Grams without their diagonals, on the scale of ``unbiased``.
        constant: (E,), which representations are the same for all examples.
    """
    unresolved = np.diagonal(unbiased) <= RESOLVED * apart
    return Similarities(
        normalised(blank(biased, constant)), normalised(blank(unbiased, constant | unresolved)), constant
    )


def check_examples(n: int) -> None:
    """Raise if n examples are too few for the unbiased HSIC."""
    if n < 4:
        raise RepdynError(f"Debiased CKA needs at least 4 examples, and there are {n}.")


def unbiased(products: gram.Products) -> Array:
    """Unbiased HSIC of all pairs, times n (n − 3): (E, E)."""
    D, r = products.D, products.R - products.D
    s = r.sum(axis=1)
    return unbiased_of(products.G - D @ D.T, r @ r.T, np.outer(s, s), D.shape[1])


def apart(products: gram.Products) -> Array:
    """Squared norms of the Grams without their diagonals: (E,)."""
    found: Array = np.diagonal(products.G) - np.square(products.D).sum(axis=1)
    return found


def unbiased_of(products: Array, rows: Array, totals: Array, n: int) -> Array:
    """Unbiased HSIC times n (n − 3) of n examples (Song et al. 2012, eq. 5).

    Args:
        products: inner products of Grams without their diagonals.
        rows: inner products of the sums of their rows.
        totals: products of the sums of all their entries.
        n: examples.
    """
    U: Array = products - 2 / (n - 2) * rows + totals / ((n - 1) * (n - 2))
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
