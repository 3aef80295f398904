"""Plan a study before anything is spent: jobs, checkpoints, disk by table, peak memory by stage.

``python -m repdyn plan`` and ``make plan`` print it. Nothing is trained and no data are read; ``estimates.py`` has the
formulas. On the default study each table is within 20 % of what it takes, and each stage's memory within a factor of
1.5.
"""

from __future__ import annotations

import itertools
import shutil
import textwrap
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from ..catalogue import stages
from ..data import datasets
from ..figures import catalogue
from ..pipeline import settling
from ..runtime import memory
from ..runtime.lazy_imports import without_compiler
from ..training import checkpoint_schedule
from . import estimates, model_size
from .estimates import Grid

if TYPE_CHECKING:
    from ..config.study import Study


@dataclass(frozen=True)
class Plan:
    """The cost of a study.

    Attributes:
        jobs: stage -> number of jobs.
        checkpoints: fewest and most of a run.
        disk: table -> bytes, all runs together.
        whole: bytes of all tables if wide layers were stored unit by unit.
        memory: stage -> peak bytes of its most demanding job, for stages with an estimate.
    """

    jobs: dict[str, int]
    checkpoints: tuple[int, int]
    disk: dict[str, float]
    whole: float
    memory: dict[str, float]


def of(study: Study) -> Plan:
    """Plan a study.

    Raises:
        RepdynError: if a model cannot be built.
    """
    study = datasets.described(study)
    base = memory.peak()
    grids = []
    for levels in datasets.alike(study):
        extents = model_size.of_study(study, study.data_levels[levels[0]])
        grids += [Grid(study, level, extents, base) for level in levels]
    device = torch.device("cuda" if study.execution.device == "auto" and torch.cuda.is_available() else "cpu")
    runs, formats = len(study.runs), len(study.figures.formats)
    of_scope = {"run": runs, "seed": len(study.replicates), "study": 1}
    jobs = {name: of_scope[stage.scope] for name, stage in stages.by_default(study.left_out).items()}
    jobs["record"] = len(study.recorded_runs)
    jobs["train"] -= jobs["record"]
    jobs = {name: number for name, number in jobs.items() if number}
    drawn = sum(len(catalogue.drawn_of_run(study, run)) for run in study.drawn_runs)
    jobs["figures"] = formats * (drawn + len(catalogue.drawn_of_study(study)))
    disk = _disk(grids, jobs["figures"])
    unit_by_unit = study.model_copy(update={"activations": study.activations.model_copy(update={"whole": ["*"]})})
    whole = sum(_disk([replace(grid, study=unit_by_unit) for grid in grids], jobs["figures"]).values())
    of_stages: dict[str, float] = {}
    for grid in grids:
        for arch, optimizer in itertools.product(study.archs, study.optimizers):
            for stage, peak in estimates.memory(grid, arch, optimizer, device).items():
                of_stages[stage] = max(peak, of_stages.get(stage, 0))
        for stage, peak in estimates.memory_of_study(grid).items():
            of_stages[stage] = max(peak, of_stages.get(stage, 0))
    counts = checkpoint_schedule.numbers(study, study.runs)
    return Plan(jobs, (counts[0], counts[-1]), disk, whole, of_stages)


def _disk(grids: Sequence[Grid], figures: int) -> dict[str, float]:
    """Table -> bytes, all runs together."""
    study, disk = grids[0].study, Counter[str]()
    for grid in grids:
        for arch, optimizer in itertools.product(study.archs, study.optimizers):
            for table, size in estimates.disk_of_run(grid, arch, optimizer).items():
                disk[table] += size * len(study.seeds)  # type: ignore[assignment]
        for table, size in estimates.disk_of_seeds(grid).items():
            disk[table] += size  # type: ignore[assignment]
    of_all = dict(disk) | {"findings": estimates.FINDINGS, "figures": estimates.PNG * figures}
    # A table has the name of its stage, or lies in a folder of that name.
    return {table: size for table, size in of_all.items() if table.partition("/")[0] not in study.left_out}


def size(number: float) -> str:
    """Format bytes in units of 1,000."""
    for unit, divisor in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6)):
        if number >= divisor:
            return f"{number / divisor:.1f} {unit}"
    return f"{number / 1e3:.1f} kB"


def report(study: Study, plan: Plan, free: float) -> str:
    """Format the plan as text of at most 100 columns; ``free`` is the disk's free space in bytes."""
    total = sum(plan.disk.values())
    grid = f"{len(study.archs)} architectures × {len(study.optimizers)} optimizers × {len(study.seeds)} seeds"
    if study.named_data:
        grid += f" × {len(study.named_data)} levels of data"
    checkpoints = " to ".join(map(str, dict.fromkeys(plan.checkpoints)))
    lines = [f"{study.name}: {len(study.runs)} runs ({grid}), {checkpoints} checkpoints each", ""]
    lines.append(f"  {'stage':<14}{'jobs':>8}   peak memory of a job")
    for stage, jobs in plan.jobs.items():
        memory = f"{plan.memory[stage] / 2**20:>8,.0f} MiB" if stage in plan.memory else "not estimated"
        lines.append(f"  {stage:<14}{jobs:>8,}   {memory}")
    lines += [f"  {'total':<14}{sum(plan.jobs.values()):>8,}", "", f"  {'table':<24}{'disk':>10}"]
    lines += [f"  {table:<24}{size(number):>10}" for table, number in plan.disk.items()]
    lines += [f"  {'total':<24}{size(total):>10}", ""]
    if plan.whole > 1.01 * total:
        lines.append(f"Stored unit by unit (`activations.whole: ['*']`), wide layers would make it {size(plan.whole)}.")
    enough = "enough" if free > total else "NOT ENOUGH"
    lines.append(f"The disk has {size(free)} free: {enough}. GPU memory and time are not estimated.")
    for why in dict.fromkeys(study.left_out.values()):
        lines += textwrap.wrap(why, 100)
    return "\n".join(lines)


@without_compiler()
def main(study: Study) -> None:
    """Print the plan of a study."""
    study = settling.with_checkpoints(study)
    folder = Path("results", study.name).absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    print(report(study, of(study), shutil.disk_usage(existing).free))
