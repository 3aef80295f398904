"""What is known of the user's own data once they are read: ``data.facts`` of a study that runs.

A dataclass and no section of the config, because nobody writes it: it is filled in when a study is loaded to run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["images", "numbers", "tokens"]  # as in ``types``, which imports NumPy


@dataclass(frozen=True)
class Facts:
    """What is known of the user's own data.

    Attributes:
        shape: of one input.
        kind: what inputs are.
        dtype: how they are stored.
        classes: their number; None where there are none.
        vocabulary: tokens are below it; None for other kinds.
        train, test: numbers of examples; None for the latter where the study divides the data.
        given_labels: whether some labels that are trained on are wrong.
        contents: a digest of all arrays, so that other numbers make another study.
    """

    shape: tuple[int, ...]
    kind: Kind
    dtype: Literal["uint8", "int16", "int32", "int64", "float32"]
    classes: int | None
    vocabulary: int | None
    train: int
    test: int | None
    given_labels: bool
    contents: str
