"""The table of what several studies find."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from conftest import TINY
from sample_tables import findings

from repdyn import __main__ as main
from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.pipeline.jobs import Job
from repdyn.records.findings import FINDINGS
from repdyn.stages import summary
from repdyn.storage import tables

SIX, THREE = findings(seeds=6)[0], findings(seeds=3, optimizers=("sgd", "adam"))[0]


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("|")]


def notes(text: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^(\d+)\. (.*)$", text))


def test_every_primary_finding_of_every_study_has_a_cell():
    table = rows(summary.markdown({"six": SIX, "three": THREE}))
    assert {len(row) for row in table} == {5}
    assert table[0] == ["", "six", "holds under", "three", "holds under"]
    cells = [row[1::2] for row in table[2:] if not row[0].startswith("*")]
    for place, frame in enumerate((SIX, THREE)):
        assert sum(cell[place] != "" for cell in cells) == frame["primary"].sum()
    # Its third optimizer is of the study with six seeds alone.
    assert {(row[3], row[4]) for row in table if "sgd-slow" in row[0]} == {("", "")}
    assert table[4][0] == "optimizer: sgd − adam, arch: vit"


def test_a_cell_is_estimate_and_interval_bold_with_its_verdict_where_it_is_decided():
    table = rows(summary.markdown({"six": SIX}))
    wanted = SIX[SIX["primary"].astype(bool) & SIX["reason"].isna()]
    cells = [row[1] for row in table[2:] if row[1] and not row[1].startswith("–")]
    assert len(cells) == len(wanted)
    for cell, (_, row) in zip(cells, wanted.iterrows(), strict=True):
        bold = re.fullmatch(r"\*\*(.*) (supported|contradicted)\*\*( \[\d+\])*", cell)
        assert (bold[2] if bold else "undecided") == row["decision"]
        numbers = [float(number.replace("−", "-")) for number in re.findall(r"[+−]\d*\.\d\d", cell)]
        assert numbers == pytest.approx([row["estimate"], row["ci_low"], row["ci_high"]], abs=0.00501)
    assert {"supported", "contradicted", "undecided"} == set(wanted["decision"])


def test_the_number_of_measures_under_which_a_claim_holds_stands_beside_it():
    table = rows(summary.markdown({"six": SIX}))
    beside = [row[2] for row in table[2:] if row[1]]
    primary = SIX[SIX["primary"].astype(bool)]
    said = [
        "" if pd.isna(row["holds"]) else f"{row['holds_under']:.0f} of {row['holds_of']:.0f}"
        for _, row in primary.iterrows()
    ]
    assert beside == said
    assert any(beside) and not all(beside)


def test_what_cannot_be_decided_is_a_dash_with_its_reason():
    text = summary.markdown({"three": THREE})
    (cell,) = (row[1] for row in rows(text) if row[0] == "all runs")
    assert notes(text)[re.fullmatch(r"– \[(\d+)\]", cell)[1]].startswith("not testable: no runs without wrong labels")
    assert len(set(notes(text).values())) == len(notes(text))
    undecidable = THREE[THREE["primary"].astype(bool)]["reason"].notna().sum()
    assert sum(row[1].startswith("– [") for row in rows(text)) == undecidable


def test_optimizers_at_equal_speed_share_a_row_with_those_of_one_rate_and_a_note_says_so():
    text = summary.markdown({"six": SIX, "three": THREE})
    (number,) = (number for number, note in notes(text).items() if note == "at equal speed of fit")
    compared = [row for row in rows(text) if row[0].startswith("optimizer: ")]
    assert compared
    for row in compared:
        assert row[1].endswith(f" [{number}]")
        assert row[3] and f"[{number}]" not in row[3]


@pytest.mark.parametrize(
    ("value", "words"), [(0.176, "+.18"), (-0.05, "−.05"), (1.04, "+1.04"), (-0.996, "−1.00"), (10.5, "+10.50")]
)
def test_numbers_have_a_sign_and_two_digits(value, words):
    assert summary._number(1, value) == words


def test_a_score_of_which_less_is_more_is_turned():
    row = {"score": "progress_gap", "estimate": 0.2, "ci_low": 0.1, "ci_high": 0.4, "decision": "undecided"}
    assert summary._estimate(row) == "−.20 (−.40, −.10)"


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["repdyn", "summary", *map(str, arguments)])
    return main.main()


def write(study: studies.Study, frame: pd.DataFrame, results: object) -> None:
    job = Job("findings", study, Paths(f"{results}/{study.name}"))
    table = pa.Table.from_pandas(frame.replace({np.nan: None}), FINDINGS.schema, preserve_index=False)
    tables.write(job.path(FINDINGS), table, FINDINGS.schema, job.metadata(FINDINGS))


def test_the_command_prints_a_column_for_each_study_and_refuses_others_in_a_sentence(tmp_path, monkeypatch, capsys):
    other = tmp_path / "other.yaml"
    other.write_text(TINY.read_text(encoding="utf-8").replace("name: tiny", "name: other"), encoding="utf-8")
    both = ("--study", TINY, "--study", other, "--results", tmp_path)
    write(studies.load(TINY), SIX, tmp_path)
    assert command(monkeypatch, *both) == 1
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("The study `other` has no findings: `")
    write(studies.load(other), THREE, tmp_path)
    assert command(monkeypatch, *both) == 0
    assert capsys.readouterr().out == summary.markdown({"tiny, 1 seed": SIX, "other, 1 seed": THREE}) + "\n"
    assert command(monkeypatch, "--study", TINY, *both) == 1
    assert "The study `tiny` comes twice." in capsys.readouterr().err


def test_findings_of_other_settings_are_refused(tmp_path, monkeypatch, capsys):
    study = studies.load(TINY)
    write(study.model_copy(update={"seeds": [0, 1]}), SIX, tmp_path)
    assert command(monkeypatch, "--study", TINY, "--results", tmp_path) == 1
    assert "was made with" in capsys.readouterr().err
