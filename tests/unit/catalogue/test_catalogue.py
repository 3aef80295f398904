"""That what is declared is what is written, and stands nowhere else."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import repdyn
from repdyn.catalogue import claims, events, measures, scores
from repdyn.catalogue.plane_sets import IMAGES

LIBRARY = Path(repdyn.__file__).parent


def test_no_two_of_a_kind_are_called_alike():
    for entries in (measures.MEASURES, events.EVENTS, scores.SCORES):
        labels = [entry.label for entry in entries.values()]
        assert len(set(labels)) == len(labels)
    assert not set(events.EVENTS) & set(scores.SCORES), "both are in the column `score`"


# Words that stages and columns are called by, too.
WORDS = {"phases", "novelty", "synchrony"}


@pytest.mark.parametrize("name", sorted({*events.EVENTS, *scores.SCORES, *claims.CLAIMS} - WORDS))
def test_a_name_stands_once(name):
    quoted = re.compile(rf"""(?<![`\w])["']{re.escape(name)}["']""")
    found = [path for path in LIBRARY.rglob("*.[pj][ys]") for _ in quoted.findall(path.read_text(encoding="utf-8"))]
    assert [path.parent for path in found] == [LIBRARY / "catalogue"]


def test_the_sets_of_planes_stand_once():
    for words in IMAGES.values():
        assert [path.name for path in LIBRARY.rglob("*.py") if f'"{words}"' in path.read_text(encoding="utf-8")] == [
            "plane_sets.py"
        ] or words == "test images"  # which dynamics and check say of other things


def test_it_imports_nothing_heavy():
    code = (
        "import sys; from repdyn.catalogue import claims, events, measures, plane_sets, scores; "
        "print(*sorted({'numpy', 'pandas', 'pyarrow', 'matplotlib', 'torch'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(LIBRARY.parent)},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.strip() == ""
