"""What is known of the user's own data once they are read: ``data.facts`` of a study that runs.

A dataclass and no section of the config, because nobody writes it: it is filled in when a study is loaded to run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["images", "numbers", "tokens"]  # as in ``types``, which imports NumPy


@dataclass(frozen=True)
class Facts:
    """What is known of the user's own data."""

    shape: tuple[int, ...]
    """The shape of one input."""
    kind: Kind
    """What inputs are."""
    dtype: Literal["uint8", "int16", "int32", "int64", "float32"]
    """How they are stored."""
    classes: int | None
    """The number of classes; None where there are none."""
    vocabulary: int | None
    """Tokens are below it; None for other kinds."""
    train: int
    """The number of training examples."""
    test: int | None
    """The number of test examples; None where the study divides the data."""
    given_labels: bool
    """Whether some labels that are trained on are wrong."""
    contents: str
    """A digest of all arrays, so that other numbers make another study."""
