"""A job: a stage of a run, of a seed, or of the whole study, which finds its files and signs those that it writes."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalogue import stages
from ..catalogue.paths import Paths
from ..catalogue.stages import STAGES
from ..config.runs import Replicate, Run
from ..storage.origin import Origin, Record
from ..user_code import digests, locate
from . import provenance
from .counts import StudyCounts

if TYPE_CHECKING:
    from ..config.sections import Data
    from ..config.study import Study


@dataclass(frozen=True)
class Job:
    """The argument of ``main(job)`` in every stage's module.

    Attributes:
        stage: the stage's name on the command line.
        study: the validated config.
        paths: where the study's files lie.
        grid_run: the run, or the seed of a stage of what its runs share; None for stages of the whole study.
    """

    stage: str
    study: Study
    paths: Paths
    grid_run: Run | Replicate | None = None

    @property
    def run(self) -> Run:
        """The run of a stage that has one."""
        assert isinstance(self.grid_run, Run), f"stage {self.stage} belongs to no run"
        return self.grid_run

    @property
    def replicate(self) -> Replicate:
        """The seed of a stage that has one, of a run or of what runs share."""
        assert self.grid_run is not None, f"stage {self.stage} belongs to no seed"
        return self.grid_run.replicate

    @property
    def data(self) -> Data:
        """The data of this job's run or seed."""
        return self.study.data_of(self.replicate)

    @property
    def data_root(self) -> Path:
        """Where data sets lie."""
        return Path(self.study.execution.data_root)

    def made_with(self, stage: str) -> dict[str, Any]:
        """The hyperparameters that a stage's files, of the same run, must be made with in this study."""
        return self.study.hyperparameters(stage, self.grid_run)

    def _owner(self, record: Record, run: Run | Replicate | None = None) -> Run | Replicate | None:
        """The run or seed that a file is of: this job's unless another is given; None for a file of the study."""
        if record.scope == "run":
            return run or self.run
        if record.scope == "seed":
            return self.replicate if run is None else run.replicate
        return None

    def _made_by(self, record: Record, run: Run | Replicate | None) -> Record:
        """A file as the run's source makes it: what training writes is of stage `record` for runs from elsewhere."""
        is_recorded = isinstance(run, Run) and self.study.recorded(run.optimizer) is not None
        return replace(record, stage="record") if is_recorded and record.stage == "train" else record

    def path(self, record: Record, run: Run | Replicate | None = None, step: int | None = None) -> str:
        """The path of a file: of this job's run or seed unless another is given; a checkpoint needs a step."""
        owner = self._owner(record, run)
        return record.path(self.paths, *([] if owner is None else [owner.path]), *([] if step is None else [step]))

    def origin(self, record: Record, run: Run | Replicate | None = None, step: int | None = None) -> Origin:
        """The origin that this study expects of a file; arguments as for :meth:`path`."""
        of_run = self._owner(record, run)
        counts = StudyCounts(self.study, of_run)
        settings = self.study.hyperparameters(record.settings or record.stage, of_run)
        rows = None if record.rows is None else record.rows(counts)
        return Origin(self._made_by(record, of_run), of_run, settings, step, rows)

    def place(self, record: Record, run: Run | Replicate | None = None, step: int | None = None) -> tuple[str, Origin]:
        """Path and expected origin of a file to read."""
        return self.path(record, run, step), self.origin(record, run, step)

    def metadata(self, record: Record) -> dict[str, Any]:
        """The metadata of a file that this job writes."""
        run = self._owner(record)
        assert self._made_by(record, run).stage == self.stage, f"stage {self.stage} does not write {record.name}"
        versions, folders = provenance.versions(stages.module_of(self.stage)), locate.taken()
        for path in import_paths(self.study, self.stage, run):
            versions |= digests.versions(path, folders)
        fingerprints = fingerprint(self.study, self.stage, run, folders)
        if record.settings is not None:
            fingerprints["hyperparameters"] = self.made_with(record.settings)
        origin = {"table": record.name, "stage": self.stage, "run": None if run is None else run.facts}
        return origin | fingerprints | {"versions": versions}


def import_paths(study: Study, stage: str, run: Run | Replicate | None) -> list[str]:
    """Import paths of the user's code that a stage uses: model and optimizer of a run, and measures."""
    named: list[str] = []
    for part in STAGES[stage].user_code:
        if part == "measures":
            named += [measure.function for measure in study.chosen_measures if measure.function is not None]
        elif isinstance(run, Run) and part == "model":
            arch = study.archs[run.arch]
            named += [arch.model, *([] if arch.logits is None else [arch.logits])]
        elif isinstance(run, Run) and study.recorded(run.optimizer) is None:
            named.append(study.optimizer(run).opt)
    return [name for name in named if ":" in name]


def fingerprint(study: Study, stage: str, run: Run | Replicate | None, folders: tuple[str, ...] = ()) -> dict[str, Any]:
    """What decides a stage's rerun, besides its inputs: hyperparameters and the meaning of its code.

    Keys are sorted, because Snakemake compares params as printed, and order makes no difference to settings.

    Args:
        study: the config.
        stage: the stage's name on the command line.
        run: the run or seed, None for stages of the whole study.
        folders: the folders of the user's code, besides the working directory.
    """
    code = provenance.code_digest(stages.module_of(stage))
    own = [digests.digest(path, folders) for path in import_paths(study, stage, run)]
    settings = json.loads(json.dumps(study.hyperparameters(stage, run), sort_keys=True))
    return {"hyperparameters": settings, "code": "-".join([code, *own])}
