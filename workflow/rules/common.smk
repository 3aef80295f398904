# What the rules share: the study, its paths, and what a stage's rerun is decided by.

import re
import shlex
import sys
from pathlib import Path

# The library beside this file, whatever else is installed or stands on Python's path.
BESIDE = Path(str(workflow.current_basedir))
sys.path.insert(0, str(BESIDE.parent))

import repdyn

if Path(repdyn.__file__).resolve().parents[1] != BESIDE.resolve().parent:
    sys.exit(
        f"The rules in `{BESIDE}` run the library that lies beside `{BESIDE}`, but this Snakemake has imported that in "
        f"`{Path(repdyn.__file__).parent}` before; use the rules of one checkout at a time."
    )

from repdyn.catalogue import stages
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.stages import STAGES
from repdyn.config import config_file
from repdyn.errors import RepdynError
from repdyn.explorer import page
from repdyn.figures import catalogue
from repdyn.pipeline import jobs, snapshot
from repdyn.training import checkpoint_schedule

# Where results lie. Another workflow that uses this one as a module can put a prefix before it; Snakemake adds that to
# the paths of rules, but not to what their commands say.
RESULTS = str(workflow.modifier.modify_path("results"))

SOURCE = snapshot.ConfigSource(
    files=tuple(map(Path, workflow.configfiles)),
    options=bool(workflow.config_settings.config),
    used_as=workflow.modifier.namespace,
)

try:
    # Snakemake has read it, but keeps the last of two keys of one name and says nothing. A config that another workflow
    # hands to this one as a module is that workflow's to read.
    if workflow.is_main_process and workflow.modifier.namespace is None:
        for file in workflow.configfiles:
            config_file.read(Path(file))
    STUDY, COPY = snapshot.hand_down(
        config,
        SOURCE,
        first=workflow.is_main_process,
        results=RESULTS,
    )
except RepdynError as error:
    sys.exit(str(error))

HERE = shlex.join(
    [
        *("--study", COPY, "--results", RESULTS),
        *(word for folder in SOURCE.folders for word in ("--code", folder)),
    ]
)
ENVIRONMENT = "../../envs/environment.yaml"
PATHS = Paths(f"results/{STUDY.name}")
RUN = "arch={arch}/optimizer={optimizer}/seed={seed}"
RUNS = [run.path for run in STUDY.runs]
STEPS = checkpoint_schedule.steps_of(STUDY)


def here(wildcards, output):
    """Where a command finds the study and its files; a function of the output, which Snakemake lets decide no rerun."""
    return HERE


def gpus(stage):
    """How many GPUs a job of a stage takes."""
    return int(STAGES[stage].uses_gpu and STUDY.execution.device != "cpu")


def made_with(stage):
    """What the rerun of a stage is decided by, as one value: Snakemake compares params as a set of values."""

    def of_run(wildcards):
        if "seed" not in wildcards.keys():
            return jobs.fingerprint(STUDY, stage, None)
        run = STUDY.run(wildcards.arch, wildcards.optimizer, int(wildcards.seed))
        return jobs.fingerprint(STUDY, stage, run, SOURCE.folders)

    return of_run
