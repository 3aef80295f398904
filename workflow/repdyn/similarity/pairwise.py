"""Values of all pairs of representations, of which only some fit into memory at once.

As many as fit are held, and the rest pass by, one at a time; then the next ones are held. So representation e is loaded
once for each group before its own, and once with it: E (1 + E / held) / 2 times in all, once each if all fit.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import combinations_with_replacement
from typing import Any

import numpy as np

from ..types import Array

CHUNK = 2**13  # float32 products that are summed before the sum is added to a float64


def all_pairs(E: int, held: int, load: Callable[[int], Any], compare: Callable[[Any, Any], float]) -> Array:
    """The value of each two of E representations: (E, E), float64, symmetric.

    Args:
        E: how many representations.
        held: how many may be in memory, beside one more that passes by; at least 1.
        load: from the number of a representation to what is compared.
        compare: of two of these, called once for i ≤ j.
    """
    found = np.empty((E, E))
    for first in range(0, E, held):
        own = range(first, min(E, first + held))
        group = {e: load(e) for e in own}
        for i, j in combinations_with_replacement(group, 2):
            found[i, j] = found[j, i] = compare(group[i], group[j])
        for e in range(first + held, E):
            passing = load(e)
            for i in own:  # no name stays for one of them, which would keep it alive beside the next group
                found[i, e] = found[e, i] = compare(group[i], passing)
            del passing  # before the next is loaded
        del group
    return found


def dot(x: Array, y: Array) -> float:
    """The inner product of two arrays of the same shape; float32 is summed in float64, a chunk at a time."""
    x, y = x.reshape(-1), y.reshape(-1)
    return sum(float(x[c : c + CHUNK] @ y[c : c + CHUNK]) for c in range(0, len(x), CHUNK))
