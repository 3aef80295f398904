"""Count the parts of a study that its tables have rows for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..config.runs import Run
from ..data import datasets
from ..training import checkpoint_schedule

if TYPE_CHECKING:
    from ..config.runs import Replicate
    from ..config.sections import Data
    from ..config.study import Study


@dataclass(frozen=True)
class StudyCounts:
    """The ``Counts`` of a study, or of one of its runs or seeds, before anything is computed.

    Each is counted when a table asks for it, so that reading a table depends on no other settings than its own.
    """

    study: Study
    of: Run | Replicate | None = None

    @property
    def run(self) -> Run | None:
        """The run that is counted in, if it is one."""
        return self.of if isinstance(self.of, Run) else None

    @property
    def data(self) -> Data:
        """The data of the run or seed."""
        assert self.of is not None, "a study has several data"
        return self.study.data_of(self.of)

    @property
    def checkpoints(self) -> int:
        """Checkpoints of the run; of a study, those at which its runs are compared, 1 where they differ."""
        if self.run is not None:
            return len(checkpoint_schedule.steps_of(self.study, self.run))
        found = {tuple(checkpoint_schedule.trained_steps(self.study, data)) for data in self.study.data_levels.values()}
        return len(found.pop()) if len(found) == 1 and not self.study.recorded_runs else 1

    @property
    def evaluations(self) -> int:
        """Epochs at which a run is measured while it trains, initialisation included; 1 where others measured it."""
        training = self.study.training
        if self.run is not None and self.study.recorded(self.run.optimizer) is not None:
            return 1
        return len(checkpoint_schedule.evaluated_epochs(training.evaluations_per_decade, training.epochs))

    @property
    def train(self) -> int:
        """Training examples."""
        return datasets.sizes(self.data)[0]

    @property
    def test(self) -> int:
        """Test examples."""
        return datasets.sizes(self.data)[1]

    @property
    def compared(self) -> int:
        """Examples whose activations CKA compares."""
        return self.study.activations.similarity_examples

    @property
    def probed(self) -> int:
        """Examples that probes are trained on."""
        return self.study.activations.probe_examples or self.train

    @property
    def planes(self) -> int:
        """Planes of a set on which regions are compared."""
        return self.study.planes.count

    @property
    def pictures(self) -> int:
        """Planes of a set that are drawn."""
        return self.study.planes.pictures

    @property
    def pairs_of_seeds(self) -> int:
        """Ordered pairs of runs of an architecture that have the same data and seed.

        All pairs that are compared are a multiple, whichever levels of the data have the same images.
        """
        return len(self.study.optimizers) ** 2 * len(self.study.seeds)
