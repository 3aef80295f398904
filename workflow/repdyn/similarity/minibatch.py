"""Minibatch CKA (Nguyen et al. 2021, eq. 2): average HSIC over batches of examples, for more examples than Grams allow.

Turns E representations of n examples into the two matrices of ``cka.py``. A fixed random partition splits the examples
into batches of about ``batch_examples``. HSIC of each pair is estimated in each batch and averaged before it is
normalised. With the unbiased estimator this converges to debiased CKA on all examples, whatever the batch size. The
biased estimator has a bias that depends on the batch size, so compare it only between equal sizes.

Time: E n b p + E² n b / 2 with b examples in a batch, where Grams of all examples have n² for n b. Memory: ``budget``.
It holds the Grams of as many batches as fit and reads each representation once for each such group, in slices if its
features take more than half the budget.
"""

from __future__ import annotations

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import cka, gram


def batches(n: int, batch_examples: int, seed: int = 0) -> list[Array]:
    """Positions of the examples of each batch: all n once, in batches that differ by at most one example."""
    count = max(1, round(n / batch_examples))
    return [np.sort(part) for part in np.array_split(np.random.default_rng(seed).permutation(n), count)]


def similarities(
    source: gram.RepresentationSource, batch_examples: int, budget: float, backend: gram.Backend | None = None
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
    needed = gram.FLOATS * source.examples * width + 4 * b * (2 * width + b)  # a centred batch, and a Gram in use
    size = 4 * E * b**2
    together = int((budget - needed) // size)
    if together < 1:
        raise RepdynError(
            f"`execution.memory_gib` is {budget / 2**30:.3g}, but a batch needs {(needed + size) / 2**30:.3g}; raise "
            "it, or lower `cka.batch_examples`."
        )
    biased, unbiased, apart = np.zeros((E, E)), np.zeros((E, E)), np.zeros(E)
    for first in range(0, len(chosen), together):
        found, norms = _products(source, chosen[first : first + together], width, backend)
        for products in found:
            n = products.D.shape[1]
            biased += products.G / (n - 1) ** 2
            unbiased += cka.unbiased(products) / (n * (n - 3))
            apart += cka.apart(products) / (n * (n - 3))
    return cka.from_products(biased, unbiased, apart, gram.is_constant(source, norms))


def _products(
    source: gram.RepresentationSource, group: list[Array], width: int, backend: gram.Backend
) -> tuple[list[gram.Products], Array]:
    """Inner products of each batch of a group, and norms for ``gram.is_constant``; releases the Grams."""
    E = len(source.features)
    stacks = [backend.zeros(E, len(batch), len(batch)) for batch in group]
    norms = np.zeros((E, 2))
    for part in gram.parts(source, width, backend):
        norms[part.e] += part.squares
        for batch, stack in zip(group, stacks, strict=True):
            # All examples were centred before this batch is, so that large means cost no precision.
            X = part.X[batch]
            gram.add_gram(backend, part, X - X.mean(0), 0, stack[part.e])
    none = np.zeros(E, dtype=bool)
    found = [
        gram.Products(backend.inner(stack), backend.diagonals(stack), backend.sums(stack), none) for stack in stacks
    ]
    return found, norms
