"""Inputs as pictures, for figures and the explorer."""

from __future__ import annotations

import numpy as np

from ..types import Array

ASPECT = 4  # a signal is drawn about as high as a quarter of its length


def pictures(inputs: Array) -> Array:
    """Pictures of inputs: (n, height, width, 1) grey, or 3 for colour.

    Images with other numbers of channels are their mean. The last dimension of other inputs runs from left to right,
    the others from top to bottom, so that a signal is a strip of bars for each channel.

    Args:
        inputs: (n, *shape), of any scale.
    """
    n, *shape = inputs.shape
    if len(shape) == 3:
        shown = inputs if shape[0] in (1, 3) else inputs.mean(axis=1, keepdims=True)
        channels_last: Array = shown.transpose(0, 2, 3, 1)
        return channels_last
    rows = inputs.reshape(n, -1, shape[-1])
    each = max(1, round(shape[-1] / ASPECT / rows.shape[1]))
    return np.repeat(rows, each, axis=1)[..., None]


def in_own_range(inputs: Array) -> Array:
    """Inputs (n, *shape), each scaled to [0, 1]; zeros where all of its numbers are the same."""
    over = tuple(range(1, inputs.ndim))
    low, high = inputs.min(axis=over, keepdims=True), inputs.max(axis=over, keepdims=True)
    scaled: Array = (inputs - low) / np.where(high > low, high - low, 1)
    return scaled
