"""The inner layers, over which a run is scored: all but the first (a stem or an embedding) and the network's output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .layer_names import OUTPUT

if TYPE_CHECKING:
    import pandas as pd


def is_inner(layer: str, depth: int) -> bool:
    """Whether a layer is an inner one, by its name and its depth among the observed layers."""
    return depth > 0 and layer != OUTPUT


def rows(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows of inner layers, in any order, of a table with columns ``layer`` and ``depth``."""
    return frame[[is_inner(*of_layer) for of_layer in zip(frame["layer"], frame["depth"], strict=True)]]
