"""CKA of each layer with itself at every pair of checkpoints.

From activations X_e of shape (n examples, p features) at E checkpoints to two (E, E) matrices for each layer: linear
CKA (Kornblith et al. 2019, eq. 4) and its debiased form, with the unbiased HSIC of Song et al. 2012 in all three
places (Nguyen et al. 2021, eq. 3).

Each X_e is read and centred once, its Gram matrix K_e = X_e X_eᵀ formed once, in float32; then G[i, j] = ⟨K_i, K_j⟩ for
all pairs in one symmetric product, accumulated in float64. Biased CKA is G normalised by its diagonal. The debiased one
needs no second Gram: with D the (E, n) diagonals of the K_e and t their traces,

    U = G − n / (n − 2) · D Dᵀ + t tᵀ / ((n − 1)(n − 2))

normalised by its diagonal; it may leave [0, 1] and is reported as it is. A representation that is the same for all
examples has no CKA: null, on the diagonal too.

Time: E · n² p for the Grams and E² n² / 2 for the pairs. Memory: the Grams of as many checkpoints as fit into the
budget, plus one representation; the Grams of the others are formed again for each such block.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from . import tables
from .errors import RepdynError
from .progress import LOG, track
from .representations import Representations

if TYPE_CHECKING:
    from .jobs import Job

Array = np.ndarray[Any, np.dtype[Any]]
Read = Callable[[int], Array]

CKA = tables.schema(
    layer=(pa.string(), "layer"),
    depth=(pa.int64(), "observed layers from the input"),
    step_a=(pa.int64(), "optimizer steps"),
    step_b=(pa.int64(), "optimizer steps"),
    epoch_a=(pa.float64(), "epochs"),
    epoch_b=(pa.float64(), "epochs"),
    cka=(pa.float64(), "similarity, 0 to 1; null for a constant representation"),
    cka_debiased=(pa.float64(), "similarity, may leave 0 to 1; null for a constant representation"),
)

# Of ‖X centred‖² / ‖X‖²: rounding leaves about 1e-14 of a constant in float32, a spread of 0.1 % of the mean is 1e-6.
CONSTANT = 1e-12
CHUNK = 2**17  # entries of each Gram that are raised to float64 at a time


def centred(X: Array) -> Array | None:
    """X with its columns centred and scaled to Frobenius norm 1, in float32; None if X is constant over examples.

    Scaling comes first of all, and by a power of two, so that neither tiny nor huge features leave float32.

    Args:
        X: (n, p), float16, float32 or float64.
    """
    largest = float(np.abs(X).max(initial=0.0))
    if largest == 0.0:
        return None
    scaled = np.ldexp(X.astype(np.float64 if X.dtype == np.float64 else np.float32), -int(np.frexp(largest)[1]))
    total = _squares(scaled)
    # Twice, because the mean itself is rounded: what rounding leaves of a large mean goes the second time.
    for _ in range(2):
        scaled -= scaled.mean(axis=0, dtype=np.float64).astype(scaled.dtype)
    spread = _squares(scaled)
    if spread <= CONSTANT * total:
        return None
    scaled *= scaled.dtype.type(1 / np.sqrt(spread))
    return scaled.astype(np.float32, copy=False)


def _squares(X: Array) -> float:
    """‖X‖², summed in float64 over rows summed in X's own precision."""
    return float(np.einsum("ij,ij->i", X, X).sum(dtype=np.float64))


def gram(X: Array) -> Array:
    """K = X Xᵀ: (n, n), float32. NumPy sees the symmetry and computes one triangle."""
    K: Array = X @ X.T
    return K


def _inner(A: Array, B: Array) -> Array:
    """⟨A_i, B_j⟩ of stacked Grams (a, n²) and (b, n²): (a, b), float64."""
    products = np.zeros((len(A), len(B)))
    for start in range(0, A.shape[1], CHUNK):
        part = A[:, start : start + CHUNK].astype(np.float64)
        other = part if B is A else B[:, start : start + CHUNK].astype(np.float64)
        products += part @ other.T
    return products


def similarities(read: Read, E: int, n: int, budget: float) -> tuple[Array, Array]:
    """Both CKAs of all pairs of E representations of the same n examples.

    Args:
        read: gives representation e, (n, p_e); called more than once for each e if the Grams do not all fit.
        E: how many representations.
        n: how many examples, at least 4.
        budget: bytes for Grams.

    Returns:
        Biased and debiased CKA, (E, E), float64, symmetric; NaN where a representation is constant.

    Raises:
        RepdynError: if n < 4, or a representation has another number of examples.
    """
    if n < 4:
        raise RepdynError(f"debiased CKA needs at least 4 examples, and there are {n}.")
    block = max(1, min(E, int(budget // (4 * n * n)) - 1))
    G, D = np.full((E, E), np.nan), np.full((E, n), np.nan)
    for start in range(0, E, block):
        stop = min(start + block, E)
        stack = np.zeros((stop - start, n * n), dtype=np.float32)
        for e, K in _grams(read, range(start, stop), n):
            if K is not None:
                stack[e - start], D[e] = K.ravel(), np.diagonal(K)
        G[start:stop, start:stop] = _inner(stack, stack)
        for e, K in _grams(read, range(stop, E), n):
            if K is not None:
                G[start:stop, e] = G[e, start:stop] = _inner(stack, K.reshape(1, -1))[:, 0]
    constant = np.isnan(D[:, 0])
    G[constant] = G[:, constant] = np.nan
    t = D.sum(axis=1)
    U = G - n / (n - 2) * (D @ D.T) + np.outer(t, t) / ((n - 1) * (n - 2))
    return _normalised(G), _normalised(U)


def _normalised(products: Array) -> Array:
    """Inner products divided by norms: exactly symmetric, exactly 1 on the diagonal."""
    norms = np.sqrt(np.diagonal(products))
    cosines: Array = products / np.outer(norms, norms)
    cosines = (cosines + cosines.T) / 2
    defined = ~np.isnan(norms)
    np.fill_diagonal(cosines, np.where(defined, 1.0, np.nan))
    return cosines


def _grams(read: Read, indices: Sequence[int], n: int) -> Iterator[tuple[int, Array | None]]:
    """Gram matrices one after the other; the next representation is read while this one is worked on."""
    with ThreadPoolExecutor(max_workers=1) as reader:
        waiting: Future[Array] | None = reader.submit(read, indices[0]) if indices else None
        for position, e in enumerate(indices):
            assert waiting is not None
            X = waiting.result()
            waiting = reader.submit(read, indices[position + 1]) if position + 1 < len(indices) else None
            if len(X) != n:
                raise RepdynError(
                    f"representation {e} has {len(X)} examples, the first has {n}; they must be the same."
                )
            Xc = centred(X)
            yield e, None if Xc is None else gram(Xc)


def columns(layer: str, depth: int, steps: Array, epochs: Array, biased: Array, debiased: Array) -> dict[str, Any]:
    """Both (E, E) matrices of a layer as rows, one for each ordered pair of checkpoints."""
    E = len(steps)
    return {
        "layer": [layer] * E**2,
        "depth": np.full(E**2, depth),
        "step_a": np.repeat(steps, E),
        "step_b": np.tile(steps, E),
        "epoch_a": np.repeat(epochs, E),
        "epoch_b": np.tile(epochs, E),
        "cka": pa.array(biased.ravel(), from_pandas=True),
        "cka_debiased": pa.array(debiased.ravel(), from_pandas=True),
    }


def main(job: Job) -> None:
    """Write the CKA table of a run, one row group for each layer."""
    run = job.run.path
    table = Representations(job.paths.activations(run), job.made_with("activations"))
    n, E = len(table.examples("similarity")["example"]), len(table.steps)
    budget = job.study.execution.memory_gib * 2**30
    with tables.writer(job.paths.cka(run), CKA, job.metadata()) as append:
        for depth, layer in enumerate(track(table.layers, len(table.layers), "layer")):

            def read(e: int, layer: str = layer) -> Array:
                return table.read(layer, int(table.steps[e]), "similarity")

            left = budget - 16 * n * table.features(layer)
            biased, debiased = similarities(read, E, n, left)
            append(columns(layer, depth, table.steps, table.epochs, biased, debiased))
            constant = table.steps[np.isnan(np.diagonal(biased))]
            if len(constant):
                LOG.warning("%s is the same for all examples at step %s: no CKA", layer, ", ".join(map(str, constant)))
    LOG.info("%d layers at %d checkpoints, %d examples", len(table.layers), E, n)
