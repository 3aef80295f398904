# What the rules share: the study, its paths, and what a stage's rerun is decided by.

import re
import sys
from pathlib import Path

from repdyn import config_file, jobs, provenance, schedule, snapshot
from repdyn.errors import RepdynError
from repdyn.explorer import page
from repdyn.figures import catalogue
from repdyn.paths import Paths

try:
    # Snakemake has read them, but keeps the last of two keys of one name and says nothing.
    for file in workflow.configfiles if workflow.is_main_process else []:
        config_file.read(Path(file))
    STUDY = snapshot.hand_down(
        config, Path(workflow.configfiles[-1]).parent, first=workflow.is_main_process
    )
except RepdynError as error:
    sys.exit(str(error))

ENVIRONMENT = f"{workflow.basedir}/envs/environment.yaml"
PATHS = Paths(f"results/{STUDY.name}")
RUN = "arch={arch}/optimizer={optimizer}/seed={seed}"
RUNS = [run.path for run in STUDY.runs]
STEPS = schedule.steps_of(STUDY)
GPU = 0 if STUDY.execution.device == "cpu" else 1


def made_with(stage):
    """What the rerun of a stage is decided by, as one value: Snakemake compares params as a set of values."""

    def of_run(wildcards):
        if "seed" not in wildcards.keys():
            return jobs.fingerprint(STUDY, stage, None)
        run = STUDY.run(wildcards.arch, wildcards.optimizer, int(wildcards.seed))
        return jobs.fingerprint(STUDY, stage, run)

    return of_run


def drawn_by(figure):
    """What a figure's redrawing is decided by, besides its tables: the meaning of its own module's code."""
    return {"code": provenance.code_digest(figure.module)}


# Snakemake's default limit of job starts, 100 a second, leaves one timer more behind each time that a job ends, and every
# timer has all inputs of all waiting jobs looked at once a second: after some hundred jobs that fills a core. A limit
# that somebody sets stays.
onstart:
    limiter = workflow.scheduler.job_rate_limiter
    if limiter is not None and (limiter.max_jobs, limiter.timespan) == (100, 1):
        workflow.scheduler.job_rate_limiter = None
