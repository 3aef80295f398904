"""A job: one stage of one run, or of the whole study, with what it needs to find its files and sign them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..catalogue import stages
from ..catalogue.paths import Paths
from ..catalogue.stages import STAGES
from ..storage.origin import Origin, Record
from ..user_code import digests, locate
from . import counts, provenance

if TYPE_CHECKING:
    from ..config.study import Run, Study


@dataclass(frozen=True)
class Job:
    """What ``main(job)`` of every stage's module gets.

    Attributes:
        stage: the stage's name on the command line.
        study: the validated config.
        paths: where the study's files lie.
        grid_run: the run, None for stages of the whole study.
    """

    stage: str
    study: Study
    paths: Paths
    grid_run: Run | None = None

    @property
    def run(self) -> Run:
        """The run of a stage that has one."""
        assert self.grid_run is not None, f"stage {self.stage} belongs to no run"
        return self.grid_run

    @property
    def data_root(self) -> Path:
        """Where data sets lie."""
        return Path(self.study.execution.data_root)

    def made_with(self, stage: str) -> dict[str, Any]:
        """The hyperparameters that this study wants a stage's files, of the same run, to be made with."""
        return self.study.hyperparameters(stage, self.grid_run)

    def path(self, record: Record, run: Run | None = None, step: int | None = None) -> str:
        """Where a file lies: of this job's run unless another is named, at a step if it is a checkpoint."""
        of_run = [(run or self.run).path] if record.of_run else []
        return record.path(self.paths, *of_run, *([] if step is None else [step]))

    def origin(self, record: Record, run: Run | None = None, step: int | None = None) -> Origin:
        """What a file must say about itself to be the one that this study wants; arguments as for :meth:`path`."""
        of_run = (run or self.run) if record.of_run else None
        settings = self.study.hyperparameters(record.settings or record.stage, of_run)
        return Origin(
            record, of_run, settings, step, None if record.rows is None else record.rows(counts.of_study(self.study))
        )

    def place(self, record: Record, run: Run | None = None, step: int | None = None) -> tuple[str, Origin]:
        """Path and origin of a file that is to be read."""
        return self.path(record, run, step), self.origin(record, run, step)

    def metadata(self, record: Record) -> dict[str, Any]:
        """What a file that this job writes says about itself."""
        assert record.stage == self.stage, f"stage {self.stage} does not write {record.name}"
        run = self.grid_run if record.of_run else None
        versions, folders = provenance.versions(stages.module_of(self.stage)), locate.taken()
        for path in import_paths(self.study, self.stage, run):
            versions |= digests.versions(path, folders)
        fingerprints = fingerprint(self.study, self.stage, run, folders)
        if record.settings is not None:
            fingerprints["hyperparameters"] = self.made_with(record.settings)
        origin = {"table": record.name, "stage": self.stage, "run": None if run is None else asdict(run)}
        return origin | fingerprints | {"versions": versions}


def import_paths(study: Study, stage: str, run: Run | None) -> list[str]:
    """Import paths of the user's code that a stage of a run computes with: its model, in training its optimizer."""
    if run is None:
        return []
    named = {"model": study.archs[run.arch].model, "optimizer": study.optimizers[run.optimizer].opt}
    return [named[part] for part in STAGES[stage].user_code if ":" in named[part]]


def fingerprint(study: Study, stage: str, run: Run | None, folders: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the rerun of a stage is decided by, besides its inputs: hyperparameters and the meaning of its code.

    Keys are sorted, because Snakemake compares how params print: settings in another order are the same settings.

    Args:
        study: the config.
        stage: the stage's name on the command line.
        run: the run, None for stages of the whole study.
        folders: where the user's own code lies, besides the working directory.
    """
    code = provenance.code_digest(stages.module_of(stage))
    own = [digests.digest(path, folders) for path in import_paths(study, stage, run)]
    settings = json.loads(json.dumps(study.hyperparameters(stage, run), sort_keys=True))
    return {"hyperparameters": settings, "code": "-".join([code, *own])}
