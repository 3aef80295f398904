"""The table of what several studies find, and its place in a page."""

import re

import pytest
from found_studies import finding, found, sampled, undecidable

from repdyn.across_studies import agreement, markdown
from repdyn.catalogue.claims import CLAIMS, CONTRADICTED, UNDECIDED
from repdyn.errors import RepdynError

SIX, THREE = sampled(6, ("sgd", "sgd-slow", "adam")), sampled(3)
# A study of three seeds says so in its heading.
BOTH = (found("six", SIX), found("three", THREE, seeds=[6, 7, 8]))


def of(*studies, **more):
    return markdown.table(studies, agreement.matched(studies), **more)


def rows(text: str) -> list[list[str]]:
    return [[cell.strip() for cell in line[1:-1].split("|")] for line in text.splitlines() if line.startswith("|")]


def notes(text: str) -> dict[str, str]:
    return dict(re.findall(r"(?m)^(\d+)\. (.*)$", text))


def test_every_primary_finding_of_every_study_has_a_cell():
    table = rows(of(*BOTH))
    assert {len(row) for row in table} == {4}
    assert table[0] == ["", "six, 6 seeds", "three, 3 seeds", "together"]
    cells = [row for row in table[2:] if not row[0].startswith("*")]
    for place, found_ in enumerate((SIX, THREE), 1):
        assert sum(row[place] != "" for row in cells) == len(found_)
    assert all(row[3] for row in cells)
    assert {row[0].split("*")[1] for row in table[2:] if row[0].startswith("*")} == set(CLAIMS)


def test_a_cell_is_estimate_and_interval_bold_with_its_decision_where_there_is_one():
    table = rows(of(BOTH[0]))
    wanted = [row for row in SIX if row["reason"] is None]
    cells = [row[1] for row in table[2:] if row[1] and not row[1].startswith("–")]
    assert len(cells) == len(wanted)
    for cell, row in zip(cells, wanted, strict=True):
        first, *rest = cell.split("; ")
        bold = re.fullmatch(r"\*\*(.*) (supported|contradicted)\*\*", first)
        assert (bold[2] if bold else "undecided") == row["decision"]
        numbers = [float(number.replace("−", "-")) for number in re.findall(r"[+−]\d*\.\d\d", first)]
        assert numbers == pytest.approx([row["estimate"], row["ci_low"], row["ci_high"]], abs=0.00501)
        assert float(rest[0].removeprefix("p ")) == pytest.approx(row["p_adjusted"], rel=0.05)
        assert (f"{row['holds_under']} of {row['holds_of']}" in rest) == (row["holds"] is not None)
        assert (f"{row['n_seeds']} seeds" in rest) == (row["n_seeds"] != 6)
    assert {"supported", "contradicted", "undecided"} == {row["decision"] for row in wanted}


def test_what_cannot_be_decided_is_a_dash_with_its_reason():
    text = of(found("a", [undecidable("too few seeds")]), found("b", [undecidable("no pairs")]))
    assert rows(text)[3][1:3] == ["– [1]", "– [2]"]
    assert notes(text) == {"1": "too few seeds", "2": "no pairs"}
    text = of(*BOTH)
    assert len(set(notes(text).values())) == len(notes(text)) == len({row["reason"] for row in [*SIX, *THREE]}) - 1


def test_a_score_of_which_less_is_more_is_turned():
    row = finding(UNDECIDED, score="progress_gap", estimate=0.2, ci_low=0.1, ci_high=0.4, holds=None, p_adjusted=None)
    assert rows(of(found("a", [row])))[3][1] == "−.20 (−.40, −.10)"


def test_what_studies_agree_on_stands_in_the_last_column():
    text = of(found("a", [finding()]), found("b", [finding(CONTRADICTED)]), sharing=[frozenset("ab")])
    assert rows(text)[3][-1] == "contradictory: supported in a; contradicted in b (a and b share runs)"


def test_remarks_stand_below():
    text = of(found("a", [finding()]), remarks=["One.", "Another."])
    assert text.endswith("\n\n- One.\n- Another.")


@pytest.mark.parametrize(
    ("value", "words"), [(0.176, "+.18"), (-0.05, "−.05"), (1.04, "+1.04"), (-0.996, "−1.00"), (10.5, "+10.50")]
)
def test_numbers_have_a_sign_and_two_digits(value, words):
    assert markdown.number(value) == words


def test_the_table_goes_between_the_marks_of_a_page_and_all_else_stays(tmp_path):
    page = tmp_path / "README.md"
    before, after = b"# caf\xc3\xa9\r\n\r\n", b"\r\nThe end."
    page.write_bytes(before + b"<!-- comparison -->\nold\n<!-- /comparison -->" + after)
    markdown.put_into(page, "| new |")
    new = b"<!-- comparison -->\n\n| new |\n\n<!-- /comparison -->"
    assert page.read_bytes() == before + new + after
    markdown.put_into(page, "| new |")
    assert page.read_bytes() == before + new + after


@pytest.mark.parametrize("content", [
    "", "<!-- comparison -->", "<!-- /comparison --><!-- comparison -->",
    "<!-- comparison --><!-- comparison --><!-- /comparison -->",
])  # fmt: skip
def test_a_page_without_its_two_marks_is_refused_and_stays(tmp_path, content):
    page = tmp_path / "README.md"
    page.write_text(content, encoding="utf-8")
    with pytest.raises(RepdynError, match="needs a line `<!-- comparison -->` and below it a line `<!-- /comp"):
        markdown.put_into(page, "| new |")
    assert page.read_text(encoding="utf-8") == content


def test_a_page_that_is_not_there_or_no_text_is_refused(tmp_path):
    with pytest.raises(RepdynError, match=r"README\.md` cannot be read: No such file"):
        markdown.put_into(tmp_path / "README.md", "| new |")
    (tmp_path / "page.png").write_bytes(b"\x89PNG")
    with pytest.raises(RepdynError, match=r"page\.png` is no UTF-8 text"):
        markdown.put_into(tmp_path / "page.png", "| new |")
