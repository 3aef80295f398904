"""What decides a rerun is the truth: no stage and no drawing reads a setting of the study that it does not declare."""

import copy
import itertools
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import declared
import pytest
import yaml
from running import TINY

from repdyn.__main__ import module_of
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.stages import STAGES
from repdyn.config import study as studies
from repdyn.data import datasets
from repdyn.figures import catalogue, draw, style
from repdyn.figures.entry import Drawn
from repdyn.pipeline.jobs import Job
from repdyn.report import template
from repdyn.storage.origin import Origin

STUDY = studies.load(TINY)
RUN = ("vit", "sgd", 0)
PAGES = {"lab_book": catalogue.LAB_BOOK, "report": catalogue.REPORT, "explorer": catalogue.EXPLORER}
# The tiny study has no runs that were trained elsewhere.
MEASURING = [name for name, stage in STAGES.items() if stage.sections and name != "record"]
DRAWINGS = [
    *((figure, "png", True) for figure in catalogue.of_run(STUDY)),
    *((figure, "gif", True) for figure in catalogue.ANIMATIONS),
    *((figure, "png", False) for figure in catalogue.of_study(STUDY)),
    *((page, "html", False) for page in PAGES),
]
# What a stage reads for a line in its log, which changes no number.
SPOKEN = {"train": {"phases.sustained"}}
STAGE_OF = {place: name for name, stage in STAGES.items() for place in stage.writes if name != "record"}


@pytest.fixture(scope="module")
def place(complete: Path, tmp_path_factory):
    """A copy of the complete study, as the working directory."""
    path = shutil.copytree(complete, tmp_path_factory.mktemp("reads") / "study")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(path)
        patch.setitem(style.RC, "savefig.dpi", 60)  # enough to see what there is
        yield path


def entry_of(figure: str, extension: str, of_run: bool) -> Drawn:
    of_study = PAGES if extension == "html" else catalogue.of_study(STUDY)
    return (catalogue.ANIMATIONS if extension == "gif" else catalogue.of_run(STUDY) if of_run else of_study)[figure]


def drawn(study: studies.Study, figure: str, extension: str, of_run: bool) -> bytes:
    """Draw a figure or a page from the tables of the tiny study; what was drawn."""
    run, paths = studies.Run(*RUN) if of_run else None, Paths("results/tiny")
    if figure in PAGES and extension == "html":
        module_of(figure).main(Job(figure, study, paths))
        made = {
            "lab_book": [paths.report_findings(), paths.report_runs()],
            "report": [template.page_of(paths)],
            "explorer": [paths.explorer()],
        }
        return b"".join(Path(path).read_bytes() for path in made[figure])
    output = Path(f"drawn.{extension}")
    draw.main(Job("figure", study, paths, run), figure, output)
    return output.read_bytes()


@contextmanager
def reading_data() -> Iterator[list[object]]:
    """Collect what the data set is read for."""
    read, found = datasets.read, []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(datasets, "read", lambda *words: found.append(words) or read(*words))
        yield found


@pytest.mark.parametrize("stage", MEASURING)
@pytest.mark.usefixtures("place")
def test_a_stage_reads_no_setting_that_it_does_not_declare(stage):
    study = studies.load(TINY)
    run = {"run": studies.Run(*RUN), "seed": studies.Replicate(RUN[2])}.get(STAGES[stage].scope)
    with declared.recording(study) as read, reading_data() as images:
        module_of(stage).main(Job(stage, study, Paths("results/tiny"), run))
    # Regions read images for batch norms, which the ViT has not.
    assert bool(images) == (STAGES[stage].reads_images and stage != "regions")
    # In which order the grid is written changes no number.
    read.settings -= {"archs", "optimizers", "seeds"} | SPOKEN.get(stage, set())
    undeclared = {
        path
        for path in read.settings
        if not path.startswith("execution.") and not declared.stage_declares(stage, path, of_run=run is not None)
    }
    assert not undeclared
    own = set(STAGES[stage].sections)
    assert all(own >= set(STAGES[other].sections) for other in read.stages - {"checkpoints"})


@pytest.mark.parametrize(("figure", "extension", "of_run"), DRAWINGS)
@pytest.mark.usefixtures("place")
def test_a_drawing_reads_the_tables_that_it_declares_and_no_setting_that_neither_it_nor_they_declare(
    figure, extension, of_run
):
    study = studies.parse(wide() | {"seeds": [0]}) if figure == "widths" else studies.load(TINY)
    entry = entry_of(figure, extension, of_run)
    tables, origin = set(), Job.origin
    with declared.recording(study) as read, reading_data() as images, pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Job, "origin", lambda self, record, *words: tables.add(record.path) or origin(self, record, *words)
        )
        if figure == "widths":  # of which the tiny study has none
            patch.setattr(Origin, "check", lambda *_: None)
        drawn(study, figure, extension, of_run)
    assert tables == {*entry.of_run, *entry.of_seed, *entry.of_study}
    assert not images or "data" in entry.reads
    stages = {STAGE_OF[place] for place in (*entry.of_run, *entry.of_seed, *entry.of_study)}
    undeclared = {
        path
        for path in read.settings
        if not path.startswith("execution.") and not declared.drawing_declares(entry, path, study)
        if not any(declared.stage_declares(stage, path, of_run=False) for stage in stages if "." in path)
    }
    assert not undeclared
    of_tables = set().union(*(STAGES[stage].sections for stage in stages))
    assert all(of_tables >= set(STAGES[other].sections) for other in read.stages)


# ---- order, and what is held against what -------------------------------------------------------------------------


def content() -> dict[str, Any]:
    """The tiny study with a second seed, and with contrasts that do not follow from the order of the grid."""
    study = yaml.safe_load(TINY.read_text(encoding="utf-8"))
    contrasts = [{"factor": "optimizer", "levels": ["sgd", "adam"]}, {"factor": "arch", "levels": ["vit", "resnet"]}]
    return study | {"seeds": [0, 1], "findings": study["findings"] | {"contrasts": contrasts}}


def wide() -> dict[str, Any]:
    """The same with widths, for the figure that compares them."""
    study = content()
    for width, name in ((4, "vit"), (8, "resnet")):
        study["archs"][name]["width"] = width
    return study


def backwards(section: str) -> Callable[[dict[str, Any]], None]:
    def change(study: dict[str, Any]) -> None:
        values = study[section]
        study[section] = dict(reversed(values.items())) if isinstance(values, dict) else values[::-1]

    return change


def the_other_way_round(study: dict[str, Any]) -> None:
    study["findings"]["contrasts"][0]["levels"].reverse()


def another_family(study: dict[str, Any]) -> None:
    study["optimizers"]["sgd"]["family"] = "descent"
    study["findings"]["contrasts"][0]["levels"][0] = "descent"


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "archs": backwards("archs"),
    "optimizers": backwards("optimizers"),
    "seeds": backwards("seeds"),
    "contrasts": the_other_way_round,
    "families": another_family,
}


@pytest.fixture
def two_seeds(place, monkeypatch):
    """The tables have a second seed; the other optimizer's and architecture's stand for it."""
    monkeypatch.setattr(Origin, "check", lambda *_: None)
    paths, other = Paths(str(place / "results/tiny")), {"vit": "resnet", "resnet": "vit", "sgd": "adam", "adam": "sgd"}
    for arch, optimizer in itertools.product(("vit", "resnet"), ("sgd", "adam")):
        # Layers differ from one architecture to the other, and the ViT has no batch norm.
        stand_ins = {Paths.history: other[arch], Paths.batch_norm: "resnet"}
        further = (Paths.batch_norm, Paths.events, Paths.boundaries, Paths.layer_geometry, Paths.weight_geometry)
        for lies in (*catalogue.EXPLORER.of_run, *further):
            arch_of = stand_ins.get(lies, arch)
            source, target = studies.Run(arch_of, other[optimizer], 0).path, studies.Run(arch, optimizer, 1).path
            path = Path(lies(paths, target))
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(lies(paths, source), path)
    # Planes go through a seed's own images.
    for stage in ("examples", "planes"):
        module_of(stage).main(Job(stage, studies.parse(content()), paths, studies.Replicate(1)))


@pytest.mark.parametrize(("figure", "extension", "of_run"), [case for case in DRAWINGS if not case[2]])
@pytest.mark.usefixtures("two_seeds")
def test_a_drawing_is_made_anew_where_the_order_of_the_grid_or_what_is_contrasted_changes_it(figure, extension, of_run):
    base = wide() if figure == "widths" else content()
    entry = entry_of(figure, extension, of_run)
    study = studies.parse(base)
    before, decided_by = drawn(study, figure, extension, of_run), repr(entry.made_with(study))
    looks_other, is_planned = set(), set()
    for name, change in CHANGES.items():
        changed = copy.deepcopy(base)
        change(changed)
        study = studies.parse(changed)
        looks_other |= {name} if drawn(study, figure, extension, of_run) != before else set()
        is_planned |= {name} if repr(entry.made_with(study)) != decided_by else set()
    assert is_planned == looks_other
