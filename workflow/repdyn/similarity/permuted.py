"""Similarity of representations when the examples of one side are permuted, under every measure.

Turns representations of the same n examples, some on a fixed side, some on a moved one, and orders π of the examples
into similarities (orders, fixed, moved) under each measure: of X_i with the rows of X_j in the order π. ``null.py``
makes p-values and calibrated values of them.

Each representation becomes, once, what its measures need, and every order costs only inner products of these:

- ``cka``, ``cka_debiased``, ``cka_deconfounded``: one product ⟨K_i, π K_j⟩ of centred Grams for all three, as the
  diagonals and the inputs' Gram give the rest (``cka.py``).
- ``rsa``: the same product of centred ranks.
- ``knn``: a look-up of n k neighbours in a table of flags.
- ``subspace``: ‖V_iᵀ π V_j‖².
- ``procrustes`` and those of one's own: all of it anew, so use few permutations with these.

What the images explain of π K_j is taken from it as from K_j: the images stay where they are. If instead what is left
of K_j were permuted, its likeness to the images would be taken away in the order as it is, and in no other. Independent
representations then have p ≤ .05 in 17 % of cases at p / n = .1, and always at p / n = 1 and above.

Time of an order: n² / 2 look-ups and F M n² / 2 products for F fixed and M moved representations, twice with RSA. At
n = 400 the three CKAs, RSA, k-NN and subspaces take 4 ms for six on each side and 10 for twelve (one core); Procrustes
similarity takes 7 ms for each pair. Memory: :func:`needed` bytes, and features in what is left of the budget.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np

from ..errors import RepdynError
from ..types import Array
from ..user_code import load as user_code
from . import cka, gram, nearest, own, precision, procrustes, rsa, subspace
from .symmetric import Symmetric, cosines

if TYPE_CHECKING:
    from ..config.sections import ChosenMeasure


@dataclass(frozen=True)
class Sides:
    """Which representations are compared, as indices of a source: each fixed one with each moved one."""

    fixed: Sequence[int]
    moved: Sequence[int]

    @classmethod
    def all(cls, E: int) -> Sides:
        """Each representation with each other one."""
        return cls(range(E), range(E))


def needed(n: int, sides: Sides, names: Container[str]) -> float:
    """Bytes of what is kept of all representations, and of the work on one.

    Args:
        n: examples.
        sides: the representations.
        names: the measures.
    """
    fixed, moved = len(sides.fixed) + 1, len(sides.moved)
    kept = (1 + ("rsa" in names)) * (2.0 * fixed + 4 * moved)
    if "knn" in names:
        kept += fixed + 8 * moved  # flags, and Grams with ties
    return n**2 * (kept + rsa.SCRATCH / 2 + 16)


class Measured(Protocol):
    """One or more measures: collects what they need of each representation, then compares in any order."""

    def fix(self, i: int, K: Array) -> None:
        """Take the centred Gram of a representation of the fixed side."""

    def move(self, j: int, K: Array) -> None:
        """Take the centred Gram of a representation of the moved side."""

    def at(self, order: Array) -> dict[str, Array]:
        """Each measure's (fixed, moved) similarities with the moved side in an order."""


class Ckas:
    """The three CKAs; the inputs' Gram is the last of the fixed side."""

    def __init__(self, n: int, fixed: int, moved: int, inputs: Array | None) -> None:
        self.grams = Symmetric(n, fixed + 1, moved)
        # Sums of rows without the diagonal.
        self._fixed_rows, self._moved_rows = np.zeros((fixed, n)), np.zeros((moved, n))
        self._inputs = inputs is not None
        if inputs is not None:
            self.grams.fix(fixed, inputs)

    def fix(self, i: int, K: Array) -> None:
        """See :class:`Measured`."""
        self.grams.fix(i, K)
        self._fixed_rows[i] = K.sum(axis=1, dtype=np.float64) - np.diagonal(K)

    def move(self, j: int, K: Array) -> None:
        """See :class:`Measured`."""
        self.grams.move(j, K)
        self._moved_rows[j] = K.sum(axis=1, dtype=np.float64) - np.diagonal(K)

    @cached_property
    def _squares(self) -> tuple[Array, Array]:
        return self.grams.squares()

    @cached_property
    def _explained(self) -> Array:
        return self.grams.with_last()

    def at(self, order: Array) -> dict[str, Array]:
        """See :class:`Measured`."""
        D, T = self.grams.fixed_diagonals[:-1], self.grams.moved_diagonals[:, order]
        r, q = self._fixed_rows, self._moved_rows[:, order]
        products = self.grams.products(order)
        G, of_inputs = products[:-1], products[-1]
        fixed, moved = self._squares[0][:-1], self._squares[1]
        unbiased = (
            cka.unbiased_of(
                squares - np.square(diagonals).sum(axis=1),
                np.square(rows).sum(axis=1),
                rows.sum(axis=1) ** 2,
                len(order),
            )
            for squares, diagonals, rows in ((fixed, D, r), (moved, T, q))
        )
        U = cka.unbiased_of(G - D @ T.T, r @ q.T, np.outer(r.sum(axis=1), q.sum(axis=1)), len(order))
        found = {"cka": cosines(G, fixed, moved), "cka_debiased": cosines(U, *unbiased)}
        if self._inputs:
            explained, square = self._explained[:-1], self._explained[-1]
            left = G - np.outer(explained / square, of_inputs)
            norms = fixed - explained**2 / square, moved - of_inputs**2 / square
            found["cka_deconfounded"] = cosines(left, *norms)
        return found


class Ranks:
    """Representational similarity analysis: centred ranks of distances."""

    def __init__(self, n: int, fixed: int, moved: int) -> None:
        self._ranks = Symmetric(n, fixed, moved)

    def fix(self, i: int, K: Array) -> None:
        """See :class:`Measured`."""
        self._ranks.fix(i, _scaled(rsa.ranks(K)))

    def move(self, j: int, K: Array) -> None:
        """See :class:`Measured`."""
        self._ranks.move(j, _scaled(rsa.ranks(K)))

    @cached_property
    def _squares(self) -> tuple[Array, Array]:
        return self._ranks.squares()

    def at(self, order: Array) -> dict[str, Array]:
        """See :class:`Measured`."""
        return {"rsa": cosines(self._ranks.products(order), *self._squares)}


def _scaled(ranks: Array) -> Array:
    return ranks / np.float32(max(len(ranks), 1) ** 2)


class Neighbours:
    """Mutual nearest neighbours; where a float32 Gram leaves open who they are, features of the source tell."""

    def __init__(self, source: gram.RepresentationSource, sides: Sides, k: int, budget: float) -> None:
        n, fixed, moved = source.examples, len(sides.fixed), len(sides.moved)
        self._source, self._sides, self._k, self._budget = source, sides, k, budget
        self._flags = np.zeros((n * n, fixed), dtype=np.uint8)  # whether one example is among another's nearest
        self._nearest = np.zeros((moved, n, k), dtype=np.int64)
        self._tied: dict[int, Array] = {}  # float64 Grams of the moved side
        self._latest: dict[int, tuple[Array, bool]] = {}  # of the latest representation, which may be on both sides

    def _of(self, K: Array, e: int) -> tuple[Array, bool]:
        if e not in self._latest:
            self._latest = {e: precision.neighbours(gram.Numpy(), K, self._k, self._source, e, self._budget)}
        return self._latest[e]

    def fix(self, i: int, K: Array) -> None:
        """See :class:`Measured`."""
        found, _ = self._of(K, self._sides.fixed[i])
        self._flags[(found + np.arange(len(K))[:, None] * len(K)).reshape(-1), i] = 1

    def move(self, j: int, K: Array) -> None:
        """See :class:`Measured`."""
        e = self._sides.moved[j]
        self._nearest[j], tied = self._of(K, e)
        if tied:  # ties go to the lowest index, so the order decides who is a neighbour
            width = gram.slice_width(self._source, self._budget / 3)
            self._tied[j] = K.copy() if K.dtype == np.float64 else precision.exact(self._source, e, width)

    def at(self, order: Array) -> dict[str, Array]:
        """See :class:`Measured`."""
        n, place = len(order), np.argsort(order)
        ones = np.ones(n * self._k, dtype=np.float32)
        counts = np.empty((self._flags.shape[1], len(self._nearest)))
        for j, found in enumerate(self._nearest):
            if j in self._tied:
                K = self._tied[j][order[:, None], order]
                moved, _ = nearest.neighbours(K, self._k)
            else:
                moved = place[found[order]]
            flags = self._flags.take((moved + np.arange(n)[:, None] * n).reshape(-1), axis=0)
            counts[:, j] = ones @ flags.astype(np.float32)  # five times as fast as a sum of integers, and exact
        return {"knn": counts / (n * self._k)}


class Subspaces:
    """Subspaces of the first principal components."""

    def __init__(self, n: int, fixed: int, moved: int, r: int) -> None:
        self._r = r
        self._fixed, self._moved = (np.zeros((n, E, r), dtype=np.float32) for E in (fixed, moved))

    def fix(self, i: int, K: Array) -> None:
        """See :class:`Measured`."""
        self._fixed[:, i] = subspace.basis(K, self._r)

    def move(self, j: int, K: Array) -> None:
        """See :class:`Measured`."""
        self._moved[:, j] = subspace.basis(K, self._r)

    def at(self, order: Array) -> dict[str, Array]:
        """See :class:`Measured`."""
        n, r = len(order), self._r
        cosines = self._fixed.reshape(n, -1).T @ self._moved[order].reshape(n, -1)
        shape = (self._fixed.shape[1], r, self._moved.shape[1], r)
        squares = np.square(cosines, dtype=np.float64).reshape(shape)
        return {"subspace": squares.sum(axis=(1, 3)) / r}


def similarities(
    source: gram.RepresentationSource,
    chosen: Sequence[ChosenMeasure],
    orders: Array,
    budget: float,
    backend: gram.Backend | None = None,
    inputs: Array | None = None,
    sides: Sides | None = None,
    wanted: Array | None = None,
) -> dict[str, Array]:
    """Similarities in each order, under each measure: (orders, fixed, moved), float64, NaN where they are undefined.

    Args:
        source: the representations.
        chosen: the measures.
        orders: (orders, n), each a permutation of the examples.
        budget: bytes.
        backend: where Grams are computed; the CPU by default.
        inputs: (n, pixels), the images as the network gets them; without them, deconfounded CKA is NaN.
        sides: which representations are compared; all with all by default.
        wanted: (fixed, moved), the pairs that are wanted; Procrustes similarity and measures of one's own are NaN
            in others.

    Raises:
        RepdynError: if there are fewer than 4 examples, representations are not finite or do not have the same
            examples, or what is kept of them does not fit the budget.
    """
    n, backend = source.examples, backend or gram.Numpy()
    sides = sides or Sides.all(len(source.features))
    F, M = len(sides.fixed), len(sides.moved)
    wanted = np.ones((F, M), dtype=bool) if wanted is None else wanted
    cka.check_examples(n)
    names = {measure.name: measure for measure in chosen}
    kept = needed(n, sides, names)
    if kept + gram.FLOATS * n > budget:
        raise RepdynError(
            f"`execution.memory_gib` is {budget / 2**30:.3g}, but to permute {n} examples of {len(source.features)} "
            f"representations takes {(kept + gram.FLOATS * n) / 2**30:.3g}; raise it, lower "
            "`activations.similarity_examples`, or leave the null out with `comparisons: {permutations: 0}`."
        )
    undefined = np.full((len(orders), F, M), np.nan)
    found = {name: undefined.copy() for name in names}
    measures = _measures(source, sides, names, None if inputs is None else _gram_of(inputs), budget - kept)
    constant = np.zeros(len(source.features), dtype=bool)
    width = gram.slice_width(source, budget - kept)
    for e in range(len(source.features)):
        found_gram = gram.whole(source, e, width, backend)
        exact = precision.too_coarse(backend, found_gram)
        K = (
            precision.exact(source, e, gram.slice_width(source, (budget - kept) / 3))
            if exact
            else backend.array(found_gram)
        )
        constant[e] = not K.any()
        for measure in measures:
            for i in np.flatnonzero(np.asarray(sides.fixed) == e):
                measure.fix(int(i), K)
            for j in np.flatnonzero(np.asarray(sides.moved) == e):
                measure.move(int(j), K)
    for b, order in enumerate(orders):
        for measure in measures:
            for name, values in measure.at(order).items():
                if name in found:
                    found[name][b] = values
    for choice in chosen:
        if choice.name == "procrustes" or choice.function is not None:
            found[choice.name] = _anew(source, choice, orders, sides, wanted, width)
    for values in found.values():
        values[:, constant[list(sides.fixed)]] = values[:, :, constant[list(sides.moved)]] = np.nan
    return found


def _measures(
    source: gram.RepresentationSource,
    sides: Sides,
    names: Mapping[str, ChosenMeasure],
    inputs: Array | None,
    budget: float,
) -> list[Measured]:
    """What collects and compares the chosen measures that are defined for so many examples."""
    n, fixed, moved = source.examples, len(sides.fixed), len(sides.moved)
    measures: list[Measured] = [Ckas(n, fixed, moved, inputs)]
    if "rsa" in names:
        measures.append(Ranks(n, fixed, moved))
    if "knn" in names and n > names["knn"].neighbours:
        measures.append(Neighbours(source, sides, names["knn"].neighbours, budget))
    if "subspace" in names:
        measures.append(Subspaces(n, fixed, moved, names["subspace"].components))
    return measures


def _gram_of(inputs: Array) -> Array:
    X = gram.centred(inputs)[0]
    return X @ X.T


def _one_by_one(
    load: Callable[[int], Array],
    compare: Callable[[Array, Array], float],
    orders: Array,
    sides: Sides,
    wanted: Array,
) -> Array:
    """A comparison of two arrays with an example in each row, in each order; NaN for pairs that are not wanted."""
    found = np.full((len(orders), *wanted.shape), np.nan)
    for j, moved in enumerate(sides.moved):
        Y = load(moved)
        for i in np.flatnonzero(wanted[:, j]):
            X = load(sides.fixed[int(i)])
            found[:, i, j] = [compare(X, Y[order]) for order in orders]
    return found


def _anew(
    source: gram.RepresentationSource, choice: ChosenMeasure, orders: Array, sides: Sides, wanted: Array, width: int
) -> Array:
    """Procrustes similarity, or a measure of the user's own: (orders, fixed, moved), NaN for pairs not wanted."""

    def features(e: int) -> Array:
        return own.features(source, e)

    def coordinates(e: int) -> Array:
        return procrustes.coordinates(source, e, width)[0]

    if choice.function is None:
        return _one_by_one(coordinates, procrustes.nuclear, orders, sides, wanted)
    function = user_code.load(choice.function)
    if choice.pairs is not None:
        return _one_by_one(features, lambda X, Y: own.pair(choice, function, X, Y), orders, sides, wanted)
    found = np.full((len(orders), *wanted.shape), np.nan)
    for j, moved in enumerate(sides.moved):
        Y = features(moved)
        which = np.flatnonzero(wanted[:, j])
        vectors = [own.vector(choice, function, features(sides.fixed[int(i)])) for i in which]
        for b, order in enumerate(orders):
            vector = own.vector(choice, function, Y[order])
            found[b, which, j] = [own.cosine(other, vector) for other in vectors]
    return found
