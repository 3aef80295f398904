"""The command `compare`: its files, and what it refuses."""

import json

import pandas as pd
import pyarrow.parquet as pq
import pytest
from found_studies import finding, found, key, rows_of, undecidable, write

from repdyn import __main__ as main
from repdyn.across_studies import agreement, markdown, together
from repdyn.catalogue.claims import CONTRADICTED, SUPPORTED, UNDECIDED
from repdyn.catalogue.stages import STAGES
from repdyn.config.names import _NAME
from repdyn.records.findings import COMPARED
from repdyn.storage import tables

FILES = {f"comparison.{ending}" for ending in ("parquet", "md", "png", "svg", "pdf")}


def command(monkeypatch: pytest.MonkeyPatch, *arguments: object) -> int:
    monkeypatch.setattr("sys.argv", ["repdyn", "compare", *map(str, arguments)])
    return main.main()


@pytest.fixture
def folders(tmp_path):
    """Results of two studies that have some comparisons in common."""
    same = [finding(UNDECIDED), undecidable("no run has the score", level=None)]
    digits = write(tmp_path / "results" / "digits", [finding(level="resnet"), *same])
    other = [*same, finding(CONTRADICTED, level="resnet"), finding(matching="equal_speed")]
    return [digits, write(tmp_path / "results" / "other", other, seeds=[6, 7, 8, 9, 10, 11])]


@pytest.fixture
def undrawn(monkeypatch):
    """Tests of tables do without the figure, which takes most of the time."""
    monkeypatch.setattr(together.draw, "encoded", lambda *_: b"")


def test_table_and_figure_lie_beside_the_studies_under_a_name_that_no_study_has(folders, monkeypatch, capsys):
    assert command(monkeypatch, *folders) == 0
    folder = folders[0].parent / "_comparison"
    assert {path.name for path in folder.iterdir()} == FILES
    assert not _NAME.fullmatch(folder.name)
    printed, said = capsys.readouterr()
    assert printed == (folder / "comparison.md").read_text(encoding="utf-8")
    assert said == f"Table and figure: {folder / 'comparison'}.*\n"
    for ending, begins in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")):
        assert (folder / f"comparison.{ending}").read_bytes().startswith(begins)


def test_the_same_findings_give_the_same_bytes(folders, tmp_path, monkeypatch):
    for name in ("first", "second"):
        assert command(monkeypatch, *folders, "--output", tmp_path / name) == 0
    for file in FILES:
        assert (tmp_path / "first" / file).read_bytes() == (tmp_path / "second" / file).read_bytes(), file


@pytest.mark.usefixtures("undrawn")
def test_a_row_of_the_table_has_what_each_study_found_and_how_many_agree(folders, tmp_path, monkeypatch):
    assert command(monkeypatch, *folders, "--output", tmp_path / "out") == 0
    frame = pd.read_parquet(tmp_path / "out" / "comparison.parquet").astype(object)
    found_rows = {
        study: {key(row): row for row in rows_of(pd.read_parquet(folder / "findings" / "findings.parquet"))}
        for study, folder in zip(("digits", "other"), folders, strict=True)
    }
    seen = dict.fromkeys(found_rows, 0)
    for row in frame.where(frame.notna(), None).to_dict("records"):
        there = [of[key(row)] for of in found_rows.values() if key(row) in of]
        for study, of in found_rows.items():
            wanted = of.get(key(row), dict.fromkeys(together.OF_STUDY))
            assert {name: row[f"{study}.{name}"] for name in together.OF_STUDY} == {
                name: wanted[name] for name in together.OF_STUDY
            }
            seen[study] += key(row) in of
        decisions = [finding["decision"] for finding in there]
        assert row["n_studies"] == len(there)
        for decision in (SUPPORTED, CONTRADICTED, UNDECIDED):
            assert row[f"n_{decision}"] == decisions.count(decision)
        assert row["contrast"] == there[0]["contrast"]
    assert seen == {study: len(of) for study, of in found_rows.items()}
    assert list(frame.columns[: len(COMPARED)]) == list(COMPARED)


@pytest.mark.usefixtures("undrawn")
def test_the_table_explains_itself(folders, tmp_path, monkeypatch):
    assert command(monkeypatch, *folders, "--output", tmp_path) == 0
    file = tmp_path / "comparison.parquet"
    said = json.loads(pq.read_schema(file).metadata[tables.KEY])
    assert (said["table"], said["stage"]) == ("comparison", "compare")
    assert list(said["studies"]) == ["digits", "other"]
    assert said["studies"]["other"]["hyperparameters"]["seeds"] == [6, 7, 8, 9, 10, 11]
    assert said["units"].keys() == set(pq.read_schema(file).names)
    assert all(said["units"].values())
    assert any("names of levels" in remark for remark in said["remarks"]) is False
    assert any("Optimizers are compared" in remark for remark in said["remarks"])


@pytest.mark.usefixtures("undrawn")
def test_the_table_of_a_page_is_what_is_printed_and_a_page_without_marks_stays(folders, tmp_path, monkeypatch, capsys):
    page = tmp_path / "README.md"
    page.write_text("# Mine\n\n<!-- comparison -->\n<!-- /comparison -->\n", encoding="utf-8")
    assert command(monkeypatch, *folders, "--into", page) == 0
    printed = capsys.readouterr().out
    assert page.read_text(encoding="utf-8") == (f"# Mine\n\n{markdown.START}\n\n{printed}\n{markdown.END}\n")
    page.write_text("# Mine\n", encoding="utf-8")
    assert command(monkeypatch, *folders, "--into", page) == 1
    assert capsys.readouterr().err.count("\n") == 1
    assert page.read_text(encoding="utf-8") == "# Mine\n"


@pytest.mark.usefixtures("undrawn")
def test_too_few_or_too_many_studies_and_bad_folders_are_one_sentence(folders, tmp_path, monkeypatch, capsys):
    for given, sentence in (
        (folders[:1], "1 folder is named, but 2 to 6 studies can be compared; name the folders of their results."),
        ([tmp_path / str(i) for i in range(7)], "7 folders are named, but 2 to 6 studies can be compared"),
        ([*folders, folders[0]], f"The study `{folders[0]}` comes twice."),
        ([*folders, tmp_path], f"`{tmp_path}` has no findings of a study; `snakemake"),
    ):
        assert command(monkeypatch, *given) == 1
        said = capsys.readouterr().err
        assert said.startswith(sentence)
        assert said.count("\n") == 1
    assert not (folders[0].parent / "_comparison").exists()


def test_columns_of_a_study_that_does_not_make_a_comparison_are_null():
    studies = [found("a", [finding()]), found("b", [undecidable(level="resnet")])]
    columns = together.columns(studies, agreement.matched(studies))
    assert columns["a.estimate"] == [0.2, None]
    assert columns["b.reason"] == [None, "too few seeds"]
    assert columns["n_studies"] == [1, 1]
    assert (columns["n_supported"], columns["n_undecided"]) == ([1, 0], [0, 1])
    assert columns["agreement"] == ["only in a: supported", "only in b: cannot be decided"]


def test_the_columns_are_as_many_as_the_layout_has():
    studies = [found("a", [finding()]), found("b", [finding()])]
    assert list(together.columns(studies, agreement.matched(studies))) == together.layout(["a", "b"]).names


def test_the_command_is_declared_as_a_tool_without_files():
    assert STAGES["compare"].scope == "studies"
    assert not STAGES["compare"].writes
