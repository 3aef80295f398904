"""Counts from which the number of rows of each table follows."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Counts:
    """Counts of a study.

    Attributes:
        checkpoints: of a run.
        evaluations: evaluated epochs of a run, initialisation included.
        train, test: examples.
        compared: examples whose activations CKA compares.
        probed: training examples of probes.
        planes: planes of a set on which regions are compared.
        pictures: planes of a set that are drawn.
        runs_of_arch: runs of each architecture.
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
