"""Check what a user's data set gives, and turn it into arrays that can be stored.

A part, training or test, is a mapping of arrays, a pair of inputs and labels, or a torch ``Dataset`` of such pairs:

- ``inputs``: (n, …), of any shape. Numbers of three dimensions are images (channels × height × width), so are integers
  of two, grey ones; integers of one dimension are tokens; all others are numbers. ``data.kind`` says otherwise.
- ``labels``: (n,) integers from 0 are classes. Anything else, such as floats or several labels an example, is a target:
  it is kept, but nothing that needs classes is measured. They may be left out.
- ``given_labels``: the classes to train on, where they are not all true.
- ``ids``: (n,) distinct integers that name the examples; by default their positions.

Floats are stored as float32, integers in the smallest type that holds them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RepdynError, one_line
from ..types import Array, Kind

if TYPE_CHECKING:
    from ..config.sections import Columns

MOST_CLASSES = 65_536
WHITEST = 65_535  # the largest integer of an image
# Torch can gather all of these.
_INTEGERS = (np.uint8, np.int16, np.int32, np.int64)
ARRAYS = ("inputs", "labels", "given_labels", "ids")
# Names under which files have them.
USUAL = {
    "inputs": ("inputs", "x", "X", "images", "image", "img", "input_ids", "tokens", "data", "features"),
    "labels": ("labels", "label", "y", "Y", "targets", "target"),
    "given_labels": ("given_labels", "noisy_labels", "noisy_label"),
    "ids": ("ids", "id", "index"),
}


@dataclass(frozen=True)
class Part:
    """The arrays of a part.

    Attributes:
        inputs: (n, *shape), float32 or integers.
        labels: (n,) int64 classes, (n, …) targets of any type, or None.
        given_labels: (n,) int64, the classes to train on; None where these are the labels.
        ids: (n,) int64; None where they are positions.
    """

    inputs: Array
    labels: Array | None
    given_labels: Array | None
    ids: Array | None

    @property
    def has_classes(self) -> bool:
        """Whether each example has one class."""
        return self.labels is not None and self.labels.ndim == 1 and self.labels.dtype.kind == "i"

    def arrays(self) -> dict[str, Array]:
        """Its arrays by name, in order."""
        named = {name: getattr(self, name) for name in ARRAYS}
        return {name: array for name, array in named.items() if array is not None}


def columns_of(held: Mapping[str, Any], columns: Columns | None = None) -> dict[str, Any] | None:
    """What is inputs, labels and so on among things by name; None if none of them are inputs.

    Args:
        held: name -> anything.
        columns: the names, where the config gives them; the usual ones otherwise.
    """
    found = {}
    for key, usual in USUAL.items():
        wanted = getattr(columns, key) if columns is not None else None
        name = next((name for name in ([wanted] if wanted is not None else usual) if name in held), None)
        if name is not None:
            found[key] = held[name]
    return found if "inputs" in found else None


def part(given: Any, kind: Kind | None, name: str) -> tuple[Part, Kind]:
    """Check one part, and say which kind of inputs it has.

    Args:
        given: what the data set gives for it.
        kind: from ``data.kind``; None to go by type and shape.
        name: of the part, for messages: ``train`` or ``test``.

    Raises:
        RepdynError: naming the array, and what would be right.
    """
    arrays = {key: _array(value, f"`{key}` of `{name}`") for key, value in _named(given, name).items()}
    inputs, kind = _inputs(arrays["inputs"], kind, f"`inputs` of `{name}`")
    n = len(inputs)
    for key, array in arrays.items():
        if array.ndim < 1 or len(array) != n:
            many = "one value" if array.ndim < 1 else f"{len(array):,} rows"
            raise RepdynError(f"`{key}` of `{name}` has {many}, but `inputs` has {n:,}; there must be one an example.")
    labels = _labels(arrays["labels"], f"`labels` of `{name}`") if "labels" in arrays else None
    found = Part(inputs, labels, None, None)
    given_labels = None
    if "given_labels" in arrays:
        given_labels = _labels(arrays["given_labels"], f"`given_labels` of `{name}`")
        if not found.has_classes or given_labels.shape != (n,) or given_labels.dtype.kind != "i":
            raise RepdynError(
                f"`given_labels` of `{name}` are the classes to train on where `labels` are the true ones; both must "
                "be integers, one an example."
            )
    ids = _ids(arrays["ids"], f"`ids` of `{name}`") if "ids" in arrays else None
    return Part(inputs, labels, given_labels, ids), kind


def typed(part: Part, dtype: str) -> Part:
    """A part whose inputs are stored as another type."""
    return replace(part, inputs=part.inputs.astype(dtype, copy=False))


def said_of_labels(part: Part) -> str:
    """What the labels of a part are, in words."""
    if part.labels is None:
        return "left out"
    return "classes" if part.has_classes else f"targets of the shape {part.labels.shape[1:]}"


def _named(given: Any, name: str) -> Mapping[str, Any]:
    """A part as a mapping of arrays."""
    if isinstance(given, Mapping):
        unknown = [str(key) for key in given if key not in ARRAYS]
        if unknown or "inputs" not in given:
            wrong = f"has `{unknown[0]}`" if unknown else "has no `inputs`"
            raise RepdynError(
                f"The part `{name}` {wrong}; its arrays are {', '.join(ARRAYS)}, and only `inputs` must be."
            )
        return {key: value for key, value in given.items() if value is not None}
    if isinstance(given, tuple | list) and len(given) == 2:
        return dict(zip(ARRAYS, given, strict=False))
    if hasattr(given, "__getitem__") and hasattr(given, "__len__") and not isinstance(given, np.ndarray | str | bytes):
        return _of_dataset(given, name)
    raise RepdynError(
        f"The part `{name}` is a {type(given).__name__}, but must be a mapping of arrays with `inputs` and `labels`, a "
        "pair of these, or a torch Dataset."
    )


def _of_dataset(given: Any, name: str) -> Mapping[str, Any]:
    """The arrays of a torch Dataset, one example after the other."""
    found: dict[str, list[Any]] = {}
    for i in range(len(given)):
        try:
            item = given[i]
        except Exception as error:  # whatever the user's code raises
            words = f"{type(error).__name__}: {one_line(error)}"
            raise RepdynError(f"Example {i} of the part `{name}` cannot be read: {words}.") from None
        if isinstance(item, tuple | list) and len(item) == 2:
            item = dict(zip(ARRAYS, item, strict=False))
        item = columns_of(item) if isinstance(item, Mapping) else None
        if item is None:
            raise RepdynError(
                f"Example {i} of the part `{name}` is a {type(given[i]).__name__}, but must be a pair of input and "
                "label, or a mapping with `inputs`."
            )
        for key, given_value in item.items():
            value = given_value.convert("RGB") if getattr(given_value, "mode", None) == "P" else given_value
            array = _array(value, f"`{key}` of example {i} of `{name}`")
            is_picture = type(value).__module__.startswith("PIL.") and array.ndim == 3
            found.setdefault(key, []).append(array.transpose(2, 0, 1) if is_picture else array)
    if not found:
        raise RepdynError(f"The part `{name}` has no examples.")
    return found


def _array(value: Any, what: str) -> Array:
    """Anything like an array: NumPy's, torch's, a list of numbers or of arrays."""
    if hasattr(value, "detach"):  # a tensor, on any device
        value = value.detach().cpu()
        value = (value.float() if str(value.dtype) == "torch.bfloat16" else value).numpy()
    try:
        array = np.asarray(value)
    except ValueError:
        raise RepdynError(f"{what} have different shapes, but all examples must have one; crop or pad them.") from None
    if array.dtype.kind == "O":
        raise RepdynError(f"{what} cannot become an array of numbers; examples may differ in shape, or be missing.")
    if array.dtype.kind == "b":
        array = array.astype(np.uint8)
    if array.dtype.kind not in "iuf":
        kind = "text" if array.dtype.kind in "US" else f"of type {array.dtype}"
        raise RepdynError(f"{what} are {kind}, but must be numbers; number them from 0.")
    if array.dtype.kind == "u" and array.size and int(array.max()) > np.iinfo(np.int64).max:
        raise RepdynError(f"{what} have the integer {int(array.max())}, but must be less than 2⁶³; give floats.")
    return array


def _inputs(array: Array, kind: Kind | None, what: str) -> tuple[Array, Kind]:
    """Inputs as they are stored, and their kind."""
    if array.ndim < 2 or not array.size:
        raise RepdynError(
            f"{what} have the shape {array.shape}, but must be (examples, …) with at least one number for each."
        )
    is_whole = array.dtype.kind in "iu"
    kind = kind or _kind(array.ndim - 1, is_whole)
    if kind == "images":
        array = _images(array, what)
    if not is_whole:
        if kind == "tokens":
            raise RepdynError(f"{what} are {array.dtype}, but tokens are integers; `data.kind` says what inputs are.")
        with np.errstate(over="ignore"):
            array = array.astype(np.float32, copy=False)
        for example, numbers in enumerate(array):
            if not np.isfinite(numbers).all():
                raise RepdynError(f"{what} are NaN or infinite in float32 for example {example:,}.")
        return array, kind
    low, high = int(array.min()), int(array.max())
    if kind == "numbers":
        return array.astype(np.float32), kind
    if low < 0:
        raise RepdynError(f"{what} are {kind} with the integer {low}, but must be 0 or greater; give floats otherwise.")
    if kind == "images" and high > WHITEST:
        raise RepdynError(f"{what} are images with the integer {high}, but at most {WHITEST} is white; give floats.")
    return array.astype(smallest(high), copy=False), kind


def _kind(dimensions: int, is_whole: bool) -> Kind:
    """What inputs of so many dimensions look like, integers or floats."""
    if dimensions == 3 or (is_whole and dimensions == 2):
        return "images"
    return "tokens" if is_whole and dimensions == 1 else "numbers"


def smallest(high: int) -> np.dtype[Any]:
    """The smallest type for integers from 0 to ``high``."""
    return np.dtype(next(kind for kind in _INTEGERS if high <= np.iinfo(kind).max))


def _images(array: Array, what: str) -> Array:
    """Images with channels first; grey ones without channels get one."""
    if array.ndim == 3:
        array = array[:, None]
    if array.ndim != 4:
        raise RepdynError(f"{what} have the shape {array.shape}, but images are examples × channels × height × width.")
    _, channels, height, width = array.shape
    if width <= 4 < min(channels, height):
        raise RepdynError(
            f"{what} have the shape {array.shape}, channels last, but images are examples × channels × height × width; "
            "use `.transpose(0, 3, 1, 2)`, or say `data.kind: numbers`."
        )
    return array


def _labels(array: Array, what: str) -> Array:
    """Classes as int64; targets as they are."""
    if array.ndim == 2 and array.shape[1] == 1 and array.dtype.kind in "iu":
        array = array[:, 0]
    if array.dtype.kind == "f":
        if not np.isfinite(array).all():
            raise RepdynError(
                f"{what} are NaN or infinite for example {int(np.argwhere(~np.isfinite(array))[0][0]):,}."
            )
        return array.astype(np.float32)
    array = array.astype(np.int64)
    if array.ndim == 1 and not 0 <= array.min() <= array.max() < MOST_CLASSES:
        wrong = int(np.argmax((array < 0) | (array >= MOST_CLASSES)))
        raise RepdynError(
            f"{what} are {int(array[wrong])} for example {wrong:,}, but classes are integers from 0 to at most "
            f"{MOST_CLASSES - 1}; give targets of a regression as floats."
        )
    return array


def _ids(array: Array, what: str) -> Array:
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise RepdynError(f"{what} must be integers, one an example.")
    array = array.astype(np.int64)
    values, counts = np.unique(array, return_counts=True)
    if (counts > 1).any():
        raise RepdynError(
            f"{what} name several examples {int(values[counts > 1][0])}; each must have an id of its own."
        )
    return array
