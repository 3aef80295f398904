"""Which settings a study has, which of them a job declares that it reads, and which it does read.

A setting is named by its path in the config, with ``*`` for the name of an architecture or optimizer and for the number
of a contrast: ``data.label_noise``, ``optimizers.*.schedule.sched``.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from repdyn.catalogue.stages import STAGES
from repdyn.config import study as studies
from repdyn.config.sections import Section
from repdyn.config.study import Study
from repdyn.figures import catalogue, entry


def drawings(study: Study) -> dict[str, Mapping[str, entry.Drawn]]:
    """What each rule that draws draws, by the name of the figure."""
    return {
        "run_figure": catalogue.of_run(study),
        "run_animation": catalogue.ANIMATIONS,
        "study_figure": catalogue.of_study(study),
        "study_pages": catalogue.of_study(study),
        "lab_book": {"": catalogue.LAB_BOOK},
        "report": {"": catalogue.REPORT},
        "explorer": {"": catalogue.EXPLORER},
    }


# ---- which there are ----------------------------------------------------------------------------------------------


def settings(model: type[Section] = Study, prefix: str = "") -> Iterator[str]:
    """Every setting of a section, its sections' included; what can be left out or repeated is one itself."""
    for name, info in model.model_fields.items():
        path = f"{prefix}{name}"
        if info.annotation not in Section.__subclasses__():
            yield path
        for inside, section in _sections(info.annotation):
            yield from settings(section, f"{path}{inside}.")


def _sections(annotation: Any) -> Iterator[tuple[str, type[Section]]]:
    """The sections that a field can hold, and how they are reached from it."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        yield "", annotation
    repeated = typing.get_origin(annotation) in (dict, list, tuple)
    for inner in typing.get_args(annotation):
        for inside, section in _sections(inner):
            yield (".*" if repeated else "") + inside, section


# ---- which are declared -------------------------------------------------------------------------------------------


def stage_declares(stage: str, path: str, of_run: bool) -> bool:
    """Whether the hyperparameters of a stage, of a run or of the whole grid, hold a setting.

    Those of a seed hold nothing of the grid.
    """
    sections = STAGES[stage].sections
    top, _, rest = path.partition(".")
    if top in ("archs", "optimizers", "seeds") and STAGES[stage].scope == "seed":
        return False
    if top in ("archs", "optimizers", "seeds"):
        if rest in ("*.layers", "*.family"):
            return ("families" if rest == "*.family" else "layers") in sections
        if path in ("archs", "optimizers"):  # their order: what is held against what follows from it
            return "findings" in sections
        return "run" in sections and (path != "seeds" or not of_run)
    if path in ("data.class_names", "data.*.class_names"):  # words, which stand in one table
        return stage == "examples"
    return top in sections or path in sections


def drawing_declares(drawn: entry.Drawn, path: str, study: Study) -> bool:
    """Whether what decides a drawing, besides its tables, holds a setting."""
    with recording(study) as declared:
        for name in drawn.reads:
            entry.SETTINGS[name](study)
    return path in declared.settings


# ---- which are read -----------------------------------------------------------------------------------------------


@dataclass
class Read:
    """What was read of a study.

    Attributes:
        settings: which settings.
        stages: whose hyperparameters were asked for.
    """

    settings: set[str] = field(default_factory=set)
    stages: set[str] = field(default_factory=set)


@contextmanager
def recording(study: Study) -> Iterator[Read]:
    """Record what is read of a study within the context, but for which runs there are and where they were trained.

    A rule's inputs say that.
    """
    places, known, read = dict(_places(study, "")), list(settings()), Read()
    silent, kept_alive = False, list[Section]()
    kept = Study.hyperparameters, Study.runs, Study.recorded, Study.trained_optimizers

    def look_up(self: Section, name: str) -> Any:
        place, found = places.get(id(self)), object.__getattribute__(self, name)
        # Data without a name are a section like others, in which settings are read; which names there are is a setting.
        is_section = name == "data" and isinstance(found, Section)
        if not silent and place is not None and not is_section:
            is_whole = name == "model_dump"
            here = {path for path in known if path.startswith(place)} if is_whole else {f"{place}{name}"}
            read.settings.update(here.intersection(known))
        return copies(place, found) if name == "model_copy" and place is not None else found

    def copies(place: str, copy: Any) -> Any:
        """What makes copies of the section at a place, which are looked at like itself."""

        def make(**changes: Any) -> Section:
            copied: Section = copy(**changes)
            kept_alive.append(copied)
            places[id(copied)] = place
            return copied

        return make

    def silently(function: Any, *arguments: Any) -> Any:
        nonlocal silent
        before, silent = silent, True
        try:
            return function(*arguments)
        finally:
            silent = before

    def hyperparameters(
        self: Study, stage: str, run: studies.Run | studies.Replicate | None = None
    ) -> studies.Hyperparameters:
        read.stages.add(stage)
        found: studies.Hyperparameters = silently(kept[0], self, stage, run)
        return found

    Section.__getattribute__ = look_up  # type: ignore[method-assign, assignment]
    Study.hyperparameters = hyperparameters  # type: ignore[method-assign]
    Study.runs = property(lambda self: silently(kept[1].fget, self))  # type: ignore[method-assign, assignment]
    Study.recorded = lambda self, optimizer: silently(kept[2], self, optimizer)  # type: ignore[method-assign]
    Study.trained_optimizers = property(lambda self: silently(kept[3].fget, self))  # type: ignore[method-assign, assignment]
    try:
        yield read
    finally:
        Study.hyperparameters, Study.runs, Study.recorded, Study.trained_optimizers = kept  # type: ignore[method-assign]
        del Section.__getattribute__


def _places(value: Any, path: str) -> Iterator[tuple[int, str]]:
    """Every section within a value, by identity, and the path to what is in it."""
    if isinstance(value, Section):
        yield id(value), path
        for name in type(value).model_fields:
            yield from _places(getattr(value, name), f"{path}{name}.")
    elif isinstance(value, Mapping | list | tuple):
        for inner in value.values() if isinstance(value, Mapping) else value:
            yield from _places(inner, f"{path}*.")
