"""The whole study config, typed and validated, and the grid of runs that follows from it.

Turns a YAML file, or Snakemake's dictionary of one, into a :class:`Study`. Its sections, with every default, are in
``sections``. Imports nothing heavy, because Snakemake and every cluster job read it. ``planning/check.py`` checks
whatever needs the data set's shape or the model itself.

``Study.hyperparameters(stage, run)`` returns the settings that determine a stage's numbers, its own and those of the
stages before it. They are written into each file and compared on reading, and they decide reruns.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Discriminator, Field, Tag, ValidationError, model_validator

from ..catalogue.factors import ARCH, DATA, OPTIMIZER, WRONG_LABELS
from ..catalogue.measures import ALWAYS, DEFAULT, MEASURES, REGIONS, Measure, own
from ..catalogue.stages import STAGES
from ..errors import RepdynError
from . import config_file, left_out, messages, plain
from .names import Level, Name, refuse_twins
from .recorded_runs import FoundCheckpoint, Recorded, RecordedOptimizer
from .runs import Replicate, Run
from .sections import (
    Activations,
    Architecture,
    Change,
    Checkpoints,
    ChosenMeasure,
    Cka,
    Comparisons,
    Contrast,
    Data,
    Execution,
    Figures,
    Findings,
    Intervention,
    Optimizer,
    Phases,
    Planes,
    Print,
    Probes,
    Training,
)
from .sections.base import MOST_CHECKPOINTS, RunSeed, Section, distinct

Hyperparameters = dict[str, Any]
# What says how an architecture is observed after training: part ``layers`` of the settings.
_OBSERVED = {"layers"}
_CALLED = {"class_names"}  # of data: words, which stand in the table of examples and decide no number
MOST_RUNS = 10_000  # each has a dozen jobs, and Snakemake holds all of them


def _source(optimizer: Any) -> str:
    """Whether runs of an optimizer are trained here or were recorded elsewhere."""
    is_recorded = isinstance(optimizer, RecordedOptimizer) or (
        isinstance(optimizer, Mapping) and "recorded" in optimizer
    )
    return messages.RECORDED if is_recorded else messages.TRAINED


_OfEitherSource = Annotated[
    Annotated[Optimizer, Tag(messages.TRAINED)] | Annotated[RecordedOptimizer, Tag(messages.RECORDED)],
    Discriminator(_source),
]


_ONE, _NAMED = f"{messages.SOURCE}one", f"{messages.SOURCE}named"


def _sections(data: Any) -> str:
    """Whether a study has one section of data, or several with names."""
    if not isinstance(data, Mapping):
        return _ONE
    are_sections = all(isinstance(section, Mapping | Data) for section in data.values())
    return _NAMED if data and are_sections and not set(data) <= set(Data.model_fields) else _ONE


_DataOfStudy = Annotated[
    Annotated[Data, Tag(_ONE)] | Annotated[dict[Level, Data], Tag(_NAMED)], Discriminator(_sections)
]


def _named(measures: Any) -> Any:
    """A measure without settings may be given by its name alone."""
    if not isinstance(measures, list):
        return measures
    return [{"name": measure} if isinstance(measure, str) else measure for measure in measures]


class Study(Section):
    """A whole study: a grid of runs and the settings of every stage."""

    name: Name
    """Results go to results/NAME."""
    archs: dict[Level, Architecture] = Field(min_length=1)
    """The architectures of the grid, by names of one's own. Every architecture × optimizer × level of the data × seed
    is a run.
    """
    optimizers: dict[Level, _OfEitherSource] = Field(min_length=1)
    """The optimizers of the grid, by names of one's own: trained here (``opt``), or recorded elsewhere (``recorded``).
    """
    seeds: Annotated[list[RunSeed], Field(min_length=1), AfterValidator(distinct)]
    """The seeds, which are replicates: of initialisation, order, and which examples are trained on and mislabelled."""
    data: _DataOfStudy = Data()
    """The data, and how many labels are wrong: one section, or several with names, which are a factor of the grid then.
    """
    training: Training = Training(epochs=1)  # missing only where no run is trained here, and then nothing reads it
    """How runs are trained; only where all are recorded elsewhere it may be missing."""
    checkpoints: Checkpoints = Checkpoints()
    """When checkpoints are taken; all measurements are made at them."""
    change: Change = Change()
    """What is measured of the change of layers while a run trains."""
    activations: Activations = Activations()
    """Which examples' activations are stored, and how."""
    cka: Cka = Cka()
    """How CKA is computed."""
    measures: Annotated[
        list[ChosenMeasure], BeforeValidator(_named, json_schema_input_type=list[str | ChosenMeasure])
    ]  # by default filled in before
    """How representations are compared: measures of docs/measures.md by name, or with settings, or one's own. CKA and
    debiased CKA are always there.
    """
    comparisons: Comparisons = Comparisons()
    """What similarity between layers, runs and architectures is held against."""
    probes: Probes = Probes()
    """The linear classifier that is trained on every layer."""
    planes: Planes = Planes()
    """The planes on which decision regions are compared."""
    phases: Phases = Phases()
    """Thresholds of events."""
    findings: Findings = Findings()
    """How claims are tested, and between which levels."""
    figures: Figures = Figures()
    """What is drawn."""
    execution: Execution = Execution()
    """How and where to compute; none of it changes a number."""

    @model_validator(mode="before")
    @classmethod
    def _measures_are_those_that_can_be_had(cls, content: Any) -> Any:
        """By default, all that need no settings of their own; over batches of examples, the two that are averages."""
        if not isinstance(content, Mapping) or content.get("measures") is not None:
            return content
        settings = content.get("cka")
        in_batches = isinstance(settings, Mapping) and settings.get("batch_examples") is not None
        return {**content, "measures": list(ALWAYS if in_batches else DEFAULT)}

    @model_validator(mode="before")
    @classmethod
    def _what_is_trained_here_is_trained_somehow(cls, content: Any) -> Any:
        optimizers = content.get("optimizers") if isinstance(content, Mapping) else None
        entries = dict(optimizers) if isinstance(optimizers, Mapping) else {}
        sources = {name: _source(entry) for name, entry in entries.items()}
        if isinstance(content, Mapping) and "training" not in content and {*sources.values()} != {messages.RECORDED}:
            raise ValueError("`training` is missing; it has no default, and only recorded runs need none")
        for name, source in sources.items():
            if source == messages.RECORDED and isinstance(entries[name], Mapping) and "opt" in entries[name]:
                raise ValueError(
                    f"`optimizers.{messages.shown(name)[1:-1]}` says how to train (`opt`) and where the checkpoints of "
                    "another training are (`recorded`); keep one"
                )
        return content

    @model_validator(mode="after")
    def _runs_are_folders_that_can_be_told_apart_and_counted(self) -> Study:
        refuse_twins(self.archs, "archs")
        refuse_twins(self.optimizers, "optimizers")
        refuse_twins(self.named_data, "data")
        runs = len(self.archs) * len(self.optimizers) * len(self.data_levels) * len(self.seeds)
        if runs > MOST_RUNS:
            factors = f"`archs`, `optimizers`{', `data`' * bool(self.named_data)} and `seeds`"
            raise ValueError(
                f"{factors} make {runs:,} runs, but a study has at most {MOST_RUNS:,}; divide it into several"
            )
        return self

    @model_validator(mode="after")
    def _data_allow_the_same_stages(self) -> Study:
        of_levels = {level: set(left_out.stages(data)) for level, data in self.named_data.items()}
        (first, stages), *others = of_levels.items() if of_levels else [("", set[str]())]
        for level, there in others:
            if there != stages:
                gone = messages.listed(sorted(there ^ stages))
                raise ValueError(
                    f"`data.{first}` and `data.{level}` allow different measurements ({gone}); make them two studies"
                )
        return self

    @model_validator(mode="after")
    def _checkpoints_are_countable(self) -> Study:
        number = self.checkpoints.at_most(self.training.epochs)
        if number > MOST_CHECKPOINTS:
            raise ValueError(
                f"`checkpoints` asks for {number:,} of a run, and at most {MOST_CHECKPOINTS:,} can be compared; take "
                f"fewer in {self.training.epochs:,} epochs"
            )
        return self

    @model_validator(mode="after")
    def _rates_are_given_for_every_arch(self) -> Study:
        for name, optimizer in self.optimizers.items():
            if isinstance(optimizer.lr, dict) and set(optimizer.lr) != set(self.archs):
                given, wanted = messages.listed(optimizer.lr), messages.listed(self.archs)
                raise ValueError(
                    f"`optimizers.{name}.lr` gives rates for {given}; write one number, or one for each of: {wanted}"
                )
        return self

    @model_validator(mode="after")
    def _figures_are_of_factors(self) -> Study:
        for key in ("rows", "columns"):
            if getattr(self.figures, key) == DATA and not self.named_data:
                raise ValueError(f"`figures.{key}` is data, but `data` has no named levels in this study")
        return self

    @model_validator(mode="after")
    def _printed_runs_are_of_the_grid(self) -> Study:
        self._refuse_other_runs()
        return self

    def _refuse_other_runs(self) -> None:
        """Refuse levels under ``figures.print.runs`` that the grid has not, with a ValueError."""
        there = {"arch": [*self.archs], "optimizer": [*self.optimizers], "data": [*self.named_data],
                 "seed": [*map(str, self.seeds)]}  # fmt: skip
        for chosen in self.figures.print.runs or ():
            for factor, level in (part.split("=") for part in chosen.split("/")):
                if level not in there[factor]:
                    raise ValueError(
                        f"`figures.print.runs` names {factor} {level}, which this study has not; there are: "
                        f"{messages.listed(there[factor]) or 'none with a name'}"
                    )
        if not self.printed_runs:
            raise ValueError("`figures.print.runs` names no run of this study; leave out some of the levels")

    @model_validator(mode="after")
    def _interventions_are_possible(self) -> Study:
        for key, planned in self.planned_interventions:
            if planned.epoch >= self.training.epochs:
                raise ValueError(
                    f"`{key}` has one at epoch {planned.epoch}, but training ends after {self.training.epochs}; take "
                    "an earlier one, or raise `training.epochs`"
                )
            if planned.data is not None and planned.data not in self.named_data:
                raise ValueError(
                    f"`{key}` goes on with data {planned.data}, but there are: "
                    f"{messages.listed(self.named_data) or 'none with a name'}"
                )
            for level, data in self.data_levels.items():
                if planned.labels is not None and not data.label_noise:
                    where = "data" if level is None else f"data.{level}"
                    raise ValueError(
                        f"`{key}` draws wrong labels anew, but `{where}.label_noise` is 0, so there are none; leave it "
                        "out"
                    )
        return self

    @property
    def planned_interventions(self) -> list[tuple[str, Intervention]]:
        """Every intervention that the config plans, each with the key that it stands under."""
        found = [("training.interventions", planned) for planned in self.training.interventions]
        for name, optimizer in self.optimizers.items():
            if isinstance(optimizer, Optimizer):
                found += [(f"optimizers.{name}.interventions", planned) for planned in optimizer.interventions]
        return found

    @model_validator(mode="after")
    def _contrasts_are_of_the_grid(self) -> Study:
        for contrast in self.findings.contrasts or []:
            there = self._levels(contrast.factor)
            for level in contrast.levels:
                if level not in there:
                    raise ValueError(
                        f"`findings.contrasts` names {level}, which is no level of `{contrast.factor}` in this study; "
                        f"there are: {messages.listed(there) or 'none'}"
                    )
        return self

    def _levels(self, factor: str) -> list[str]:
        """The levels that a contrast can name, optimizers' by family, in the order of the config."""
        return {
            ARCH: list(self.archs),
            OPTIMIZER: list(dict.fromkeys(self.families.values())),
            DATA: list(self.named_data),
        }[factor]

    @model_validator(mode="after")
    def _measures_are_distinct_and_can_be_had(self) -> Study:
        names = [measure.name for measure in self.measures]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"`measures` names {messages.listed(twice)} more than once; name each once")
        further = [name for name in names if name not in ALWAYS]
        if further and self.cka.batch_examples is not None:
            raise ValueError(
                f"`measures` asks for {further[0]}, which needs whole Grams, but `cka.batch_examples` divides them; "
                f"leave out one of the two (with batches there are {' and '.join(ALWAYS)})"
            )
        return self

    @property
    def chosen_measures(self) -> list[ChosenMeasure]:
        """The measures of activations: CKA and debiased CKA, and what the config adds to them or else the default."""
        always = [ChosenMeasure(name=name) for name in ALWAYS]
        return [*always, *(measure for measure in self.measures if measure.name not in ALWAYS)]

    @property
    def all_measures(self) -> dict[str, Measure]:
        """Every measure by name: those of activations that the study chooses, then those of regions, if any."""
        chosen = [
            MEASURES[choice.name] if choice.function is None
            else own(choice.name, choice.function, kernel=choice.vector is not None)
            for choice in self.chosen_measures
        ]  # fmt: skip
        has_regions = "regions" not in self.left_out
        regions = [measure for measure in MEASURES.values() if measure.table == REGIONS and has_regions]
        return {measure.name: measure for measure in (*chosen, *regions)}

    @property
    def left_out(self) -> dict[str, str]:
        """Stage -> why the study leaves it out, in a sentence: its data do not allow it."""
        return left_out.stages(next(iter(self.data_levels.values())))

    @property
    def named_data(self) -> dict[str, Data]:
        """The levels of the data, which are a factor where the study names them; else none."""
        return self.data if isinstance(self.data, dict) else {}

    @property
    def data_levels(self) -> dict[str | None, Data]:
        """Every section of data, by name; None for one without."""
        return {None: self.data} if isinstance(self.data, Data) else dict(self.data.items())

    def data_of(self, of: Run | Replicate) -> Data:
        """The data of a run, or of what the runs of a seed share."""
        return self.data_levels[of.data]

    def with_data(self, levels: Mapping[str | None, Data]) -> Study:
        """The same study with other sections of data, by name as in ``data_levels``."""
        data = {str(level): data for level, data in levels.items()} if self.named_data else levels[None]
        return self.model_copy(update={"data": data})

    @property
    def contrasts(self) -> list[Contrast]:
        """The contrasts that findings test.

        By default, the first optimizer against each further one, and each further architecture, and level of the data,
        against the first.
        """
        if self.findings.contrasts is not None:
            return self.findings.contrasts
        optimizers, archs, data = self._levels(OPTIMIZER), self._levels(ARCH), self._levels(DATA)
        return [
            *(Contrast(factor="optimizer", levels=(optimizers[0], other)) for other in optimizers[1:]),
            *(Contrast(factor="arch", levels=(other, archs[0])) for other in archs[1:]),
            *(Contrast(factor="data", levels=(other, data[0])) for other in data[1:]),
        ]

    @property
    def runs(self) -> list[Run]:
        """The grid, architectures outermost."""
        return [
            Run(arch, optimizer, seed, data)
            for arch in self.archs
            for optimizer in self.optimizers
            for data in self.data_levels
            for seed in self.seeds
        ]

    @property
    def printed_runs(self) -> list[Run]:
        """The runs that figures of the whole study show, in the order of the grid."""
        chosen = self.figures.print.runs
        if chosen is None:
            return self.runs
        return [run for run in self.runs if any({*choice.split("/")} <= {*run.path.split("/")} for choice in chosen)]

    def printed_as(self, settings: Mapping[str, Any]) -> Study:
        """The same study with other settings of ``figures.print``, by name.

        Raises:
            RepdynError: if one of them is wrong.
        """
        if not settings:
            return self
        content = self.figures.print.model_dump() | dict(settings)
        try:
            changed = self.figures.model_copy(update={"print": Print.model_validate(content)})
            study = self.model_copy(update={"figures": changed})
            study._refuse_other_runs()
        except ValidationError as error:
            raise RepdynError(messages.sentence(error, Print)) from None
        except ValueError as error:
            raise RepdynError(f"{error}.") from None
        return study

    def run(self, arch: str, optimizer: str, seed: int, data: str | None = None) -> Run:
        """The run with these levels and seed.

        Raises:
            RepdynError: if the grid has no such run.
        """
        run = Run(arch, optimizer, seed, data)
        # Look up each part: Snakemake asks for every job, and listing a grid of a thousand runs takes long.
        if not (
            arch in self.archs and optimizer in self.optimizers and data in self.data_levels and seed in self._seeds
        ):
            archs, optimizers, seeds = (messages.listed(there) for there in (self.archs, self.optimizers, self.seeds))
            names = f", its data {messages.listed(self.named_data)}" if self.named_data else ""
            raise RepdynError(
                f"The study `{self.name}` has no run {messages.shown(str(run))[1:-1]}; its archs are {archs}, its "
                f"optimizers {optimizers}{names}, its seeds {seeds}."
            )
        return run

    @property
    def replicates(self) -> list[Replicate]:
        """The seeds of each level of the data, each as what its runs share."""
        return [Replicate(seed, data) for data in self.data_levels for seed in self.seeds]

    def replicate(self, seed: int, data: str | None = None) -> Replicate:
        """What the runs of a seed share.

        Raises:
            RepdynError: if the grid has no such seed, or no such level of the data.
        """
        if seed not in self._seeds:
            raise RepdynError(
                f"The study `{self.name}` has no seed {seed}; its seeds are {messages.listed(self.seeds)}."
            )
        if data not in self.data_levels:
            raise RepdynError(
                f"The data of the study `{self.name}` "
                + (f"are one of {messages.listed(self.named_data)}" if self.named_data else "have no names")
                + f", not {'without a name' if data is None else messages.shown(data)}."
            )
        return Replicate(seed, data)

    def comparable(self, arch: str, common: bool) -> list[list[Run]]:
        """The runs of an architecture in groups that can be compared, because they are measured on the same images.

        Levels of the data that differ only in their wrong labels have the same images.

        Args:
            arch: the architecture.
            common: whether it is on images that no run trains on; others differ between seeds if seeds draw them.
        """
        groups: dict[object, list[Run]] = {}
        for run in self.runs:
            if run.arch == arch:
                data = self.data_of(run)
                alike = common or data.drawn_by == "study"
                key = data.model_dump_json(exclude=WRONG_LABELS), None if alike else run.seed
                groups.setdefault(key, []).append(run)
        return list(groups.values())

    @cached_property
    def _seeds(self) -> frozenset[int]:
        return frozenset(self.seeds)

    @property
    def drawn_runs(self) -> list[Run]:
        """The runs whose figures `rule all` draws."""
        drawn = self.seeds[: self.figures.seeds]
        return [run for run in self.runs if run.seed in drawn]

    @property
    def families(self) -> dict[str, str]:
        """Optimizer -> its family; its own name where the config gives none."""
        return {name: optimizer.family or name for name, optimizer in self.optimizers.items()}

    @property
    def optimizer_contrasts(self) -> list[tuple[str, str]]:
        """The contrasts between optimizers, as pairs of families."""
        return [contrast.levels for contrast in self.contrasts if contrast.factor == "optimizer"]

    @property
    def widths(self) -> dict[str, int]:
        """The width of each architecture that has one."""
        return {name: arch.width for name, arch in self.archs.items() if arch.width is not None}

    def optimizer(self, run: Run) -> Optimizer:
        """The optimizer of a run that is trained here; its ``lr`` is one number."""
        optimizer = self.optimizers[run.optimizer]
        assert isinstance(optimizer, Optimizer), f"{run} was recorded elsewhere"
        return optimizer.of_run(run.arch, self.training.epochs)

    def interventions(self, run: Run) -> list[Intervention]:
        """What is planned to change in the training of a run, by epoch; nothing in one that was recorded elsewhere."""
        optimizer = self.optimizers[run.optimizer]
        if not isinstance(optimizer, Optimizer):
            return []
        return sorted([*self.training.interventions, *optimizer.interventions], key=lambda planned: planned.epoch)

    def trained_at(self, arch: str) -> dict[str, Optimizer]:
        """The optimizers that train here, as they are for an architecture; each ``lr`` is one number."""
        return {
            name: optimizer.of_run(arch, self.training.epochs)
            for name, optimizer in self.optimizers.items()
            if isinstance(optimizer, Optimizer)
        }

    def learning_rate(self, run: Run) -> float | None:
        """The base learning rate of a run; None if it was recorded elsewhere and the config does not say it."""
        return self.optimizers[run.optimizer].rate(run.arch)

    def recorded(self, optimizer: str) -> Recorded | None:
        """Where the checkpoints of an optimizer's runs are, if they were recorded elsewhere."""
        found = self.optimizers[optimizer]
        return found.recorded if isinstance(found, RecordedOptimizer) else None

    @property
    def trained_optimizers(self) -> list[str]:
        """The optimizers whose runs are trained here."""
        return [name for name in self.optimizers if self.recorded(name) is None]

    @property
    def recorded_runs(self) -> list[Run]:
        """The runs that were recorded elsewhere."""
        return [run for run in self.runs if self.recorded(run.optimizer) is not None]

    def found(self, run: Run) -> list[FoundCheckpoint]:
        """The checkpoints of a run that was recorded elsewhere, in order of their steps.

        Raises:
            RepdynError: if they were not looked for (``recorded/found.py``).
        """
        recorded = self.recorded(run.optimizer)
        assert recorded is not None, f"{run} is trained here"
        found = (recorded.found or {}).get(run.path, [])
        if not found:
            raise RepdynError(f"The checkpoints of {run} were not looked for; leave out `recorded.found`.")
        return found

    def hyperparameters(self, stage: str, run: Run | Replicate | None = None) -> Hyperparameters:
        """Everything in the config that determines a stage's numbers, including the settings of the stages before it.

        Plain JSON types throughout. ``run`` is the seed for stages of a seed (``planes``), and None for stages of the
        whole study (``findings``); those that read runs get the whole grid. Stage ``checkpoints`` stands for the files
        of that name: they do not depend on how long training continues after them, so longer training keeps them.
        """
        if stage == "checkpoints":
            settings = self.hyperparameters("train", run)
            settings.get("training", {}).pop("epochs", None)
            return settings
        settings = {}
        for section in STAGES[stage].sections:
            # What is left out has no settings: its section has its name.
            if section in self.left_out or (section in ("training", "checkpoints", "change") and not self._trains(run)):
                continue
            if section == "data":
                settings |= self._data_settings(run, set() if stage == "examples" else _CALLED)
            elif section == "run":
                settings |= self._run_settings(run)
            elif section == "measures":
                settings["measures"] = [measure.model_dump(mode="json") for measure in self.chosen_measures]
            elif section == "families":
                settings["families"] = self.families
            elif section == "findings":
                contrasts = [contrast.model_dump(mode="json") for contrast in self.contrasts]
                settings["findings"] = self.findings.model_dump(mode="json") | {"contrasts": contrasts}
            elif section == "layers":
                settings |= self._observed(run)
            else:
                name, _, setting = section.partition(".")
                only = {setting} if setting else None
                settings[name] = getattr(self, name).model_dump(mode="json", include=only)
        return settings

    def _run_settings(self, run: Run | Replicate | None) -> Hyperparameters:
        """What is built and trained in a run, the seed alone, or the whole grid but for its data."""
        if isinstance(run, Run):
            return {
                "arch": self.archs[run.arch].model_dump(mode="json", exclude=_OBSERVED),
                "optimizer": self._optimizer_of(run),
                "seed": run.seed,
            }
        if isinstance(run, Replicate):
            return {"seed": run.seed}
        return {
            "archs": {name: arch.model_dump(mode="json", exclude=_OBSERVED) for name, arch in self.archs.items()},
            "optimizers": {
                name: optimizer.model_dump(mode="json", exclude=_IN_WORDS[type(optimizer)])
                for name, optimizer in self.optimizers.items()
            },
            "seeds": sorted(self.seeds),  # their order matters only to figures
        }

    def _data_settings(self, run: Run | Replicate | None, without: set[str]) -> Hyperparameters:
        """The data of a run, and those that interventions go on with; or all of them, by name where they have names."""
        levels = self.data_levels if run is None else {None: self.data_of(run)}
        dumped: dict[Any, Hyperparameters] = {
            level: data.model_dump(mode="json", exclude=without) for level, data in levels.items()
        }
        settings = {"data": dumped.get(None, dumped)}
        planned = self.interventions(run) if isinstance(run, Run) else []
        if later := {each.data for each in planned if each.data is not None}:
            named = self.named_data
            settings["later_data"] = {
                level: named[level].model_dump(mode="json", exclude=without) for level in sorted(later)
            }
        return settings

    def _observed(self, run: Run | Replicate | None) -> Hyperparameters:
        """How the network of a run is observed, or those of all; that examples come first goes without saying."""
        if isinstance(run, Run):
            return self.archs[run.arch].model_dump(mode="json", include=_OBSERVED)
        of_archs = {name: arch.model_dump(mode="json", include=_OBSERVED) for name, arch in self.archs.items()}
        return {
            key: {name: said[key] for name, said in of_archs.items() if key in said}
            for key in sorted(_OBSERVED)
            if any(key in said for said in of_archs.values())
        }

    def _trains(self, run: Run | Replicate | None) -> bool:
        """Whether a run is trained here, or any of them."""
        return bool(self.trained_optimizers) if not isinstance(run, Run) else self.recorded(run.optimizer) is None

    def _optimizer_of(self, run: Run) -> Hyperparameters:
        """What the weights of a run come from: its optimizer, or the checkpoints that were found."""
        recorded = self.recorded(run.optimizer)
        if recorded is None:
            return self.optimizer(run).model_dump(mode="json", exclude=_IN_WORDS[Optimizer])
        of_run = recorded.model_dump(mode="json", exclude={"found"})
        return {"recorded": of_run | {"found": [found.model_dump(mode="json") for found in self.found(run)]}}


# Settings of an optimizer that change no number of a run.
_IN_WORDS = {Optimizer: {"family"}, RecordedOptimizer: {"family", "lr"}}


def load(path: Path) -> Study:
    """Read and validate a study's YAML file.

    Raises:
        RepdynError: naming the key, the value and what is allowed.
    """
    return parse(config_file.read(path), source=str(path))


def parse(content: object, source: str = "config.yaml") -> Study:
    """Validate a study that is already a dictionary; messages call it ``source``.

    Raises:
        RepdynError: naming the key, the value and what is allowed.
    """
    if not isinstance(content, Mapping):
        held = "is empty, but" if content is None else f"holds {messages.shown(content)}, but"
        raise RepdynError(f"`{source}` {held} must be a mapping of settings such as `name: digits`.")
    try:
        plain.refuse(content)
    except RepdynError as error:
        raise RepdynError(f"{source}: {error}") from None
    try:
        return Study.model_validate(dict(content))
    except ValidationError as error:
        raise RepdynError(f"{source}: {messages.sentence(error, Study)}") from None
