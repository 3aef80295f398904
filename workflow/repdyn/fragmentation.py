"""Fragmentation of decision regions: into how many connected pieces a plane falls (Somepalli et al. 2022).

Of each class present on a plane, the 8-connected components of its grid points are counted; their sum over classes is
the plane's fragmentation. Time: one pass of ``scipy.ndimage.label`` over all planes for each class; memory: two
integers for each point.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

Array = np.ndarray[Any, np.dtype[Any]]

# Points are neighbours within a plane, in eight directions, and never from one plane to the next.
_NEIGHBOURS = np.zeros((3, 3, 3), dtype=bool)
_NEIGHBOURS[1] = True


def fragments(labels: Array) -> tuple[Array, Array]:
    """Pieces and classes of each plane.

    Args:
        labels: (P, R, R), a class for each grid point of P planes.

    Returns:
        Numbers of connected components and of classes present, (P,) int64 each.
    """
    pieces = np.zeros(len(labels), dtype=np.int64)
    present = np.zeros(len(labels), dtype=np.int64)
    for label in np.unique(labels):
        components, _ = ndimage.label(labels == label, structure=_NEIGHBOURS)
        # Components are numbered in the order in which they are met, plane after plane.
        last = np.maximum.accumulate(components.reshape(len(labels), -1).max(axis=1))
        in_plane = np.diff(last, prepend=0)
        pieces += in_plane
        present += in_plane > 0
    return pieces, present
