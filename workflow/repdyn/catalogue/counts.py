"""What the numbers of rows of a study's tables follow from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Counts:
    """How many there are of each.

    Attributes:
        checkpoints: of a run.
        evaluations: epochs at which a run is measured while it trains, initialisation included.
        train, test: examples.
        compared: examples whose activations CKA compares.
        probed: examples that probes are trained on.
        planes: of a set, on which regions are compared.
        pictures: planes of a set that are drawn.
        runs_of_arch: runs that each architecture has.
    """

    checkpoints: int
    evaluations: int
    train: int
    test: int
    compared: int
    probed: int
    planes: int
    pictures: int
    runs_of_arch: int
