"""Latent generalization: do hidden layers still read the true labels better than the network does?

While wrong labels are memorized, linear probes on hidden layers can predict the true labels of unseen examples better
than the network's own output (Ketha & Ramaswamy 2026, arXiv 2603.19865). From the accuracy of the probes and the
history of a run to one number for each layer: the mean over log epochs, from onset of memorization to sustained perfect
fit, of the probes' accuracy on the true labels of the split ``similarity`` minus the network's test accuracy.

The mean is over log epochs, by trapezoids, so that the schedule of checkpoints does not decide it (our choice). Test
accuracy at a checkpoint is interpolated on log epochs.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from ..types import Array


def latent_generalization(
    accuracy: pd.DataFrame, history: Mapping[str, Array], onset: float | None, fitted: float | None
) -> float | None:
    """How much better a layer's probes read true labels than the network does, while it memorizes wrong ones.

    Args:
        accuracy: of one layer's probes: epoch, split, true_accuracy.
        history: the columns epoch and test_accuracy.
        onset: the epoch at which memorization begins; None without wrong labels, or if it does not.
        fitted: the epoch of sustained perfect fit.

    Returns:
        A difference of fractions; None if there is no checkpoint from onset to fit, or test accuracy is not known.
    """
    there = (history["epoch"] > 0) & np.isfinite(history["test_accuracy"])
    if not onset or not fitted or not there.any():
        return None
    of_split = accuracy[accuracy["split"] == "similarity"].sort_values("epoch")
    within = of_split[of_split["epoch"].between(onset, fitted)]
    if within.empty:
        return None
    epochs = history["epoch"]
    at = np.log10(within["epoch"].to_numpy(dtype=float))
    network = np.interp(at, np.log10(epochs[there]), history["test_accuracy"][there])
    ahead = within["true_accuracy"].to_numpy(dtype=float) - network
    if len(ahead) == 1:
        return float(ahead[0])
    return float(((ahead[1:] + ahead[:-1]) / 2 * np.diff(at)).sum() / (at[-1] - at[0]))
