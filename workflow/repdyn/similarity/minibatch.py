"""Minibatch CKA (Nguyen et al. 2021, eq. 2): HSIC averaged over batches of examples, for more of them than Grams allow.

From E representations of n examples to the two matrices of ``cka.py``. The examples are dealt out once, at random but
always alike, to batches of about ``batch_examples``; HSIC of each pair is estimated in each batch and averaged before
it is normalised. With the unbiased estimator that converges to debiased CKA on all examples, whatever the size of a
batch. The biased estimator keeps the bias of a batch's size: it is comparable only between equal sizes.

Time: E n b p + E² n b / 2 with b examples in a batch, instead of n² for n b. Memory: ``budget``; as many batches' Grams
at a time as fit, so each representation is read once for each such group, and features too many for half the budget in
slices.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..errors import RepdynError
from . import cka, gram

Array = np.ndarray[Any, np.dtype[Any]]


def batches(n: int, batch_examples: int, seed: int = 0) -> list[Array]:
    """Positions of the examples of each batch: all n once, in batches that differ by at most one example."""
    count = max(1, round(n / batch_examples))
    return [np.sort(part) for part in np.array_split(np.random.default_rng(seed).permutation(n), count)]


def similarities(
    source: gram.Source, batch_examples: int, budget: float, backend: gram.Backend | None = None
) -> cka.Similarities:
    """Both CKAs of all pairs of representations, from batches.

    Raises:
        RepdynError: if a batch has fewer than 4 examples, or the Grams of one batch do not fit the budget.
    """
    chosen, E = batches(source.examples, batch_examples), len(source.features)
    cka.check_examples(min(map(len, chosen)))
    backend = backend or gram.Numpy()
    width = gram.slice_width(source, budget)
    b = len(chosen[0])
    needed = gram.FLOATS * source.examples * width + 4 * b * (2 * width + b)  # a batch, centred, and a Gram in work
    size = 4 * E * b**2
    together = int((budget - needed) // size)
    if together < 1:
        raise RepdynError(
            f"`execution.memory_gib` is {budget / 2**30:.3g}, but a batch needs {(needed + size) / 2**30:.3g}; raise "
            "it, or lower `cka.batch_examples`."
        )
    biased, unbiased = np.zeros((E, E)), np.zeros((E, E))
    for first in range(0, len(chosen), together):
        found, norms = _products(source, chosen[first : first + together], width, backend)
        for products in found:
            n = products.D.shape[1]
            biased += products.G / (n - 1) ** 2
            unbiased += cka.unbiased(products) / (n * (n - 3))
    return cka.from_products(biased, unbiased, gram.is_constant(source, norms))


def _products(
    source: gram.Source, group: list[Array], width: int, backend: gram.Backend
) -> tuple[list[gram.Products], Array]:
    """What HSIC of each batch of a group is made of, and norms for ``gram.is_constant``; the Grams are let go of."""
    E = len(source.features)
    stacks = [backend.zeros(E, len(batch), len(batch)) for batch in group]
    norms = np.zeros((E, 2))
    for part in gram.parts(source, width, backend):
        norms[part.e] += part.squares
        for batch, stack in zip(group, stacks, strict=True):
            # The whole is centred before the batch is, so that large means cost no precision.
            X = part.X[batch]
            gram.add_gram(backend, part, X - X.mean(0), 0, stack[part.e])
    none = np.zeros(E, dtype=bool)
    return [gram.Products(backend.inner(stack), backend.diagonals(stack), none) for stack in stacks], norms
