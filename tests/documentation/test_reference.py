"""The reference has an entry for everything that the library declares, and each part of it stands on one page."""

import importlib.util
import pkgutil
import re
from importlib import import_module
from types import ModuleType

import pytest
from blocks import PAGES, ROOT
from pydantic import BaseModel

import repdyn.records
from repdyn.catalogue.claims import CLAIMS
from repdyn.catalogue.events import EVENTS
from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.scores import SCORES
from repdyn.catalogue.stages import STAGES
from repdyn.config.study import Study, load
from repdyn.figures import catalogue as figures
from repdyn.storage.origin import Record
from repdyn.storage.tables import Table

STUDY = load(ROOT / "config.yaml")


def _reference() -> ModuleType:
    """``docs/reference.py``, which stands in no package."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REFERENCE = _reference()
RECORDS = [
    value
    for module in pkgutil.iter_modules(repdyn.records.__path__)
    for value in vars(import_module(f"repdyn.records.{module.name}")).values()
    if isinstance(value, Record)
]


def under(heading: str, text: str) -> str:
    """What stands under a heading of the second or third level."""
    found = re.search(rf"^(##+) {re.escape(heading)}\n(.*?)(?=^\1 |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found is not None, heading
    return found[2]


def sections(model: type[BaseModel]) -> list[type[BaseModel]]:
    return [found for inner in model.__subclasses__() for found in (inner, *sections(inner))]


# All sections, and the study, have one base.
@pytest.mark.parametrize("section", sections(Study.__mro__[1]), ids=lambda section: section.__name__)
def test_every_setting_has_its_row(section: type[BaseModel]):
    heading = "The study" if section is Study else section.__name__
    rows = re.findall(r"^\| `(\w+)` \|", under(heading, REFERENCE.settings()), re.MULTILINE)
    assert rows == list(section.model_fields)


def test_a_setting_s_description_has_a_column_where_there_is_one():
    text = REFERENCE._settings_of({"properties": {"a": {"type": "integer", "description": "How many."}, "b": {}}})
    assert "| `a` | How many. | a whole number |" in text
    assert "what it is" not in REFERENCE._settings_of({"properties": {"b": {}}})


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.name)
def test_every_table_has_its_path_and_columns(record: Record):
    text = under(f"`{record.name}`", REFERENCE.written())
    assert f"`{REFERENCE.path(record.path)}`" in text
    if isinstance(record, Table):
        assert re.findall(r"^\| `([^`]+)` \|", text, re.MULTILINE) == record.names


def test_every_file_of_a_stage_is_declared():
    named = {record.path for record in RECORDS}
    assert {place for stage in STAGES.values() for place in stage.writes} <= named


@pytest.mark.parametrize(
    ("made", "names"),
    [("measures", MEASURES), ("scores", SCORES), ("events", EVENTS)],
    ids=["measures", "scores", "events"],
)
def test_every_entry_of_the_catalogue_has_its_row(made: str, names: dict[str, object]):
    assert re.findall(r"^\| `([^`]+)`", REFERENCE.MADE[made](), re.MULTILINE) == list(names)


def test_every_claim_says_what_decides_it():
    for name, claim in CLAIMS.items():
        assert f"(`{claim.primary[1]}`)" in under(name, REFERENCE.claims())


def test_every_stage_says_what_it_does_and_writes():
    for name, stage in STAGES.items():
        text = under(f"`{name}`", REFERENCE.stages())
        assert stage.help[1:] in text
        assert all(f"`{REFERENCE.path(place)}`" in text for place in stage.writes)


def test_every_figure_has_its_row():
    text = REFERENCE.drawn()
    for kind, names in (
        ("Of a run", {*figures.of_run(STUDY), *figures.left_out(STUDY, "run")}),
        ("Of the study", {*figures.of_study(STUDY), *figures.left_out(STUDY, "study")}),
        ("Of a run, moving", set(figures.ANIMATIONS)),
    ):
        assert set(re.findall(r"^\| `([^`]+)` \|", under(kind, text), re.MULTILINE)) == names


@pytest.mark.parametrize("made", ["settings", "tables", "measures", "scores", "events", "figures"])
def test_every_row_of_a_table_has_as_many_cells_as_its_head(made: str):
    for table in re.findall(r"(?:^\|.*\|$\n?)+", REFERENCE.MADE[made](), re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1, table.splitlines()[0]


def test_each_part_stands_on_one_page():
    marks = [
        mark for page in PAGES for mark in re.findall(r"^<!-- made: (\w+) -->$", page.read_text(encoding="utf-8"), re.M)
    ]
    assert sorted(marks) == sorted(REFERENCE.MADE)


def test_a_mark_of_nothing_is_an_error():
    with pytest.raises(KeyError, match="nothing"):
        REFERENCE.filled("<!-- made: nothing -->")


def test_the_picture_of_the_pipeline_has_every_stage():
    shown = re.findall(r"<text[^>]*>([^<]+)</text>", (ROOT / "docs" / "pipeline.svg").read_text(encoding="utf-8"))
    jobs = [name for name, stage in STAGES.items() if stage.scope in ("run", "seed", "study", "either")]
    assert not set(jobs) - set(shown)
