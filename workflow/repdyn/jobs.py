"""A job: one stage of one run, or of the whole study, with what it needs to find its files and sign them."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import finding, provenance, user_code
from .paths import Paths

if TYPE_CHECKING:
    from .study import Run, Study

# The module that implements a stage, where its name is not the stage's.
MODULES = {"train": "training", "explorer": "explorer.build"}
# What a stage of a run makes of the user's own code, where a study names some.
USER_CODE = {"train": ("model", "optimizer"), "activations": ("model",), "regions": ("model",)}


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

    def metadata(self) -> dict[str, Any]:
        """What the files of this job carry about themselves."""
        run = None if self.grid_run is None else asdict(self.grid_run)
        versions, folders = provenance.versions(MODULES.get(self.stage, self.stage)), finding.taken()
        for path in import_paths(self.study, self.stage, self.grid_run):
            versions |= user_code.versions(path, folders)
        fingerprints = fingerprint(self.study, self.stage, self.grid_run, folders)
        return {"stage": self.stage, "run": run} | fingerprints | {"versions": versions}


def import_paths(study: Study, stage: str, run: Run | None) -> list[str]:
    """Import paths of the user's code that a stage of a run computes with: its model, in training its optimizer."""
    if run is None:
        return []
    named = {"model": study.archs[run.arch].model, "optimizer": study.optimizers[run.optimizer].opt}
    return [named[part] for part in USER_CODE.get(stage, ()) if ":" in named[part]]


def fingerprint(study: Study, stage: str, run: Run | None, folders: tuple[str, ...] = ()) -> dict[str, Any]:
    """What the rerun of a stage is decided by, besides its inputs: hyperparameters and the meaning of its code.

    Keys are sorted, because Snakemake compares how params print: settings in another order are the same settings.

    Args:
        study: the config.
        stage: the stage's name on the command line.
        run: the run, None for stages of the whole study.
        folders: where the user's own code lies, besides the working directory.
    """
    code = provenance.code_digest(MODULES.get(stage, stage))
    own = [user_code.digest(path, folders) for path in import_paths(study, stage, run)]
    settings = json.loads(json.dumps(study.hyperparameters(stage, run), sort_keys=True))
    return {"hyperparameters": settings, "code": "-".join([code, *own])}
