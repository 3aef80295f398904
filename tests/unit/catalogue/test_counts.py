"""What tables count their rows by: all of it is counted of a study, and some table needs it."""

import importlib
import pkgutil
from typing import Any

import pytest
from running import TINY

from repdyn import records
from repdyn.catalogue.counts import Counts
from repdyn.config import study as studies
from repdyn.pipeline.counts import StudyCounts
from repdyn.storage.origin import Record

NAMES = sorted(name for name, member in vars(Counts).items() if isinstance(member, property))
MODULES = [
    importlib.import_module(f"{records.__name__}.{found.name}") for found in pkgutil.iter_modules(records.__path__)
]
RECORDS = {value.name: value for module in MODULES for value in vars(module).values() if isinstance(value, Record)}


class Noted:
    """Counts, of one each, that note what they are asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getattr__(self, name: str) -> int:
        self.asked.add(name)
        return 1


def test_every_count_gives_the_rows_of_some_table_and_no_table_asks_for_another() -> None:
    counts: Any = Noted()
    for record in RECORDS.values():
        rows = None if record.rows is None else record.rows(counts)
        assert rows is None or rows > 0, record.name
    assert counts.asked == set(NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_each_is_counted_of_a_run_without_computing_anything(name: str) -> None:
    study = studies.load(TINY)
    counts: Counts = StudyCounts(study, study.runs[0])
    count = getattr(counts, name)
    assert type(count) is int and count > 0


def test_those_of_the_tiny_study() -> None:
    study = studies.load(TINY)
    counts: Counts = StudyCounts(study, study.runs[0])
    assert (counts.train, counts.test, counts.compared, counts.probed) == (120, 60, 40, 100)
    assert (counts.planes, counts.pictures) == (2, 1)
    assert counts.evaluations == 20 + 1
    assert counts.checkpoints == 1 + 5 + 2, "initialisation, a decade from 1 on, and 10 and 16 epochs"
    assert counts.pairs_of_seeds == 2**2
