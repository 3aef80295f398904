"""Wrong labels: which training examples get one, and which.

Which examples are mislabelled is drawn from ``data.seed`` and so is the same for every run of a study, exactly the
configured fraction of them, rounded. Two kinds, of which neither ever gives the true class:

- ``symmetric``: one of the other classes, all equally likely, drawn from ``data.seed`` and the run's seed, so that
  seeds are replicates (chosen) while planes through mislabelled images are shared by all runs.
- ``pairs``: the one class that belongs to the true one, the next by default, the last one's being the first ("pair
  flipping", Han et al. 2018), or as ``label_noise_pairs`` says, such as truck to automobile on CIFAR-10 (Patrini et al.
  2017). Classes that it does not name keep their labels, and the fraction is one of the examples of those it names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import RepdynError

if TYPE_CHECKING:
    from ..config.sections import Data as Settings

Array = np.ndarray[Any, np.dtype[Any]]


def check(settings: Settings, classes: int) -> None:
    """Refuse pairs of classes that a data set does not have.

    Raises:
        RepdynError: naming the first of them.
    """
    for pair in (settings.label_noise_pairs or {}).items():
        if max(pair) >= classes:
            raise RepdynError(
                f"`data.label_noise_pairs` makes class {pair[0]} into {pair[1]}, but the classes of "
                f"`{settings.dataset}` are 0 to {classes - 1}."
            )


def mislabelled(labels: Array, settings: Settings) -> Array:
    """(n,) bool: which of the training examples, whose (n,) true classes are given, get a wrong label."""
    wrong = np.zeros(len(labels), dtype=bool)
    order = np.random.default_rng([settings.seed, 1]).permutation(len(labels))
    if settings.label_noise_pairs is not None:
        order = order[np.isin(labels[order], list(settings.label_noise_pairs))]
    wrong[order[: round(settings.label_noise * len(order))]] = True
    return wrong


def given_labels(labels: Array, wrong: Array, classes: int, settings: Settings, seed: int) -> Array:
    """(n,) int64: the classes that are trained on.

    Args:
        labels: (n,), the true ones.
        wrong: (n,) bool, who gets a wrong one.
        classes: how many there are.
        settings: the ``data`` section of the config.
        seed: the run's.
    """
    if settings.label_noise_kind == "pairs":
        partner = (np.arange(classes) + 1) % classes
        for true, other in (settings.label_noise_pairs or {}).items():
            partner[true] = other
        other_class = partner[labels]
    else:
        shift = np.random.default_rng([settings.seed, 2, seed]).integers(1, classes, size=len(labels))
        other_class = (labels + shift) % classes
    given: Array = np.where(wrong, other_class, labels)
    return given
