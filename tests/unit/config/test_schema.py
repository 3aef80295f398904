"""The JSON schema: that it explains every setting, and accepts what a config may be."""

import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from running import TINY

from repdyn.config import config_file, facts, schema, study
from repdyn.config.sections import Section

ROOT = Path(__file__).parents[3]
STUDIES = [ROOT / "config.yaml", *sorted((ROOT / "workflow" / "studies").glob("*.yaml"))]
FOUND = schema.schema()
VALIDATOR = Draft202012Validator(FOUND)


def test_every_setting_is_described():
    sections = {"Study": FOUND, **FOUND["$defs"]}
    assert {*sections} == {model.__name__ for model in (*Section.__subclasses__(), facts.Facts)}
    for name, section in sections.items():
        for setting, about in section["properties"].items():
            text = about.get("description", "")
            assert re.fullmatch(r"[^\n]{8,}[.…]", text), f"{name}.{setting}: {text!r}"


def test_a_description_is_the_docstring_beneath_the_setting():
    assert schema.descriptions(study.Study)["name"] == "Results go to results/NAME."
    assert FOUND["$defs"]["Checkpoints"]["properties"]["every"]["description"] == (
        "For `linear`: epochs from one to the next."
    )


def test_the_copy_for_editors_is_in_step(capsys):
    schema.main()
    assert schema.COPY.read_text(encoding="utf-8") == capsys.readouterr().out, (
        f"run `python -m repdyn schema > {schema.COPY.relative_to(ROOT)}`"
    )


@pytest.mark.parametrize("path", [*STUDIES, TINY], ids=lambda path: path.stem)
def test_every_study_that_comes_with_repdyn_is_accepted(path):
    assert [error.message for error in VALIDATOR.iter_errors(config_file.read(path))] == []


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_editors_find_the_schema_of_every_study(path):
    named = re.match(r"# yaml-language-server: \$schema=(\S+)\n", path.read_text(encoding="utf-8"))
    assert named is not None
    assert (path.parent / named[1]).resolve() == schema.COPY.resolve()


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        ("data", {"lable_noise": 0.1}),
        ("checkpoints", {"schedule": "logg"}),
        ("training", {"epochs": 0}),
        ("measures", [1]),
    ],
)
def test_what_is_wrong_with_one_setting_is_refused(config, section, settings):
    assert VALIDATOR.is_valid(config)
    assert not VALIDATOR.is_valid(config | {section: settings})


@pytest.mark.parametrize(
    ("section", "settings"),
    [
        ("measures", ["cka", {"name": "knn", "neighbours": 5}]),
        ("data", {"clean": {"dataset": "digits"}, "noisy": {"dataset": "digits", "label_noise": 0.2}}),
        ("data", {"dataset": "digits.npz", "standardise": "none"}),
        ("optimizers", {"sgd": {"recorded": "runs/{arch}-{seed}/{epoch}.pt"}}),
    ],
)
def test_what_may_be_written_shorter_is_accepted(config, section, settings):
    assert [error.message for error in VALIDATOR.iter_errors(config | {section: settings})] == []


def test_an_import_reads_no_descriptions():
    """It would take two thirds longer, in every job."""
    assert all(field.description is None for model in Section.__subclasses__() for field in model.model_fields.values())
