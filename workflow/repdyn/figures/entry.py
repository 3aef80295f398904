"""What a figure or page is: the module that draws it, what it reads, and its texts.

The tables and settings that a figure reads are declared in its entry once (``catalogue.py``); its rule's inputs, and
what decides its redrawing, follow from them. Imports nothing heavy, because Snakemake reads it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Self

from ..analysis import numeric_factors
from ..catalogue.paths import Paths
from ..catalogue.stages import STAGES, Place
from ..config import left_out
from ..pipeline import provenance

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.study import Study

# Categories of figures, by which reports are ordered.
TRAINING, CKA, FURTHER, REGIONS = "Training", "CKA", "Further measures", "Decision regions"
PHASES, LAYERS, FINDINGS = "Phases", "Layers", "Findings"
# Name -> what a drawing can read from the study itself. Names of architectures, optimizers and seeds are lists, because
# drawings keep the order of the config, which tables do not store.
SETTINGS: dict[str, Callable[[Study], Any]] = {
    "name": lambda study: study.name,
    "archs": lambda study: list(study.archs),
    "optimizers": lambda study: list(study.optimizers),
    "seeds": lambda study: study.seeds,
    "number of seeds": lambda study: len(study.seeds),
    "rates": lambda study: {run.path: study.learning_rate(run) for run in sorted(study.runs, key=str)},
    "widths": lambda study: dict(sorted(study.widths.items())),
    "families": lambda study: dict(sorted(study.families.items())),
    "contrasts": lambda study: study.optimizer_contrasts,
    "whether optimizers are contrasted": lambda study: bool(study.optimizer_contrasts),
    "confidence": lambda study: study.findings.confidence,
    "data": lambda study: study.hyperparameters("examples")["data"],
    "layout": lambda study: [study.figures.rows, study.figures.columns, list(study.named_data)],
    "print": lambda study: study.figures.print.model_dump(mode="json"),
    "similarity_from": lambda study: study.activations.similarity_from,
    "formats": lambda study: list(study.figures.formats),
    "drawn runs": lambda study: [run.path for run in study.drawn_runs],
    "explorer_mib": lambda study: study.figures.explorer_mib,
    "measures": lambda study: [asdict(measure) for measure in study.all_measures.values()],
}


@dataclass(frozen=True, kw_only=True)
class Drawn:
    """Something drawn, with everything that it depends on.

    Attributes:
        module: the repdyn module that draws it; a change of its code digest redraws it.
        of_run: paths of the tables of a run that it reads; for a figure of the whole study, of every run.
        of_seed: paths of the tables of a seed that it reads; for a figure of the whole study, of every seed.
        of_study: paths of the tables of the whole study that it reads.
        spares: those of them that it can do without, where a study leaves out the stage that writes them.
        accuracies: whether it shows accuracies, and nothing without them.
        numbers: whether it shows levels that differ in one number alone, and nothing without them.
        reads: what it reads from the study itself, as names in ``SETTINGS``; ``data`` includes the images.
    """

    module: str
    of_run: tuple[Place, ...] = ()
    of_seed: tuple[Place, ...] = ()
    of_study: tuple[Place, ...] = ()
    spares: tuple[Place, ...] = ()
    accuracies: bool = False
    numbers: bool = False
    reads: tuple[str, ...] = ()

    def why_not(self, study: Study) -> str | None:
        """Why there is none in a study, in a sentence; None if there is one."""
        needed = {*self.of_run, *self.of_seed, *self.of_study}.difference(self.spares)
        reasons = [why for stage, why in study.left_out.items() if needed.intersection(STAGES[stage].writes)]
        if self.accuracies and (unknown := left_out.accuracies(next(iter(study.data_levels.values())))) is not None:
            reasons.append(unknown)
        if self.numbers and not numeric_factors.of_study(study):
            reasons.append("No three levels differ in one number alone, such as `width`, `lr` or `label_noise`.")
        return next(iter(reasons), None)

    def of(self, study: Study) -> Self:
        """The same without the tables that a study leaves out."""
        gone = {place for stage in study.left_out for place in STAGES[stage].writes}

        def there(places: tuple[Place, ...]) -> tuple[Place, ...]:
            return tuple(place for place in places if place not in gone)

        return replace(self, of_run=there(self.of_run), of_seed=there(self.of_seed), of_study=there(self.of_study))

    def inputs(self, paths: Paths, runs: list[str], seeds: list[str]) -> list[str]:
        """Every file of the study that it reads, given the partitions of runs and of seeds."""
        return [
            *(place(paths, run) for run in runs for place in self.of_run),
            *(place(paths, seed) for seed in seeds for place in self.of_seed),
            *(place(paths) for place in self.of_study),
        ]

    def made_with(self, study: Study, run: Run | None = None) -> dict[str, Any]:
        """What decides its redrawing, besides its tables: plain types, so that equal values print alike.

        Of a run's figure, the run's own data do, and no other level of the data.
        """
        if run is not None:
            study = study.with_data({run.data: study.data_of(run)})
        settings = {name: SETTINGS[name](study) for name in self.reads}
        return {"code": provenance.code_digest(self.module), "study": settings}


@dataclass(frozen=True, kw_only=True)
class Entry(Drawn):
    """A figure, drawn by ``draw(job)`` of its module.

    Attributes:
        category: one of the categories above.
        title: without a full stop.
        description: one sentence.
        caption: how to read it, in a few sentences; the description is not repeated.
        of_regions: what the caption adds where a study compares decision regions.
    """

    category: str
    title: str
    description: str
    caption: str
    of_regions: str = ""

    def __post_init__(self) -> None:
        """Join the caption's lines; every figure reads how it is printed, and its file names the study."""
        object.__setattr__(self, "caption", " ".join(self.caption.split()))
        object.__setattr__(self, "reads", tuple(dict.fromkeys((*self.reads, "print", "name"))))

    def of(self, study: Study) -> Self:
        """With the caption of a study."""
        more = "" if "regions" in study.left_out else self.of_regions
        return replace(super().of(study), caption=f"{self.caption} {more}", of_regions="")

    def made_with(self, study: Study, run: Run | None = None) -> dict[str, Any]:
        """Add the code that draws and saves pictures for every module."""
        return super().made_with(study, run) | {"drawn": provenance.code_digest("figures.draw.drawn")}
