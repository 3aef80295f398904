"""Gram matrices of many representations of the same examples, and the inner products of all pairs of them.

Turns E representations X_e of shape (n examples, p_e features) into the quantities that CKA needs. With
K_e = X_e X_eᵀ of centred features, these are G[i, j] = ⟨K_i, K_j⟩ and the diagonals D[e] = diag K_e (Kornblith et al.
2019; METHODS lists the numerical pitfalls). Features are centred before any product, Grams are float32, and G is
accumulated in float64. R[e] are the sums of the rows of K_e, which rounding leaves other than 0.

Each K_e is symmetric, so only its upper triangle is used. If the Grams do not fit the budget, they are computed in
bands: rows r0 to r1 of all representations at a time. No entry is computed twice, but each band reads and centres the
features again. If the features do not fit, they come in slices, and K_e is the sum over slices.

Time: E n² p for the Grams, E² n² / 2 for the pairs; E² n p² on the feature side, which is used where it is less.
Memory: ``budget`` bytes, at most half of them for features, plus about 25 MiB, whatever E, n and p are (as long as one
row of each Gram and one feature of all examples fit).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import nearest, pairwise, rsa, subspace
from .distances import CONSTANT

LEFT_OF_MEAN = 1e-12  # fraction of ‖X centred‖² that the means may keep; it enters CKA to second order
SAFE_EXPONENT = 40  # sums of squares of 2**±40 stay well within float32
CHUNK = 2**14  # entries of each Gram that are converted to float64 at a time: E of them stay in the cache
CHUNKS = 2**21  # entries of all Grams together that are converted to float64 at a time, 16 MiB
FLOATS = 12  # bytes for each feature of each example: one part read ahead, one in use, one being converted


class RepresentationSource(Protocol):
    """E representations of the same n examples.

    Attributes:
        examples: n.
        features: p_e of each representation.
    """

    examples: int
    features: Sequence[int]

    def read(self, e: int, start: int, stop: int) -> Array:
        """Features ``start`` to ``stop`` of representation e: (n, stop − start), any float."""
        ...

    def name(self, e: int) -> str:
        """Name of representation e for messages."""
        ...


class Backend(Protocol):
    """Does the arithmetic: :class:`Numpy` on the CPU, ``gram_torch.Torch`` on a GPU."""

    def centred(self, X: Array, exponent: int) -> tuple[Any, float, float]:
        """Float32 of (X − mean) · 2**−exponent, and the squared norms of X · 2**−exponent before and after."""
        ...

    def zeros(self, *shape: int) -> Any:
        """A float32 array of zeros."""
        ...

    def stack(self, *shape: int) -> Any:
        """A float32 array, uninitialised; release it before asking for another."""
        ...

    def gram(self, X: Any, start: int, out: Any) -> None:
        """Rows of X Xᵀ, from row and column ``start`` on, into ``out`` of shape (rows, n − start)."""
        ...

    def inner(self, S: Any) -> Array:
        """⟨K_i, K_j⟩ of the full rows, from their upper triangles S (E, rows, n − start): (E, E)."""
        ...

    def diagonals(self, S: Any) -> Array:
        """Diagonals of S (E, rows, n − start): (E, rows), float64."""
        ...

    def sums(self, S: Any) -> Array:
        """What S (E, rows, n − start) and the columns below it add to the sums of rows: (E, n − start), float64."""
        ...

    def array(self, S: Any) -> Array:
        """S as a NumPy array."""
        ...

    def entries(self, K: Any, rows: Array, columns: Array) -> Array:
        """Some entries of a whole Gram, each by its row and column: float64."""
        ...

    def write(self, K: Any, values: Array) -> None:
        """Replace a whole Gram by other values (n, n)."""
        ...

    def candidates(self, K: Any, k: int, slack: float) -> nearest.Candidates | None:
        """Who may be the nearest neighbours of each example, from a whole float32 Gram; see ``nearest.candidates``."""
        ...

    def rank(self, K: Any) -> None:
        """Replace a whole Gram by the ranks of distances; see ``rsa.ranks``."""
        ...

    def components(self, K: Any, r: int) -> tuple[Array, float]:
        """A basis of the first r principal components, and the gap below; see ``subspace.components``."""
        ...

    def components_of_features(self, X: Any, r: int) -> tuple[Array, float]:
        """The same from centred features; see ``subspace.of_features``."""
        ...

    def dot(self, K: Any, L: Any) -> float:
        """⟨K, L⟩ of two arrays, with sums in float64."""
        ...


@dataclass(frozen=True)
class Products:
    """Inner products for CKA of E representations of n examples; zero for constant ones.

    Attributes:
        G: (E, E), ⟨K_i, K_j⟩, float64.
        D: (E, n), diagonals of the K_e, float64.
        R: (E, n), sums of the rows of the K_e, float64: 0 but for rounding.
        constant: (E,), whether a representation is the same for all examples.
    """

    G: Array
    D: Array
    R: Array
    constant: Array


class Numpy:
    """Arithmetic on the CPU. NumPy computes X Xᵀ with a symmetric routine, in half the time of torch.

    Use one object for all layers: it keeps the memory for the Grams, which can take as long to allocate as to fill.
    Features and Grams are float32, or float64 if asked for (``precision.py``).
    """

    def __init__(self, dtype: type[np.floating[Any]] = np.float32) -> None:
        self.dtype = dtype
        self._memory = np.empty(0, dtype=dtype)

    def centred(self, X: Array, exponent: int) -> tuple[Array, float, float]:
        """See :class:`Backend`."""
        return centred(X, exponent, self.dtype)

    def zeros(self, *shape: int) -> Array:
        """See :class:`Backend`."""
        return np.zeros(shape, dtype=self.dtype)

    def stack(self, *shape: int) -> Array:
        """See :class:`Backend`."""
        size = math.prod(shape)
        if size > len(self._memory):
            self._memory = np.empty(0, dtype=self.dtype)  # freed before more is taken
            self._memory = np.empty(size, dtype=self.dtype)
        return self._memory[:size].reshape(shape)

    def gram(self, X: Array, start: int, out: Array) -> None:
        """See :class:`Backend`."""
        rows = len(out)
        band, rest = X[start : start + rows], X[start + rows :]
        np.matmul(band, band.T, out=out[:, :rows])
        np.matmul(band, rest.T, out=out[:, rows:])

    def inner(self, S: Array) -> Array:
        """See :class:`Backend`."""
        E, rows, width = S.shape
        G, step = np.zeros((E, E)), rows_at_a_time(E, width)
        for r in range(0, rows, step):
            G += doubled(S[:, r : r + step, r:].astype(np.float64))
        return G

    def diagonals(self, S: Array) -> Array:
        """See :class:`Backend`."""
        return np.diagonal(S, axis1=1, axis2=2).astype(np.float64)

    def sums(self, S: Array) -> Array:
        """See :class:`Backend`."""
        E, rows, width = S.shape
        found, ones, step = np.zeros((E, width)), np.ones(width), rows_at_a_time(E, width)
        for r in range(0, rows, step):
            upper = S[:, r : r + step, r:].astype(np.float64)
            height = upper.shape[1]
            found[:, r : r + height] += upper @ ones[r:]
            found[:, r + height :] += ones[:height] @ upper[:, :, height:]
        return found

    def array(self, S: Array) -> Array:
        """See :class:`Backend`."""
        return S

    def entries(self, K: Array, rows: Array, columns: Array) -> Array:
        """See :class:`Backend`."""
        return K[rows, columns].astype(np.float64)

    def write(self, K: Array, values: Array) -> None:
        """See :class:`Backend`."""
        K[:] = values

    def candidates(self, K: Array, k: int, slack: float) -> nearest.Candidates | None:
        """See :class:`Backend`."""
        return nearest.candidates(K, k, slack)

    def rank(self, K: Array) -> None:
        """See :class:`Backend`."""
        rsa.ranks(K, out=K)

    def components(self, K: Array, r: int) -> tuple[Array, float]:
        """See :class:`Backend`."""
        return subspace.components(K, r)

    def components_of_features(self, X: Array, r: int) -> tuple[Array, float]:
        """See :class:`Backend`."""
        return subspace.of_features(X, r)

    def dot(self, K: Array, L: Array) -> float:
        """See :class:`Backend`."""
        return pairwise.dot(K, L)


def rows_at_a_time(E: int, width: int, chunk: int = CHUNK, chunks: int = CHUNKS) -> int:
    """How many rows of E Grams to convert to float64 at a time: at most ``chunk`` entries each, ``chunks`` in all."""
    return max(1, min(chunk, chunks // E) // width)


def doubled(upper: Array) -> Array:
    """Inner products (E, E) of the full rows of symmetric matrices, from their upper triangles, (E, h, w)."""
    E, height, _ = upper.shape
    # Count entries twice, except in the small square on the diagonal, which has both triangles already.
    square, flat = upper[:, :, :height].reshape(E, -1), upper.reshape(E, -1)
    found: Array = 2 * (flat @ flat.T) - square @ square.T
    return found


def centred(X: Array, exponent: int = 0, dtype: type[np.floating[Any]] = np.float32) -> tuple[Array, float, float]:
    """X with its columns centred, and ‖X‖² before and after.

    Subtracts the mean up to three times: where means are large, rounding leaves some of it.

    Args:
        X: (n, p), any float; float64 is centred before it is rounded.
        exponent: X is first multiplied by 2**−exponent, which is exact.
        dtype: of the result.
    """
    Xc = X.astype(np.result_type(X.dtype, dtype))
    if exponent:
        np.ldexp(Xc, -exponent, out=Xc)
    flat, weights = Xc.reshape(-1), np.full(len(X), 1 / len(X), dtype=Xc.dtype)
    total = float(np.dot(flat, flat))
    for _ in range(3):
        mean = weights @ Xc
        Xc -= mean
        spread = float(np.dot(flat, flat))
        # The means that are left are rounding errors of the means just subtracted.
        left = weights @ Xc
        if len(X) * float(np.dot(left, left)) <= LEFT_OF_MEAN * spread:
            break
    return Xc.astype(dtype, copy=False), total, spread


def largest(X: Array) -> float:
    """The largest magnitude in X; 1 for float16, whose squares always fit into float32."""
    return 1.0 if X.dtype == np.float16 else max(float(X.max(initial=0)), -float(X.min(initial=0)))


def feature_side_pays(features: Sequence[int], n: int, budget: float) -> bool:
    """Whether ‖X_iᵀ X_j‖² for all pairs is less work than Grams, and all features fit the budget at once.

    The feature side is float64 throughout, at twice the cost of float32. Its few long sums have errors that do not
    average out (1e-6 at p = 3), unlike those of the n² entries of a Gram.
    """
    E, p = len(features), max(features)
    fits = 8 * E * p * (n + 2 * p) + FLOATS * n * p <= budget
    return len(set(features)) == 1 and fits and 2 * E * p**2 < n * (2 * p + E)


def products(
    source: RepresentationSource,
    budget: float,
    backend: Backend | None = None,
    watch: Callable[[Any, int], None] | None = None,
    watch_features: Callable[[Part], None] | None = None,
) -> Products:
    """Inner products of all pairs of Grams, within a budget of memory.

    Args:
        source: the representations; read more than once if their Grams do not fit.
        budget: bytes.
        backend: where to compute; the CPU by default.
        watch: called with each band of Grams, (E, rows, n − start), as the backend has it, and its start; it may
            overwrite them.
        watch_features: called with each part of the features when it is in use, in each band.

    Raises:
        RepdynError: if a representation has another number of examples, or holds NaN.
    """
    backend = backend or Numpy()
    if watch is None and isinstance(backend, Numpy) and feature_side_pays(source.features, source.examples, budget):
        return _feature_side(source, backend)
    E, n = len(source.features), source.examples
    width = slice_width(source, budget)
    left = budget - FLOATS * n * min(width, max(source.features))
    G, D, R = np.zeros((E, E)), np.zeros((E, n)), np.zeros((E, n))
    constant = np.zeros(E, dtype=bool)
    for start, stop in bands(E, n, left):
        S = backend.stack(E, stop - start, n - start)
        norms = np.zeros((E, 2))
        for part in parts(source, width, backend):
            add_gram(backend, part, part.X, start, S[part.e])
            norms[part.e] += part.squares
            if watch_features is not None:
                watch_features(part)
        constant = is_constant(source, norms)
        for e in np.flatnonzero(constant):
            S[e] = 0
        G += backend.inner(S)
        D[:, start:stop] = backend.diagonals(S)
        R[:, start:] += backend.sums(S)
        if watch is not None:
            watch(S, start)
        del S  # the next band takes its place
    return Products(G, D, R, constant)


class One:
    """One of the representations of a source; a :class:`RepresentationSource`."""

    def __init__(self, source: RepresentationSource, e: int) -> None:
        self.source, self.e, self.examples = source, e, source.examples
        self.features: Sequence[int] = [source.features[e]]

    def read(self, e: int, start: int, stop: int) -> Array:
        """See :class:`RepresentationSource`."""
        return self.source.read(self.e + e, start, stop)

    def name(self, e: int) -> str:
        """See :class:`RepresentationSource`."""
        return self.source.name(self.e + e)


def fits(source: RepresentationSource, budget: float) -> bool:
    """Whether :func:`products` makes whole Grams, all in one band."""
    n, width = source.examples, slice_width(source, budget)
    return len(list(bands(len(source.features), n, budget - FLOATS * n * min(width, max(source.features))))) == 1


def whole(
    source: RepresentationSource,
    e: int,
    width: int,
    backend: Backend,
    watch_features: Callable[[Part], None] | None = None,
) -> Any:
    """The Gram of one representation, (n, n), from slices of ``width`` features; zero for a constant one."""
    n, one, norms = source.examples, One(source, e), np.zeros((1, 2))
    K = backend.zeros(n, n)
    for part in parts(one, width, backend):
        add_gram(backend, part, part.X, 0, K)
        norms[0] += part.squares
        if watch_features is not None:
            watch_features(part)
    if is_constant(one, norms)[0]:
        K[:] = 0
    return K


def add_gram(backend: Backend, part: Part, X: Any, start: int, out: Any) -> None:
    """Write rows of X Xᵀ to ``out``, or add them from the second slice of features on; X is examples of a part."""
    if part.start == 0:
        backend.gram(X, start, out)
    else:
        more = backend.zeros(*out.shape)
        backend.gram(X, start, more)
        out += more


def _feature_side(source: RepresentationSource, backend: Numpy) -> Products:
    """Like :func:`products`, from ⟨K_i, K_j⟩ = ‖X_iᵀ X_j‖², for few features."""
    E, n, p = len(source.features), source.examples, source.features[0]
    Z, norms = np.empty((n, E, p)), np.zeros((E, 2))
    for part in parts(source, p, backend):
        Z[:, part.e], norms[part.e] = part.X, part.squares
    constant = is_constant(source, norms)
    Z[:, constant] = 0
    G = np.zeros((E, E))
    for e in range(E):
        C = (Z[:, e].T @ Z[:, e:].reshape(n, -1)).reshape(p, E - e, p)
        G[e, e:] = G[e:, e] = np.einsum("aeb,aeb->e", C, C)
    return Products(G, np.einsum("nep,nep->en", Z, Z), np.einsum("nep,ep->en", Z, Z.sum(axis=0)), constant)


def is_constant(source: RepresentationSource, norms: Array) -> Array:
    """Which representations are constant, from ‖X‖² before and after centring, (E, 2).

    Raises:
        RepdynError: if a norm is not finite.
    """
    for e in np.flatnonzero(~np.isfinite(norms).all(axis=1)):
        raise RepdynError(f"{source.name(int(e))} has activations that are NaN or infinite.")
    constant: Array = norms[:, 1] <= CONSTANT * norms[:, 0]
    return constant


def bands(E: int, n: int, left: float) -> Iterator[tuple[int, int]]:
    """As few bands of rows of the upper triangles as fit, for E Grams and one in use; narrower bands have more rows."""
    start = 0
    while start < n:
        rows = max(1, int(left // (4 * (E + 1) * (n - start))))
        yield start, min(n, start + rows)
        start += rows


def slice_width(source: RepresentationSource, budget: float) -> int:
    """How many features of all examples to hold in memory: all, or as many as take half the budget."""
    return max(1, min(max(source.features), int(budget / 2 // (FLOATS * source.examples))))


@dataclass(frozen=True)
class Part:
    """Centred features from ``start`` on of representation e, (n, width), and their squared norms."""

    e: int
    start: int
    X: Any
    squares: tuple[float, float]


def parts(source: RepresentationSource, width: int, backend: Backend) -> Iterator[Part]:
    """All representations, in slices of features; a thread reads and centres the next while one is in use."""
    exponents: dict[int, int] = {}

    def read(e: int, start: int) -> Array:
        X = source.read(e, start, min(start + width, source.features[e]))
        if len(X) != source.examples:
            raise RepdynError(
                f"{source.name(e)} has {len(X)} examples, the first has {source.examples}; they must be the same."
            )
        return X

    def exponent(e: int, X: Array) -> int:
        if e not in exponents:
            magnitude = largest(X)
            if X.dtype != np.float16:  # slices add up only with one exponent, that of the largest
                for start in range(width, source.features[e], width):
                    magnitude = max(magnitude, largest(read(e, start)))
            power = int(np.frexp(magnitude)[1])
            exponents[e] = power if abs(power) > SAFE_EXPONENT else 0
        return exponents[e]

    def prepare(place: tuple[int, int]) -> Part:
        e, start = place
        X = read(e, start)
        Xc, *squares = backend.centred(X, exponent(e, X))
        return Part(e, start, Xc, (squares[0], squares[1]))

    places = [(e, start) for e, p in enumerate(source.features) for start in range(0, p, width)]
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting = reader.submit(prepare, places[0])
        for following in places[1:]:
            part, waiting = waiting.result(), reader.submit(prepare, following)
            yield part
        yield waiting.result()
