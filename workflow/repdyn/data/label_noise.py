"""Wrong labels: which training examples are mislabelled, and as what.

The mislabelled examples are drawn from ``data.seed`` and the run's seed, so they are the same for the runs of a seed;
with ``drawn_by: study`` for every run. An intervention may draw them anew in the course of a run, from streams of their
own, so that some of the same examples are wrong again by chance. Exactly the configured fraction, rounded, is
mislabelled. There are two kinds of noise, and neither ever gives the true class:

- ``symmetric``: one of the other classes, all equally likely, drawn from ``data.seed`` and the run's seed, so that
  seeds are replicates (chosen).
- ``pairs``: a class fixed by the true one. By default it is the next class, and the first for the last ("pair
  flipping", Han et al. 2018); ``label_noise_pairs`` sets others, such as truck to automobile on CIFAR-10 (Patrini et
  al. 2017). Classes that it does not name keep their labels, and the fraction is that of the examples of named classes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ..errors import RepdynError
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import Data as Settings


def check(settings: Settings, classes: int) -> None:
    """Refuse pairs of classes that a data set does not have.

    Raises:
        RepdynError: naming the first such pair.
    """
    for pair in (settings.label_noise_pairs or {}).items():
        if max(pair) >= classes:
            raise RepdynError(
                f"`data.label_noise_pairs` makes class {pair[0]} into {pair[1]}, but the classes of "
                f"`{settings.dataset}` are 0 to {classes - 1}."
            )


def mislabelled(labels: Array, settings: Settings, seed: int, redrawn: int = 0) -> Array:
    """Draw the mislabelled training examples: (n,) bool.

    Args:
        labels: (n,), the true classes.
        settings: the ``data`` section of the config.
        seed: the run's.
        redrawn: how many times they were drawn anew since the run began.
    """
    wrong = np.zeros(len(labels), dtype=bool)
    of_seed = [seed] if settings.drawn_by == "seed" else []
    stream = [6, redrawn] if redrawn else [1]
    order = np.random.default_rng([settings.seed, *stream, *of_seed]).permutation(len(labels))
    if settings.label_noise_pairs is not None:
        order = order[np.isin(labels[order], list(settings.label_noise_pairs))]
    wrong[order[: round(settings.label_noise * len(order))]] = True
    return wrong


def given_labels(labels: Array, wrong: Array, classes: int, settings: Settings, seed: int, redrawn: int = 0) -> Array:
    """The labels to train on, (n,) int64.

    Args:
        labels: (n,), the true classes.
        wrong: (n,) bool, which examples are mislabelled.
        classes: the number of classes.
        settings: the ``data`` section of the config.
        seed: the run's.
        redrawn: as for :func:`mislabelled`.
    """
    if settings.label_noise_kind == "pairs":
        partner = (np.arange(classes) + 1) % classes
        for true, other in (settings.label_noise_pairs or {}).items():
            partner[true] = other
        other_class = partner[labels]
    else:
        stream = [7, redrawn] if redrawn else [2]
        shift = np.random.default_rng([settings.seed, *stream, seed]).integers(1, classes, size=len(labels))
        other_class = (labels + shift) % classes
    given: Array = np.where(wrong, other_class, labels)
    return given
