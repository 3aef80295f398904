import found_studies
import pytest

from repdyn.catalogue.claims import CONTRADICTED, SUPPORTED, UNDECIDED
from repdyn.catalogue.paths import Paths
from repdyn.errors import RepdynError
from repdyn.pipeline import closing_words

ROWS = [
    found_studies.finding(SUPPORTED, claim="layers change more", level="vit"),
    found_studies.finding(UNDECIDED, claim="layers change more", level="resnet"),
    found_studies.finding(CONTRADICTED, claim="phases are more distinguishable"),
    found_studies.undecidable(claim="deeper layers change more"),
]


def test_a_study_that_is_done_says_where_it_is_what_it_found_and_what_comes_next(tmp_path):
    folder = found_studies.write(tmp_path / "digits", [*ROWS, ROWS[0] | {"primary": False, "decision": None}])
    lines = closing_words.of_study(Paths(str(folder)), "figures/findings.png", "make report").splitlines()
    assert lines == [
        f"Done: tables and figures are in {folder}. Look first at figures/findings.png.",
        "Of 4 comparisons that decide claims, 1 are supported, 1 contradicted and 2 undecided.",
        "Supported: layers change more (1 of 2).",
        "Contradicted: phases are more distinguishable (1 of 1).",
        f'Next: `make report` puts all of it on one page; `repdyn.load("{folder}")` reads it in Python.',
    ]


def test_nothing_is_said_of_what_there_is_not(tmp_path):
    lines = closing_words.of_study(Paths(str(tmp_path)), None, "make report").splitlines()
    assert lines[0] == f"Done: tables and figures are in {tmp_path}."
    assert len(lines) == 2
    assert closing_words.of_findings([ROWS[1]])[1:] == ["Supported: nothing.", "Contradicted: nothing."]


def test_findings_that_are_damaged_are_named(tmp_path):
    path = found_studies.write(tmp_path / "digits", ROWS) / "findings" / "findings.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(RepdynError, match=r"findings\.parquet"):
        closing_words.of_study(Paths(str(tmp_path / "digits")), None, "make report")
