"""All measures of activations that a study chooses, of all pairs of representations, from one Gram each.

Turns E representations of the same n examples into an (E, E) matrix for each measure. Every measure but Procrustes
similarity is a cosine ⟨φ(X), φ(Y)⟩ / (‖φ(X)‖ ‖φ(Y)‖), and φ comes from the Gram matrix:

    cka                 the centred Gram                            Kornblith et al. 2019      cka.py
    cka_debiased        the U-centred Gram                          Nguyen et al. 2021         cka.py
    cka_deconfounded    the Gram less its projection on the inputs' Cui et al. 2022            cka.py
    knn                 an indicator of nearest neighbours          Huh et al. 2024            nearest.py
    rsa                 centred ranks of distances                  Kriegeskorte et al. 2008   rsa.py
    subspace            the projector on the first components       Björck & Golub 1973        subspace.py
    procrustes          none                                        Williams et al. 2021       procrustes.py

If all Grams fit the budget, one pass over the features gives everything: CKAs from the products of the Grams,
neighbours and subspaces from each Gram, and ranks that take the place of the Gram. The inputs are one representation
more. If they do not fit, CKAs come from bands of the Grams (``gram.py``), and a second pass makes one whole Gram at a
time. Ranks are held for as many representations as fit, and the rest pass by (``pairwise.py``), so that Grams are made
1 + (1 + E / held) / 2 times. Memory: ``budget``, of which a whole Gram takes 4 n² bytes; CKAs alone need none.

Grams of few examples are float64. Where float32 does not tell distances apart, ranks have a float64 Gram of their own,
and neighbours are decided in float64, from features that are read once more (``precision.py``).

NaN where a measure is undefined: of a constant representation; of fewer than k + 1 examples (k-NN); without a gap below
the r-th component (subspaces); where rounding decides what debiasing or deconfounding leaves.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import cka, gram, nearest, own, pairwise, precision, procrustes, rsa, subspace

if TYPE_CHECKING:
    from ..config.sections import ChosenMeasure

OF_WHOLE_GRAMS = ("knn", "rsa", "subspace")
GRAMS_IN_USE = 6  # whole Grams' worth of memory beside those that are held: a float64 Gram, and keys to sort


@dataclass(frozen=True)
class Measured:
    """Similarities of E representations.

    Attributes:
        matrices: for each measure, in the order of the config, (E, E), float64, exactly symmetric, NaN where undefined.
        constant: (E,), which representations are the same for all examples.
        gaps: (E,), of each representation's eigenvalues below the last component of ``subspace``, as a fraction of the
            first; NaN if that measure is not chosen.
        reasons: for each measure that some representation that is not constant lacks, which, (E,), and why.
    """

    matrices: dict[str, Array]
    constant: Array
    gaps: Array
    reasons: dict[str, tuple[Array, str]]


class _Taken:
    """What measures of whole Grams take from each representation, in turn."""

    def __init__(
        self,
        source: gram.RepresentationSource,
        backend: gram.Backend,
        budget: float,
        k: int | None,
        r: int | None,
        rank: bool,
    ) -> None:
        self.source, self.backend, self.budget = source, backend, budget
        self.k, self.r, self.rank = k, r, rank
        self.neighbours: dict[int, Array] = {}
        self.bases: dict[int, Array] = {}
        self.gaps = np.full(len(source.features), np.nan)

    def take_features(self, part: gram.Part, e: int | None = None) -> None:
        """Take the subspace from features, if all are here and there are few; e unless it is that of the part."""
        e = part.e if e is None else e
        features, n = self.source.features, self.source.examples
        if self.r is None or e >= len(features) or e in self.bases or not np.isfinite(part.squares).all():
            return
        if part.X.shape[1] == features[e] < subspace.NARROW * n:
            self.bases[e], self.gaps[e] = self.backend.components_of_features(part.X, self.r)

    def take(self, K: Any, e: int) -> None:
        """Take what is left to be taken, from a whole Gram; ranks, if they are wanted, take its place."""
        if self.r is not None and e not in self.bases:
            self.bases[e], self.gaps[e] = self.backend.components(K, self.r)
        exact = None
        if self.rank and precision.too_coarse(self.backend, K):
            exact = precision.exact(self.source, e, gram.slice_width(self.source, self.budget / 3))
        if self.k is not None and e not in self.neighbours:
            if exact is not None:
                self.neighbours[e], _ = nearest.neighbours(exact, self.k)
            else:
                self.neighbours[e], _ = precision.neighbours(self.backend, K, self.k, self.source, e, self.budget)
        if exact is not None:
            self.backend.write(K, rsa.ranks(exact))
        elif self.rank:
            self.backend.rank(K)

    def in_order(self, of: dict[int, Array]) -> Array:
        """What was taken of each representation, stacked."""
        return np.stack([of[e] for e in range(len(self.source.features))])


def similarities(
    source: gram.RepresentationSource,
    chosen: Sequence[ChosenMeasure],
    budget: float,
    backend: gram.Backend | None = None,
    inputs: Array | None = None,
) -> Measured:
    """All chosen measures of all pairs of representations; ``cka`` and ``cka_debiased`` are always there.

    Args:
        source: the representations.
        chosen: the measures, with their settings.
        budget: bytes.
        backend: where to compute; the CPU by default.
        inputs: (n, pixels), what the network gets of the same examples, for ``cka_deconfounded``; NaN without.

    Raises:
        RepdynError: if the budget is too small for a measure, there are fewer than 4 examples, a representation has
            another number of examples or NaN, or a function of one's own fails.
    """
    E, n = len(source.features), source.examples
    cka.check_examples(n)
    by_name = {choice.name: choice for choice in chosen}
    wanted = [name for name in OF_WHOLE_GRAMS if name in by_name]
    if "knn" in wanted and n <= by_name["knn"].neighbours:
        wanted.remove("knn")
    check_budget(source, chosen, budget)
    left = budget - needed_beside(n, wanted)
    with_inputs = "cka_deconfounded" in by_name and inputs is not None
    joined: gram.RepresentationSource = source
    if inputs is not None and with_inputs:
        joined = _Joined(source, inputs)
    backend = precision.suited(joined, left, backend)
    taken = _Taken(
        source,
        backend,
        left,
        by_name["knn"].neighbours if "knn" in wanted else None,
        by_name["subspace"].components if "subspace" in wanted else None,
        "rsa" in wanted,
    )
    ranked: Array | None = None
    if wanted and gram.fits(joined, left):
        watched: list[Array] = []

        def watch(S: Any, _: int) -> None:
            for e in range(E):
                taken.take(S[e], e)
            if "rsa" in wanted:
                watched.append(backend.inner(S[:E]))

        products = gram.products(joined, left, backend, watch, taken.take_features)
        ranked = watched[0] if watched else None
    else:
        products = gram.products(joined, budget, backend)
        if wanted:
            ranked = _again(source, left, backend, taken)
    return _collected(source, chosen, budget, products, taken, ranked, with_inputs)


class _Joined:
    """Representations and, as one more, the inputs; a ``gram.RepresentationSource``."""

    def __init__(self, source: gram.RepresentationSource, inputs: Array) -> None:
        self.source, self.inputs, self.examples = source, inputs, source.examples
        self.features: Sequence[int] = [*source.features, inputs.shape[1]]

    def read(self, e: int, start: int, stop: int) -> Array:
        """See ``gram.RepresentationSource``."""
        if e < len(self.source.features):
            return self.source.read(e, start, stop)
        return self.inputs[:, start:stop]

    def name(self, e: int) -> str:
        """See ``gram.RepresentationSource``."""
        return self.source.name(e) if e < len(self.source.features) else "The table of inputs"


def needed_beside(n: int, wanted: Sequence[str]) -> float:
    """Bytes of memory beside the Grams of some measures."""
    return GRAMS_IN_USE * 4.0 * n**2 if wanted else 0.0


def check_budget(source: gram.RepresentationSource, chosen: Sequence[ChosenMeasure], budget: float) -> None:
    """Raise a RepdynError that says how much memory is needed, if the budget is too small for a measure."""
    n = source.examples
    for choice in chosen:
        needed = 0.0
        if choice.name in OF_WHOLE_GRAMS:
            # Two whole Grams, and as much for features, beside what is in use.
            needed = needed_beside(n, [choice.name]) + 4 * 4.0 * n**2
        elif choice.name == "procrustes":
            needed = procrustes.working(source) + 2 * procrustes.size(source)
        elif choice.function is not None:
            needed = 2 * own.working(source)
        if needed > budget:
            raise RepdynError(
                f"`execution.memory_gib` is {budget / 2**30:.3g}, but {choice.name} of {n} examples needs "
                f"{needed / 2**30:.3g}; raise it, or leave {choice.name} out of `measures`."
            )


def _again(source: gram.RepresentationSource, left: float, backend: gram.Backend, taken: _Taken) -> Array | None:
    """Take what is wanted from one whole Gram at a time; the inner products of ranks, (E, E), if these are wanted."""
    E, n = len(source.features), source.examples
    width = gram.slice_width(source, left)
    held = max(1, int((left - gram.FLOATS * n * width) // (4 * n**2)) - 1)

    def load(e: int) -> Any:
        K = gram.whole(source, e, width, backend, lambda part: taken.take_features(part, e))
        taken.take(K, e)
        return K

    if taken.rank:
        return pairwise.all_pairs(E, held, load, backend.dot)
    for e in range(E):
        load(e)
    return None


def _collected(
    source: gram.RepresentationSource,
    chosen: Sequence[ChosenMeasure],
    budget: float,
    products: gram.Products,
    taken: _Taken,
    ranked: Array | None,
    with_inputs: bool,
) -> Measured:
    """The matrix of each measure, from what was taken of the Grams."""
    E, n = len(source.features), source.examples
    G, constant = products.G, products.constant[:E]
    both = cka.of_products(gram.Products(G[:E, :E], products.D[:E], products.R[:E], constant))
    matrices = {"cka": both.biased, "cka_debiased": both.debiased}
    nothing = np.full((E, E), np.nan)
    for choice in chosen:
        if choice.name in matrices:
            continue
        if choice.function is not None:
            matrices[choice.name] = own.similarities(choice, source, constant, budget)
            continue
        if choice.name == "cka_deconfounded":
            found = cka.without_inputs(G) if with_inputs else nothing
        elif choice.name == "knn":
            found = nearest.shared(taken.in_order(taken.neighbours)) if taken.neighbours else nothing
        elif choice.name == "rsa":
            found = nothing if ranked is None else cka.normalised(ranked)
        elif choice.name == "subspace":
            found = cka.normalised(subspace.overlaps(taken.in_order(taken.bases)))
        else:
            found = procrustes.similarities(source, budget)
        matrices[choice.name] = cka.blank(found, constant)
    return Measured(matrices, constant, taken.gaps, dict(_reasons(chosen, matrices, constant, n, with_inputs)))


def _reasons(
    chosen: Sequence[ChosenMeasure], matrices: dict[str, Array], constant: Array, n: int, with_inputs: bool
) -> Iterator[tuple[str, tuple[Array, str]]]:
    """Why each measure that some representation lacks is undefined, and which these are."""
    by_name = {choice.name: choice for choice in chosen}
    for name, found in matrices.items():
        lacking = np.isnan(np.diagonal(found)) & ~constant
        if not lacking.any():
            continue
        if name == "cka_debiased":
            why = "rounding decides what debiasing leaves"
        elif name == "cka_deconfounded":
            why = "the inputs explain all of it" if with_inputs else "there are no inputs to compare with"
        elif name == "knn":
            why = f"{n} examples have fewer than {by_name[name].neighbours} neighbours"
        elif name == "rsa":
            why = "all distances are equal"
        elif name == "subspace":
            why = f"there is no gap below component {by_name[name].components}"
        else:
            why = "its function gives no value"
        yield name, (lacking, why)


def of_batches(found: cka.Similarities) -> Measured:
    """Both CKAs averaged over batches of examples, which no other measure can be."""
    matrices = {"cka": found.biased, "cka_debiased": found.debiased}
    reasons = dict(_reasons([], matrices, found.constant, 0, with_inputs=False))
    return Measured(matrices, found.constant, np.full(len(found.constant), np.nan), reasons)
