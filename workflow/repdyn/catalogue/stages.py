"""Every stage: its name and purpose, its settings, and the files that it writes.

A stage is a module with ``main(job)``, an entry here and a rule. A tool has no rule. It has ``main(study)``, for a run
``main(job, …)`` with what its command takes besides, for the results of several studies
``main(folders, output, page)``, or of no study ``main()``. The command line, reruns, ``plan``, the inputs of figures
and the params of rules follow from the entry. Imports nothing heavy, because Snakemake and every cluster job read it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Literal

from .paths import Paths

Scope = Literal["run", "seed", "study", "either", "tool", "tool of a run", "studies", "none"]
# A method of ``Paths``.
Place = Callable[..., str]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stage.

    Attributes:
        scope: what one job processes: a run, what all runs of a seed share, the whole study, or a run or the study; a
            tool has no jobs, people call it, of one study, of a run, for the results of several ``studies``, or of
            ``none``.
        help: what it does, in one line.
        module: the module with its ``main``; if empty, the module of the stage's name in ``stages``.
        sections: the parts of the config that determine its numbers, also through earlier stages: sections, or single
            settings of a section. ``run`` is the run's architecture, optimizer and seed, the seed alone, or the whole
            grid, without ``layers``, which says how networks are observed, and ``families``: parts of their own.
        user_code: the user's code, named by import path, that it runs.
        writes: paths of the tables and other files that later stages and figures read.
        reads_images: whether its jobs read the data set itself, not only tables, so that it must be fetched first.
        uses_gpu: whether its jobs use a GPU if there is one.
        on_demand: whether ``rule all`` leaves it out.
    """

    scope: Scope
    help: str
    module: str = ""
    sections: tuple[str, ...] = ()
    user_code: tuple[Literal["model", "optimizer", "measures"], ...] = ()
    writes: tuple[Place, ...] = ()
    reads_images: bool = False
    uses_gpu: bool = False
    on_demand: bool = False


_TRAIN = ("data", "run", "training", "checkpoints", "change")
_ACTIVATIONS = (*_TRAIN, "layers", "activations")
_PROBES = (*_ACTIVATIONS, "probes")
_REGIONS = (*_PROBES, "planes")
_PHASES = (*_REGIONS, "cka", "measures", "phases")

# In the order of a study.
STAGES: dict[str, Stage] = {
    "fetch": Stage(
        scope="study",
        help="download or decode the data set, unless that is done",
        on_demand=True,
    ),
    "examples": Stage(
        scope="seed",
        help="which examples a seed uses, and which are mislabelled",
        sections=("data", "run"),
        writes=(Paths.examples,),
        reads_images=True,
    ),
    "planes": Stage(
        scope="seed",
        help="planes through triplets of images, shared by the runs of a seed",
        sections=("data", "run", "planes"),
        writes=(Paths.planes,),
        reads_images=True,
    ),
    "train": Stage(
        scope="run",
        help="train a run; write its history, checkpoints and change",
        sections=_TRAIN,
        user_code=("model", "optimizer"),
        writes=(Paths.history, Paths.change, Paths.checkpoint, Paths.state),
        reads_images=True,
        uses_gpu=True,
    ),
    "record": Stage(
        scope="run",
        help="take in a run that was trained elsewhere; write its history, checkpoints and change",
        sections=_TRAIN,
        user_code=("model",),
        writes=(Paths.history, Paths.change, Paths.checkpoint),
        reads_images=True,
        uses_gpu=True,
    ),
    "events": Stage(
        scope="run",
        help="when the rate at which layers change steps up or down",
        sections=_TRAIN,
        writes=(Paths.events,),
    ),
    "activations": Stage(
        scope="run",
        help="activations of every observed layer at every checkpoint",
        sections=_ACTIVATIONS,
        user_code=("model",),
        writes=(Paths.activations, Paths.probe_view, Paths.inputs, Paths.layers, Paths.batch_norm),
        reads_images=True,
        uses_gpu=True,
    ),
    "cka": Stage(
        scope="run",
        help="similarity of each layer with itself at every other checkpoint: CKA and other measures",
        sections=(*_ACTIVATIONS, "cka", "measures"),
        user_code=("measures",),
        writes=(Paths.cka,),
        uses_gpu=True,
    ),
    "geometry": Stage(
        scope="run",
        help="size and dimension of each layer by itself, and how far its weights move",
        sections=_ACTIVATIONS,
        user_code=("model",),
        writes=(Paths.layer_geometry, Paths.weight_geometry),
        on_demand=True,
    ),
    "cka_layers": Stage(
        scope="run",
        help="similarity between the layers of a run at each checkpoint, and its null",
        sections=(*_ACTIVATIONS, "cka.tf32", "measures", "comparisons"),
        user_code=("measures",),
        writes=(Paths.cka_layers,),
        uses_gpu=True,
        on_demand=True,
    ),
    "cka_between": Stage(
        scope="study",
        help="similarity between runs, at the same layer and checkpoint, and its null",
        sections=(*_ACTIVATIONS, "cka.tf32", "measures", "comparisons"),
        user_code=("measures",),
        writes=(Paths.cka_between,),
        uses_gpu=True,
        on_demand=True,
    ),
    "alignment": Stage(
        scope="study",
        help="the two layers of two architectures that are most alike, at each checkpoint, and their null",
        sections=(*_ACTIVATIONS, "cka.tf32", "measures", "comparisons"),
        user_code=("measures",),
        writes=(Paths.alignment,),
        uses_gpu=True,
        on_demand=True,
    ),
    "probes": Stage(
        scope="run",
        help="a linear probe on each layer at each checkpoint",
        sections=_PROBES,
        writes=(Paths.probe_weights, Paths.probe_accuracy),
    ),
    "regions": Stage(
        scope="run",
        help="decision regions of probes and network, and their similarity (DRS) between checkpoints",
        sections=_REGIONS,
        user_code=("model",),
        writes=(
            Paths.region_labels,
            Paths.region_pictures,
            Paths.region_similarity,
            Paths.region_floor,
            Paths.region_fragmentation,
        ),
        reads_images=True,
        uses_gpu=True,
    ),
    "regions_between": Stage(
        scope="study",
        help="decision regions similarity (DRS) between runs, at the same layer and checkpoint",
        sections=(*_REGIONS, "comparisons"),
        writes=(Paths.region_between,),
        on_demand=True,
    ),
    "phases": Stage(
        scope="run",
        help="phases of training, events and scores of a run",
        sections=_PHASES,
        writes=(Paths.segments, Paths.scores, Paths.moments, Paths.boundaries),
    ),
    "findings": Stage(
        scope="study",
        help="claims about the whole grid, tested",
        sections=(*_PHASES, "findings", "families"),
        writes=(
            Paths.findings,
            Paths.pairs,
            Paths.left_out,
            Paths.synchrony,
            Paths.twins,
            Paths.trends,
            Paths.trend_values,
            Paths.by_depth,
        ),
    ),
    # ``figures/catalogue.py`` declares what redraws figures and pages.
    "figure": Stage(scope="either", help="draw a figure", module="figures.draw", on_demand=True),
    "lab_book": Stage(
        scope="study",
        help="HTML tables of the findings and of each run's outcome, for Snakemake's report",
        on_demand=True,
    ),
    "report": Stage(
        scope="study",
        help="one page of what a study found, with its main figures and links to all else",
        module="report.build",
        on_demand=True,
    ),
    "explorer": Stage(
        scope="study",
        help="an interactive page that shows the study's training",
        module="explorer.build",
        on_demand=True,
    ),
    "init": Stage(scope="none", module="planning.init", help="write a study to start from"),
    "check": Stage(scope="tool", module="planning.check", help="check a whole study before anything runs"),
    "layers": Stage(
        scope="tool", module="planning.layers", help="print the observed layers of each architecture, with shapes"
    ),
    "plan": Stage(
        scope="tool", module="planning.plan", help="print what a study costs: jobs, checkpoints, disk, memory"
    ),
    "compare": Stage(
        scope="studies",
        module="across_studies.together",
        help="compare what several studies found: a table and a forest plot of the same claims by study",
    ),
    "dump": Stage(
        scope="tool of a run",
        help="write whole activations of a layer at a checkpoint, unit by unit, as NumPy arrays",
        uses_gpu=True,
    ),
    "schema": Stage(
        scope="none", module="config.schema", help="print the JSON schema of a study's config, for editors"
    ),
    "name": Stage(scope="tool", module="planning.name", help="print the study's name, if its config can be read"),
}

# Whoever wants the disk may delete these, so targets that list every file leave them out. They are made again when
# something is measured on them. Training's state is not the output of any rule.
LARGE: frozenset[Place] = frozenset({Paths.activations, Paths.probe_view, Paths.checkpoint, Paths.state})


def module_of(stage: str) -> str:
    """The module of a stage, named within the package."""
    return STAGES[stage].module or f"stages.{stage}"


def by_default(left_out: Collection[str] = ()) -> dict[str, Stage]:
    """The stages that ``rule all`` runs, besides figures, but for those that a study leaves out."""
    return {
        name: stage
        for name, stage in STAGES.items()
        if stage.scope in ("run", "seed", "study") and not stage.on_demand and name not in left_out
    }
