"""Grids of points on planes through images."""

import numpy as np

from repdyn.regions import planes


def square(resolution, count=1):
    """The square [-1, 1]² of the image plane itself."""
    axis = np.tile(np.linspace(-1, 1, resolution), (count, 1))
    a, b = (np.tile(np.array(v, dtype=np.float32), (count, 1)) for v in ([1, 0], [0, 1]))
    return planes.PlaneSet("test", np.arange(count), np.zeros((count, 2), dtype=np.float32), a, b, axis, axis)
