"""Cosine and distance of the same weights at every pair of checkpoints.

A control for similarity of representations: weights that stand still leave the representation of the same input alone,
while weights can move far, along symmetries of the network, without changing what any layer represents.

Sums are float64. Distances are taken of differences to the first checkpoint, so that a small move is not lost in the
length of the weights. Time: E² P. Memory: 8 bytes for each of E × ``BLOCK`` numbers, besides the weights themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from ..types import Array

BLOCK = 2**18  # weights that are converted to float64 at a time


@dataclass(frozen=True)
class Moves:
    """The weights of a layer at E checkpoints.

    Attributes:
        parameters: their number.
        norm: (E,), Euclidean.
        cosine: (E, E); NaN where all weights are zero.
        distance: (E, E), Euclidean.
    """

    parameters: int
    norm: Array
    cosine: Array
    distance: Array


def moves(tensors: Iterable[Array]) -> Moves:
    """Compare the weights of a layer.

    Args:
        tensors: one array for each parameter, (E, size), real.
    """
    inner: Array | None = None
    apart: Array | None = None
    parameters = 0
    for W in tensors:
        parameters += W.shape[1]
        for start in range(0, W.shape[1], BLOCK):
            block = W[:, start : start + BLOCK].astype(np.float64)
            moved = block - block[0]
            inner = block @ block.T + (0 if inner is None else inner)
            apart = moved @ moved.T + (0 if apart is None else apart)
    assert inner is not None and apart is not None, "a layer without parameters has no weights to compare"
    norm = np.sqrt(np.diagonal(inner))
    lengths = np.where(norm > 0, norm, np.nan)
    cosine = np.clip(inner / np.outer(lengths, lengths), -1, 1)
    np.fill_diagonal(cosine, np.where(norm > 0, 1.0, np.nan))
    squares = np.diagonal(apart)
    distance = np.sqrt(np.maximum(squares[:, None] + squares - 2 * apart, 0))
    np.fill_diagonal(distance, 0)
    return Moves(parameters, norm, cosine, distance)
