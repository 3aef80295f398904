# What the rules share: the study, its paths, and what a stage's rerun is decided by.

import os
import re
import shlex
import sys
from pathlib import Path

from repdyn import jobs, schedule, snapshot
from repdyn.errors import RepdynError
from repdyn.paths import Paths

# Jobs run the library that the rules were read with, in the Python that runs Snakemake unless an environment is
# activated for them, and read the study as it was when Snakemake started, however config.yaml is edited meanwhile.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
LIBRARY = shlex.quote(str(Path(snapshot.__file__).parents[1]))
REPDYN = f"PYTHONPATH={LIBRARY} python -m repdyn"
ENVIRONMENT = f"{workflow.basedir}/envs/environment.yaml"

try:
    if workflow.is_main_process or snapshot.VARIABLE not in os.environ:
        STUDY, STUDY_FILE = snapshot.take(config)
        os.environ[snapshot.VARIABLE] = STUDY_FILE
    else:
        STUDY, STUDY_FILE = snapshot.recall()
except RepdynError as error:
    sys.exit(str(error))

PATHS = Paths(f"results/{STUDY.name}")
RUN = "arch={arch}/optimizer={optimizer}/seed={seed}"
RUNS = [run.path for run in STUDY.runs]
STEPS = schedule.steps_of(STUDY)
GPU = 0 if STUDY.execution.device == "cpu" else 1


def made_with(stage):
    """What the rerun of a stage is decided by, as one value: Snakemake compares params as a set of values."""

    def of_run(wildcards):
        run = STUDY.run(wildcards.arch, wildcards.optimizer, int(wildcards.seed)) if "seed" in wildcards.keys() else None
        return jobs.fingerprint(STUDY, stage, run)

    return of_run
