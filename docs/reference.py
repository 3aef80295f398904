"""The reference's tables in Markdown, made from the library: what a study may set, and what it leaves.

Each is read off the entry that declares it: settings off the pydantic models, tables off ``repdyn.records``, all else
off ``repdyn.catalogue``. So nothing here is written twice, and a new entry has its line with the next build.
"""

from __future__ import annotations

import inspect
import json
import pkgutil
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa

import repdyn.records
from repdyn.catalogue.claims import CLAIMS, Claim
from repdyn.catalogue.events import EVENTS
from repdyn.catalogue.measures import ALWAYS, DEFAULT, MEASURES
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.scores import SCORES, Score
from repdyn.catalogue.stages import STAGES, Place, Stage
from repdyn.config import schema as config_schema
from repdyn.config.study import load
from repdyn.figures import catalogue as figures
from repdyn.figures.entry import Entry
from repdyn.storage import tables as storage
from repdyn.storage.origin import Record
from repdyn.storage.tables import Table

_MARK = re.compile(r"^<!-- made: (\w+) -->$", re.MULTILINE)
_STUDY = Path(__file__).parents[1] / "config.yaml"
Schema = Mapping[str, Any]


def filled(page: str) -> str:
    """A page with the reference in place of its marks, ``<!-- made: settings -->`` and so on.

    Raises:
        KeyError: if there is nothing of a mark's name.
    """
    return _MARK.sub(lambda mark: MADE[mark[1]](), page)


# Settings

_FILLED_IN = {"measures"}  # before validation: those that come by default, where the data allow them


def settings() -> str:
    """Every setting: the study's own, then a heading and a table for each section, in the order of the schema."""
    schema: Schema = config_schema.schema()
    definitions: Schema = schema["$defs"]
    parts = ["## The study", _about(schema), _settings_of(schema)]
    for name in _in_order(schema, definitions):
        parts += [f"## {name}", _where(name, schema, definitions), _about(definitions[name])]
        parts.append(_settings_of(definitions[name]))
    return "\n\n".join(part for part in parts if part)


def _in_order(schema: Schema, definitions: Schema) -> list[str]:
    """The sections that a study can reach, each behind the one that first names it."""
    found: list[str] = []
    for setting in schema.get("properties", {}).values():
        for name in _sections_in(setting):
            found += [name, *_in_order(definitions[name], definitions)]
    return list(dict.fromkeys(found))


def _sections_in(setting: Any) -> list[str]:
    """The sections that a setting may hold, in order."""
    if isinstance(setting, Mapping):
        own = [str(setting["$ref"]).rpartition("/")[2]] if "$ref" in setting else []
        return [*own, *(name for key, value in setting.items() if key != "default" for name in _sections_in(value))]
    return [name for value in setting for name in _sections_in(value)] if isinstance(setting, list) else []


def _where(section: str, schema: Schema, definitions: Schema) -> str:
    """Where a section stands in a study's file."""
    holders = {"": schema, **definitions}
    places = [
        f"`{key}`" + (f" of [{holder}](#{_slug(holder)})" if holder else "")
        for holder, content in holders.items()
        for key, setting in content.get("properties", {}).items()
        if section in _sections_in(setting)
    ]
    return f"Stands under {', '.join(places)}."


def _about(schema: Schema) -> str:
    return inspect.cleandoc(schema.get("description", ""))


def _settings_of(schema: Schema) -> str:
    """A section's table, without the column of descriptions where none of its settings has one."""
    required = schema.get("required", ())
    found: Schema = schema.get("properties", {})
    heads = ("setting", "what it is", "what it may be", "default")
    rows = [
        (
            f"`{name}`",
            setting.get("description", ""),
            _kind(setting),
            _default(setting) if name not in required else "filled in" if name in _FILLED_IN else "needed",
        )
        for name, setting in found.items()
    ]
    if any(description for _, description, *_ in rows):
        return _table(heads, rows)
    return _table((heads[0], *heads[2:]), ((name, *others) for name, _, *others in rows))


def _kind(setting: Schema) -> str:
    """What a setting may be, in words."""
    if "$ref" in setting:
        name = str(setting["$ref"]).rpartition("/")[2]
        return f"a section [{name}](#{_slug(name)})"
    choices = setting.get("anyOf") or setting.get("oneOf")
    if choices:
        return " or ".join(_kind(choice) for choice in choices)
    if "const" in setting:
        return f"`{setting['const']}`"
    if "enum" in setting:
        return ", ".join(f"`{value}`" for value in setting["enum"])
    match setting.get("type"):
        case "null":
            return "nothing"
        case "array" if "prefixItems" in setting:
            return "a list of " + " and ".join(_kind(item) for item in setting["prefixItems"])
        case "array":
            return f"a list, each {_kind(setting.get('items', {}))}"
        case "object":
            inner = setting.get("additionalProperties")
            return f"names, each with {_kind(inner)}" if isinstance(inner, Mapping) else "names and values"
        case "string":
            return f"text of the form `{setting['pattern']}`" if "pattern" in setting else "text"
        case "boolean":
            return "`true`, `false`"
        case "integer" | "number" as kind:
            return ("a whole number" if kind == "integer" else "a number") + _bounds(setting)
        case _:
            return "any value"


def _bounds(setting: Schema) -> str:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {setting[key]:,}" for key, sign in words.items() if key in setting]
    return f" {', '.join(found)}" if found else ""


def _default(setting: Schema) -> str:
    """A default; a section's own stands in the section's table, and what a study fills in has none here."""
    if "$ref" in setting or (isinstance(setting.get("default"), dict) and setting["default"]):
        return "that of the section"
    if "default" not in setting:
        return "see below"
    return "nothing" if setting["default"] is None else f"`{json.dumps(setting['default'], ensure_ascii=False)}`"


# Tables


def records() -> list[Record]:
    """Every file that a stage declares, in the order of stages."""
    return repdyn.records.declared()


def path(place: Place) -> str:
    """A path below the study's folder, with ``RUN``, ``SEED`` and ``STEP`` for what differs."""
    names = list(inspect.signature(place).parameters)[1:]
    return str(place(Paths(""), *(name.upper() for name in names))).removeprefix("/")


def written() -> str:
    """Every table with its columns and units, and every other file."""
    parts: list[str] = []
    for record in records():
        one = {"run": "One for each run", "seed": "One for each seed", "study": "One for the study"}[record.scope]
        writers = [name for name, stage in STAGES.items() if record.path in stage.writes]
        parts.append(f"## `{record.name}`")
        parts.append(f"`{path(record.path)}`. {one}, written by {_listed(_stage(name) for name in writers)}.")
        if isinstance(record, Table):
            parts.append(_columns(record))
            if record.more is not None:
                parts.append("Further columns depend on the study: its measures, layers or levels.")
        else:
            parts.append("Not a table: weights or a state.")
    return "\n\n".join(parts)


def _columns(table: Table) -> str:
    units = storage.units(table.schema)
    return _table(
        ("column", "type", "unit"),
        ((f"`{field.name}`", _type(field.type), units[field.name]) for field in table.schema),
    )


def _type(kind: pa.DataType) -> str:
    """A column's type; of a list, that of its elements and how many there are."""
    if not pa.types.is_list(kind) and not pa.types.is_fixed_size_list(kind):
        return f"`{kind}`"
    number = f"{kind.list_size} " if pa.types.is_fixed_size_list(kind) else ""
    return f"{number}× {_type(kind.value_type)}" if number else f"list of {_type(kind.value_type)}"


# The catalogue


def measures() -> str:
    """Every measure of similarity."""
    default = {**dict.fromkeys(DEFAULT, "by default"), **dict.fromkeys(ALWAYS, "always")}
    return _table(
        ("measure", "what it is", "range; by chance", "column", "measured"),
        (
            (
                f"`{name}` {measure.label}",
                f"{measure.words} ({measure.source})",
                f"{measure.range[0]:g} … {measure.range[1]:g}; {measure.chance}",
                f"`{measure.column}` of `{measure.table}`",
                ("on planes" if measure.planes else default.get(name, "on request"))
                + ("" if measure.kernel else "; no phases"),
            )
            for name, measure in MEASURES.items()
        ),
    )


def scores() -> str:
    """Every score."""
    return _table(
        ("score", "formula", "of", "unit; range", "held against"),
        (
            (
                f"`{name}` {score.label}",
                score.formula,
                _OF[score.scope],
                score.range if score.unit == "1" else f"{score.unit}; {score.range}",
                _held(score),
            )
            for name, score in SCORES.items()
        ),
    )


_OF = {"layer": "a layer", "run": "a run", "history": "a history", "runs": "several runs"}


def _held(score: Score) -> str:
    return "nothing: it describes" if score.descriptive else score.against or ""


def events() -> str:
    """Every event."""
    return _table(("event", "label"), ((f"`{name}`", event.label) for name, event in EVENTS.items()))


def claims() -> str:
    """Every claim, under a heading of its own."""
    return "\n\n".join(f"### {name}\n\n{_claim(claim)}" for name, claim in CLAIMS.items())


_TESTED = {
    "levels": "Two levels of a factor are compared, at each level of the others.",
    "cell": "Each architecture, optimizer and level of the data is compared with 0.",
    "twin": "Runs with wrong labels are compared with the same runs without.",
    "fit": "Runs of an architecture are compared by when they fit.",
}


def _claim(claim: Claim) -> str:
    measure, score = claim.primary
    by = SCORES[score].label if measure is None else f"{SCORES[score].label}, by {MEASURES[measure].label}"
    lines = [
        f"- Decided by: {by} (`{score}`).",
        f"- Test: {_TESTED[claim.test]}",
        f"- If it were false: {claim.null}.",
    ]
    if claim.exploratory:
        lines.append(f"- Explored: {_listed(f'`{name}`' for name in claim.exploratory)}.")
    if claim.needs:
        lines.append(f"- Needs: {_listed(EVENTS[name].label for name in claim.needs)}.")
    if claim.obstacle:
        lines.append(f"- Not testable with: {claim.obstacle}.")
    if claim.unsaid:
        lines.append(f"- {claim.unsaid}")
    return "\n".join(lines)


# Stages and figures


def stages() -> str:
    """Every stage and tool, in the order of a study."""
    return "\n\n".join(f"## `{name}`\n\n{_of_stage(stage)}" for name, stage in STAGES.items())


_JOBS = {
    "run": "One job for each run.",
    "seed": "One job for each seed.",
    "study": "One job for the study.",
    "either": "One job for each figure, of a run or of the study.",
    "studies": "A tool for the results of several studies.",
}
_TOOL = "A tool: people call it; it has no rule."


def _of_stage(stage: Stage) -> str:
    lines = [f"{stage.help[0].upper()}{stage.help[1:]}.", "", f"- {_JOBS.get(stage.scope, _TOOL)}"]
    if stage.on_demand:
        lines.append("- On request: `make run` alone does not ask for it.")
    if stage.sections:
        lines.append(f"- Settings that decide its numbers: {_listed(f'`{name}`' for name in stage.sections)}.")
    if stage.user_code:
        lines.append(f"- Runs your own code, if the study names any: {_listed(stage.user_code)}.")
    if stage.uses_gpu:
        lines.append("- Uses a GPU where there is one.")
    if stage.writes:
        lines.append(f"- Writes {_listed(f'`{path(place)}`' for place in stage.writes)}.")
    return "\n".join(lines)


def drawn() -> str:
    """Every figure, with the names that the default study's measures give them."""
    study = load(_STUDY)
    by_default = {"run": figures.drawn_of_run(study, min(study.runs, key=str)), "study": figures.drawn_of_study(study)}
    parts = []
    for scope, kind in _SCOPES.items():
        listed = figures.of_run(study) if scope == "run" else figures.of_study(study)
        found = {name: figures.find(study, name, scope) for name in (*listed, *figures.left_out(study, scope))}
        entries = {name: entry for name, entry in found.items() if entry is not None}
        parts += [f"## {kind}", _table(_FIGURE, _figures(entries, by_default[scope]))]
    return "\n\n".join([*parts, "## Of a run, moving", _table(_FIGURE, _figures(figures.ANIMATIONS, ()))])


_SCOPES: dict[Literal["run", "study"], str] = {"run": "Of a run", "study": "Of the study"}
_FIGURE = ("figure", "what it shows", "by default")


def _figures(entries: Mapping[str, Entry], by_default: Iterable[str]) -> Iterator[tuple[str, str, str]]:
    always = set(by_default)
    for name, entry in entries.items():
        yield f"`{name}`", f"**{entry.title}.** {entry.description}", "yes" if name in always else ""


# Functions


def functions(package: str) -> str:
    """The modules of a package, with the docstrings of what is public in them."""
    modules = pkgutil.iter_modules(import_module(f"repdyn.{package}").__path__)
    return "\n\n".join(_MODULE.format(package=package, module=module.name) for module in modules)


_MODULE = """## `{module}`

~~~{{eval-rst}}
.. automodule:: repdyn.{package}.{module}
   :members:
~~~"""


# Words


def _stage(name: str) -> str:
    return f"[`{name}`](reference-stages.md#{_slug(name)})"


def _slug(heading: str) -> str:
    """The anchor of a heading, as GitHub and MyST make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _listed(words: Iterable[str]) -> str:
    return ", ".join(words)


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table."""
    lines = [list(heads)]
    lines += [["---"] * len(lines[0]), *([*row] for row in rows)]
    cells = [[" ".join(cell.split()).replace("|", r"\|") for cell in line] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in cells)


# Mark of a page -> what takes its place.
MADE: dict[str, Callable[[], str]] = {
    "settings": settings,
    "tables": written,
    "measures": measures,
    "scores": scores,
    "events": events,
    "claims": claims,
    "stages": stages,
    "figures": drawn,
    "similarity": partial(functions, "similarity"),
    "analysis": partial(functions, "analysis"),
    "drawings": partial(functions, "figures"),
}
