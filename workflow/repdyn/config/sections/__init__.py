"""The settings of each section of a study's config, with every default and what it means.

Each section is a pydantic model; ``study.py`` puts them together. What a setting means stands beneath it as a
docstring, which ``schema.py`` reads when a schema is asked for. Pydantic would read them all on import, in every job,
and importing a study's models would take .25 s of processor in place of .15 s. Imports nothing heavy, because Snakemake
and every cluster job read it.
"""

from __future__ import annotations

from .activations import Activations, Change, Reduction
from .base import Section
from .data import Columns, Data, Folder, Standardise
from .findings import Contrast, Findings, Phases
from .networks import Architecture
from .probes import Planes, Probes
from .running import Execution, Figures, Print
from .similarity import ChosenMeasure, Cka, Comparisons
from .training import Augmentation, Checkpoints, Intervention, Optimizer, RateSchedule, Training

__all__ = [
    "Activations",
    "Architecture",
    "Augmentation",
    "Change",
    "Checkpoints",
    "ChosenMeasure",
    "Cka",
    "Columns",
    "Comparisons",
    "Contrast",
    "Data",
    "Execution",
    "Figures",
    "Findings",
    "Folder",
    "Intervention",
    "Optimizer",
    "Phases",
    "Planes",
    "Print",
    "Probes",
    "RateSchedule",
    "Reduction",
    "Section",
    "Standardise",
    "Training",
]
