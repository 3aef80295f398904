# What the rules share: the study, its paths, and the values that decide a stage's rerun.

import gc
import inspect
import posixpath
import re
import shlex
import sys
from pathlib import Path

# Use the library beside this file, whatever else is installed or on Python's path.
BESIDE = Path(str(workflow.current_basedir))
sys.path.insert(0, str(BESIDE.parent))

import repdyn

if Path(repdyn.__file__).resolve().parents[1] != BESIDE.resolve().parent:
    sys.exit(
        f"The rules in `{BESIDE}` run the library beside that folder, but this Snakemake has already imported "
        f"`{Path(repdyn.__file__).parent}`; use the rules of one checkout at a time."
    )

from repdyn.catalogue import stages
from repdyn.catalogue.factors import FACTORS
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.stages import STAGES
from repdyn.config import config_file
from repdyn.errors import RepdynError
from repdyn.explorer import page
from repdyn.figures import catalogue
from repdyn.pipeline import jobs, snapshot
from repdyn.recorded import found
from repdyn.report import template
from repdyn.training import checkpoint_schedule
from snakemake.common import overwrite_function_params

# Where results lie. Another workflow that uses this one as a module can set a prefix; Snakemake adds it to the paths of
# rules, but not to their commands.
RESULTS = str(workflow.modifier.modify_path("results"))

SOURCE = snapshot.ConfigSource(
    files=tuple(map(Path, workflow.configfiles)),
    options=bool(workflow.config_settings.config),
    used_as=workflow.modifier.namespace,
)

try:
    # Read it again: Snakemake silently keeps the last of two equal keys. A config that another workflow passes to this
    # one as a module is that workflow's to read.
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
PARTS = (*FACTORS, "seed")  # the wildcards that say of which run a job is
ENVIRONMENT = "../../envs/environment.yaml"
PATHS = Paths(f"results/{STUDY.name}")
# Data are a factor where they have names. Patterns of paths, and what messages call a job.
WITH_DATA = ["data"] if STUDY.named_data else []
SEED = posixpath.join(*(f"{name}={{{name}}}" for name in [*WITH_DATA, "seed"]))
RUN = posixpath.join("arch={arch}", "optimizer={optimizer}", SEED)
OF_SEED = (
    "{wildcards.data} seed {wildcards.seed}" if WITH_DATA else "seed {wildcards.seed}"
)
OF_RUN = f"{{wildcards.arch}} {{wildcards.optimizer}} {OF_SEED}"
RUNS = [run.path for run in STUDY.runs]
SEEDS = [replicate.path for replicate in STUDY.replicates]
TRAINED = STUDY.trained_optimizers
# Level of the data -> the checkpoints of runs that are trained on it.
STEPS = {
    level: checkpoint_schedule.trained_steps(STUDY, data) if TRAINED else []
    for level, data in STUDY.data_levels.items()
}

# Planning keeps nearly everything that it makes. Python's collector would look through it again and again, for a tenth
# of the time on 1,000 runs.
gc.freeze()
gc.set_threshold(50_000, 20, 100)


def inspected(function):
    """Keep a function's parameters beside it, for which Snakemake otherwise inspects it three times a job."""
    overwrite_function_params(function, inspect.signature(function).parameters)
    return function


def named(wildcards):
    """The wildcards that say of which run a job is."""
    return {name: level for name, level in wildcards.items() if name in PARTS}


@inspected
def here(wildcards, output):
    """Options for the study, its files and the run; a function of the output triggers no rerun in Snakemake."""
    of = named(wildcards)
    return " ".join([HERE, *(f"--{name} {level}" for name, level in of.items())])


def run_of(wildcards):
    """The run, or the seed, that a job is of; None for one of the study."""
    of = named(wildcards)
    if "seed" not in of:
        return None
    find = STUDY.run if "arch" in of else STUDY.replicate
    return find(**of | {"seed": int(of["seed"])})


@inspected
def checkpoints_of(wildcards):
    """The checkpoints of a run, trained here or recorded elsewhere."""
    run = run_of(wildcards)
    steps = (
        STEPS[run.data]
        if run.optimizer in TRAINED
        else checkpoint_schedule.steps_of(STUDY, run)
    )
    return [PATHS.checkpoint(run.path, step) for step in steps]


def gpus(stage):
    """The number of GPUs that a job of a stage takes."""
    return int(STAGES[stage].uses_gpu and STUDY.execution.device != "cpu")


def made_with(stage):
    """What decides a stage's rerun, as one value, because Snakemake compares params as a set of values."""

    @inspected
    def of_run(wildcards):
        if stage in STUDY.left_out:
            raise RepdynError(STUDY.left_out[stage])
        return jobs.fingerprint(STUDY, stage, run_of(wildcards), SOURCE.folders)

    return of_run


def measured(scope):
    """The paths of the files that stages of a scope write, except large ones."""
    leaving = stages.by_default(STUDY.left_out).values()
    return [
        path
        for stage in leaving
        if stage.scope == scope
        for path in stage.writes
        if path not in stages.LARGE
    ]


def measured_files(_wildcards):
    """Every file that a stage writes, so that deleted ones are made again, except large ones."""
    return [
        *(path(PATHS, run) for path in measured("run") for run in RUNS),
        *(path(PATHS, seed) for path in measured("seed") for seed in SEEDS),
        *(path(PATHS) for path in measured("study")),
    ]


def where_there(stage, files):
    """Files that a stage writes; none where the study leaves it out."""
    return [] if stage in STUDY.left_out else files


WITHOUT = {scope: catalogue.left_out(STUDY, scope) for scope in ("run", "study")}


def inputs_of(scope, figures):
    """The tables of a figure, which are all runs' for one of the study; says why there is none if it is left out."""

    @inspected
    def of(wildcards):
        if wildcards.figure in WITHOUT[scope] and wildcards.figure not in figures:
            raise RepdynError(WITHOUT[scope][wildcards.figure])
        runs, seeds = (
            (RUNS, SEEDS)
            if scope == "study"
            else ([RUN.format(**wildcards)], [SEED.format(**wildcards)])
        )
        return figures[wildcards.figure].inputs(PATHS, runs, seeds)

    return of


def drawn_with(figures):
    """What decides a figure's redrawing; of a run, its level of the data does, so it is found once for each level."""
    found_for = {}

    @inspected
    def of(wildcards):
        run = run_of(wildcards)
        key = wildcards.figure, None if run is None else run.data
        if key not in found_for:
            found_for[key] = figures[wildcards.figure].made_with(STUDY, run)
        return found_for[key]

    return of


@inspected
def page_option(wildcards, output):
    """The option for a page; a function of the output triggers no rerun in Snakemake."""
    return wildcards.page.replace(".page-", "--page ")


def in_lab_book(path):
    """A figure of the study, with its place in the lab book."""
    return report(
        path,
        caption="../report/figure.rst",
        category=lambda wildcards: STUDY_FIGURES[wildcards.figure].category,
        subcategory="all runs",
        labels={"figure": "{figure}"},
    )


# What targets want are functions: Snakemake lists the files of those that are asked for alone.


def drawn_figures(_wildcards):
    """The figures that are drawn without being asked for, in each format."""
    return [
        PATHS.figure(figure, extension, run)
        for run, figure in [*DRAWN, *((None, figure) for figure in DRAWN_OF_STUDY)]
        for extension in STUDY.figures.formats
    ]


def large_files(_wildcards):
    """The large tables of runs."""
    return [
        large(run) for large in (PATHS.activations, PATHS.probe_view) for run in RUNS
    ]


def compared_files(_wildcards):
    """What compares layers, runs and architectures, or each layer with itself."""
    by_run = (PATHS.layer_geometry, PATHS.weight_geometry, PATHS.cka_layers)
    return [
        *(path(run) for path in by_run for run in RUNS),
        *(PATHS.cka_between(), PATHS.alignment()),
        *where_there("regions_between", [PATHS.region_between()]),
    ]
