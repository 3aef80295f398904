"""Does memorization change layers? A run with wrong labels against the same run without them.

Change from before memorization to after perfect fit holds whatever training does at these epochs anyway. What wrong
labels add is told by the run's twin, which has the same initialisation, order, images and seed, and no wrong label. So

    value = change of the run − change of its twin, mean over the layers of the body,

where change is 1 − similarity of two checkpoints: the last one before the onset of memorization and the first one at or
after the sustained perfect fit, *of the run with wrong labels*, and the same two epochs of the twin. It is a difference
in differences, because change is itself a difference between two epochs. Seeds are replicates, by sign flips, which are
exact if the two runs of a seed could be exchanged.

*What the claim says.* Labels are what was changed, and nothing else was. So a value above 0 means: because of the wrong
labels, layers move further between these two epochs than they would have.

*What it does not say.*

- Not by what path. A run with wrong labels fits later; its loss and so its gradients stay large for longer. If it goes
  through the same path as its twin, but later, it moves further at these epochs as well, and that is found: it is an
  effect of the wrong labels on *when* layers change. Whether there is more, the twin's windows at other shifts tell
  (``differences``, ``twins.py``): if the value is above 0 at every one, being late does not explain it. That test is
  exploratory.
- Not that memorization alone does it. Wrong labels may make weights jitter more at all epochs, and that is change, too.
- Not quite that it is the labels. Epochs are chosen by the run's events, and not by the twin's. A run that memorizes
  where it happens to be fast, at a time of its own, is seen at its fastest, and its twin is not.

Similarity between checkpoints is interpolated, in log epochs, where the twin has none at an epoch.

Found in simulated studies of six / eight seeds (``tests/benchmarks/calibration.py --factors``; ``docs/factors.md`` has
the table): .01 / .02 if run and twin follow the same law, .07 / .13 if runs memorize just where they are fastest, .54
/ .91 if they are 1.5 times as fast while they memorize, and 1.00 if they are only later. At every shift: .00, .04, .08
/ .06, and .01; twice as fast, .62 / .84.

Time: negligible.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ..types import Array
from . import twins
from .trajectory import weights
from .twins import Against

Layers = Mapping[str, tuple[Array, Array]]  # layer -> similarity (E, E) and epochs (E,), ascending


def counterfactual(
    run: Layers, twin: Layers, onset: float | None, fit: float | None, fit_of_twin: float | None
) -> Against:
    """Hold the change of a run while it memorizes against that of its twin.

    Args:
        run: the layers of its body.
        twin: the same layers of the same run without wrong labels; layers that only one of them has are left out.
        onset: the epoch at which memorization begins in the run; None if it does not.
        fit: the epoch of its sustained perfect fit; None without one.
        fit_of_twin: that of the twin; only the shifted windows need it.

    Returns:
        Mean changes over layers; ``value`` decides the claim.
    """
    if not onset:
        return Against.nothing("no onset of memorization")
    if not fit:
        return Against.nothing("no sustained perfect fit")
    layers = [layer for layer in run if layer in twin]
    if not layers:
        return Against.nothing("run and twin have no layer in common")
    own, others = [], []
    for layer in layers:
        S, epochs = run[layer]
        before, after = np.flatnonzero((epochs > 0) & (epochs < onset)), np.flatnonzero(epochs >= fit)
        if not len(before):
            return Against.nothing("no checkpoint between initialisation and onset of memorization")
        if not len(after):
            return Against.nothing("no checkpoint after sustained perfect fit")
        a, b = before[-1], after[0]
        own.append(1 - S[a, b])
        windows = twins.windows(epochs[a], epochs[b], fit, fit_of_twin or fit)
        others.append([change(*twin[layer], *window) for window in windows])
    means = [None if None in column else float(np.mean(column)) for column in zip(*others, strict=True)]
    if not fit_of_twin:
        means[1:] = [None] * (len(means) - 1)
    reason = "the twin's checkpoints do not span these epochs" if means[0] is None else None
    return Against(float(np.mean(own)), tuple(means), reason)


def change(S: Array, epochs: Array, start: float, end: float) -> float | None:
    """1 − similarity between two moments, interpolated in log epochs; None where one lies outside the checkpoints.

    Args:
        S: (E, E).
        epochs: (E,) ascending; initialisation has no place on the axis and is passed over.
        start: in decades of epochs.
        end: in decades of epochs, later.
    """
    trained = epochs > 0
    if not trained.any():
        return None
    position = np.log10(epochs[trained])
    tolerance = 1e-9  # of rounding
    if start < position[0] - tolerance or end > position[-1] + tolerance:
        return None
    first, last = weights(np.array([start, end]), position)
    return float(1 - first @ S[np.ix_(trained, trained)] @ last)
