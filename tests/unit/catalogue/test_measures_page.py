"""The page about measures says of each what the catalogue says."""

from pathlib import Path

import pytest

from repdyn.catalogue.measures import DEFAULT, MEASURES, OF_ACTIVATIONS
from repdyn.records.cka import CKA, further

PAGE = (Path(__file__).parents[3] / "docs" / "measures.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("measure", MEASURES.values(), ids=MEASURES)
def test_range_chance_and_source_are_those_of_the_catalogue(measure):
    (line,) = [line for line in PAGE.splitlines() if line.startswith("|") and f"`{measure.name}`" in line.split("|")[1]]
    _, _, _, limits, chance, source, _ = line.split("|")
    assert limits.strip() == f"{measure.range[0]:g} to {measure.range[1]:g}"
    assert chance.strip() == measure.chance
    assert source.strip() == measure.source


def test_the_default_is_what_is_said():
    first = PAGE.split("```yaml\n")[1].split("```")[0]
    names = [line.strip(" -").removeprefix("{name: ").partition(",")[0] for line in first.splitlines()[1:]]
    assert names[: len(DEFAULT)] == list(DEFAULT)


@pytest.mark.parametrize("measure", OF_ACTIVATIONS.values(), ids=OF_ACTIVATIONS)
def test_a_file_says_of_each_measure_what_the_catalogue_says(measure):
    fields = [*CKA.schema, *further([measure])]
    (unit,) = [field.metadata[b"unit"].decode() for field in fields if field.name == measure.column]
    assert measure.source in unit and measure.chance in unit and f"to {measure.range[1]:g}" in unit
