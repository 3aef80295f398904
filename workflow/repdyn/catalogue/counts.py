"""What the numbers of rows of a study's tables follow from."""

from __future__ import annotations

from typing import Protocol


class Counts(Protocol):
    """How many there are of each part of a study, counted when it is asked for."""

    @property
    def checkpoints(self) -> int:
        """Checkpoints of a run."""

    @property
    def evaluations(self) -> int:
        """Epochs at which a run is measured while it trains, initialisation included."""

    @property
    def train(self) -> int:
        """Training examples."""

    @property
    def test(self) -> int:
        """Test examples."""

    @property
    def compared(self) -> int:
        """Examples whose activations CKA compares."""

    @property
    def probed(self) -> int:
        """Examples that probes are trained on."""

    @property
    def planes(self) -> int:
        """Planes of a set on which regions are compared."""

    @property
    def pictures(self) -> int:
        """Planes of a set that are drawn."""

    @property
    def pairs_of_seeds(self) -> int:
        """Ordered pairs of runs of an architecture that have the same seed."""
