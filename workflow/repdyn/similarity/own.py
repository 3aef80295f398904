"""Measures of one's own: functions that a study names by import path.

``vector`` turns the features of a representation, (n, p) float32, into a vector; similarity is the cosine of two, so a
kernel. An array of more dimensions counts as its entries. ``pairs`` turns the features of two representations into a
similarity. It is called once for each two, the earlier first, and for each with itself; what it gives holds for both
orders. Features come as the table of activations has them, and cannot be written to: not centred, or of a wide layer as
centred principal coordinates of the examples (``representations/coordinates.py``).

Neither is called for a constant representation. The cosine with a vector of zeros is NaN, and a pair for which the
function gives NaN has no similarity.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RepdynError
from ..types import Array
from ..user_code import load as user_code
from . import cka, gram, pairwise

if TYPE_CHECKING:
    from ..config.sections import ChosenMeasure

TOLERANCE = 1e-4  # in tries: what float32 features and sums in another order may change
TRIED = (32, 8)  # examples and features of what ``check`` tries
WIDE = (32, 128)  # and of a wide layer


def similarities(choice: ChosenMeasure, source: gram.RepresentationSource, constant: Array, budget: float) -> Array:
    """A measure of one's own of all pairs: (E, E), float64, NaN where undefined.

    Args:
        choice: the measure, with ``vector`` or ``pairs``.
        source: the representations.
        constant: (E,), which of them are constant.
        budget: bytes for features or vectors; the function's own memory is not counted.

    Raises:
        RepdynError: if the function cannot be imported, fails, or returns something else.
    """
    E = len(source.features)
    varied = np.flatnonzero(~constant)
    found = np.full((E, E), np.nan)
    if len(varied):
        given = _of_vectors if choice.vector is not None else _of_pairs
        found[np.ix_(varied, varied)] = given(choice, source, varied, budget)
    return found


def features(source: gram.RepresentationSource, e: int) -> Array:
    """All features of a representation: (n, p), float32, read-only."""
    X = np.ascontiguousarray(source.read(e, 0, source.features[e]), dtype=np.float32)
    X.flags.writeable = False
    return X


def working(source: gram.RepresentationSource) -> float:
    """Bytes for the features that are read, and those that pass by."""
    return 8.0 * source.examples * max(source.features)


def _of_vectors(choice: ChosenMeasure, source: gram.RepresentationSource, which: Array, budget: float) -> Array:
    function = user_code.load(str(choice.vector))

    def load(place: int) -> Array:
        return vector(choice, function, features(source, int(which[place])))

    first = load(0)
    held = max(1, int((budget - working(source) - first.nbytes) // first.nbytes))

    def compare(x: Array, y: Array) -> float:
        for other in (x, y):
            if len(other) != len(first):
                raise RepdynError(
                    f"`{choice.vector}` returned {len(first)} numbers for one representation and {len(other)} for "
                    f"another; `{choice.name}` needs vectors of one length."
                )
        return pairwise.dot(x, y)

    return cka.normalised(pairwise.all_pairs(len(which), held, load, compare))


def _of_pairs(choice: ChosenMeasure, source: gram.RepresentationSource, which: Array, budget: float) -> Array:
    function = user_code.load(str(choice.pairs))
    held = max(1, int((budget - working(source)) // (4.0 * source.examples * max(source.features))))

    def load(place: int) -> Array:
        return features(source, int(which[place]))

    return pairwise.all_pairs(len(which), held, load, lambda X, Y: pair(choice, function, X, Y))


def vector(choice: ChosenMeasure, function: Callable[..., Any], X: Array) -> Array:
    """What the function makes of features, as one float vector, of norm 1 unless it is 0."""
    found = _called(choice, function, X)
    if found.size == 0 or not np.isfinite(found).all():
        what = "nothing" if found.size == 0 else "NaN or infinite numbers"
        raise RepdynError(
            f"`{choice.vector}` returned {what} for features of shape {X.shape}; `{choice.name}` needs a vector."
        )
    flat: Array = found.reshape(-1) / (np.abs(found).max() or 1)  # so that no square overflows
    return flat


def pair(choice: ChosenMeasure, function: Callable[..., Any], X: Array, Y: Array) -> float:
    """What the function says of two representations."""
    found = _called(choice, function, X, Y)
    if found.size != 1:
        raise RepdynError(
            f"`{choice.pairs}` returned an array of shape {found.shape}; `{choice.name}` needs one number."
        )
    return float(found.reshape(()))


def _called(choice: ChosenMeasure, function: Callable[..., Any], *given: Array) -> Array:
    """What a function returns, as floats of 32 bits or more."""
    path = str(choice.function)
    try:
        returned = np.asarray(function(*given))
    except Exception as error:  # whatever the user's code raises
        raise RepdynError(f"`{path}` failed: {user_code.in_words(error, path)}.") from None
    if returned.dtype.kind not in "biuf":
        raise RepdynError(f"`{path}` returned {returned.dtype}, and `{choice.name}` needs real numbers.")
    return returned.astype(np.result_type(returned.dtype, np.float32), copy=False)


def cosine(x: Array, y: Array) -> float:
    """The cosine of two vectors, NaN if one is 0."""
    norms = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / norms if norms > 0 else float("nan")


def check(choice: ChosenMeasure) -> str | None:
    """Try the function of a measure of one's own on random features.

    Returns:
        What is odd about it and no fault: ``pairs`` may give another number than 1 for a representation with itself.

    Raises:
        RepdynError: if it cannot be imported, fails, returns something else than is asked for, gives NaN, or depends on
            chance, on which of two representations comes first, or on the order of the examples.
    """
    random = np.random.default_rng(0)
    X, Y = random.normal(size=(2, *TRIED)).astype(np.float32)
    order = random.permutation(len(X))
    value = _tried(choice)
    first, again = value(X, Y), value(X, Y)
    faults = {
        "gives NaN for random features": not np.isfinite(first),
        "gives another value when it is called again": first != again and np.isfinite(first),
        "depends on which of two representations is the first": _differ(value(Y, X), first),
        "depends on the order of examples, where both have the same": _differ(value(X[order], Y[order]), first),
    }
    for what, wrong in faults.items():
        if wrong:
            raise RepdynError(f"`{choice.function}` {what}.")
    if _differ(value(X, X), 1):
        return f"`{choice.function}` is not 1 for a representation with itself."
    return None


def check_held(choice: ChosenMeasure, held: Callable[[Array], Array], layer: str) -> None:
    """Try the function on random features of a wide layer, and on what the table of activations holds of them.

    Args:
        choice: the measure.
        held: what the table holds of features, (n, p).
        layer: a layer that it holds so, for the message.

    Raises:
        RepdynError: if the two values differ.
    """
    X, Y = np.random.default_rng(0).normal(size=(2, *WIDE)).astype(np.float32)
    value = _tried(choice)
    whole, of_held = value(X, Y), value(held(X), held(Y))
    if not abs(of_held - whole) <= TOLERANCE * max(1.0, abs(whole)):
        raise RepdynError(
            f"`{choice.function}` gives {whole:.3g} for features and {of_held:.3g} for their principal coordinates, as "
            f"which layer `{layer}` would be stored; store layers unit by unit, `activations.whole: ['*']`, or make it "
            "centre features and leave their basis alone."
        )


def _tried(choice: ChosenMeasure) -> Callable[[Array, Array], float]:
    """The measure of two representations, which it gets as copies that cannot be written to, as in a study."""
    function = user_code.load(str(choice.function))

    def value(X: Array, Y: Array) -> float:
        given = [np.array(Z) for Z in (X, Y)]
        for Z in given:
            Z.flags.writeable = False
        if choice.pairs is not None:
            return pair(choice, function, *given)
        one, other = (vector(choice, function, Z) for Z in given)
        if len(one) != len(other):
            raise RepdynError(f"`{choice.vector}` returned vectors of {len(one)} and {len(other)} numbers.")
        return cosine(one, other)

    return value


def _differ(one: float, other: float) -> bool:
    return np.isfinite(one) and np.isfinite(other) and abs(one - other) > TOLERANCE * max(1.0, abs(other))
