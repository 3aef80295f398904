"""The forest plot of several studies: what is drawn, and that it can be read."""

import numpy as np
import pytest
from found_studies import finding, found, sampled, undecidable
from overlaps import overlaps

from repdyn.across_studies import agreement, forest, remarks
from repdyn.catalogue.claims import CHANGE, CONTRADICTED, SUPPORTED, SYNCHRONY_MORE, UNDECIDED
from repdyn.figures import draw, paper

LONG = "a-study-whose-name-goes-on-and-on-until-no-column-of-any-sheet-of-paper-could-hold-it"


def drawn(*studies, **more):
    return forest.forest(studies, agreement.matched(studies), **more)


def pages(*studies):
    return list(draw.pages(lambda: drawn(*studies)))


def marks(figure, what="estimate"):
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == what]


def words(figure):
    return [text.get_text() for text in figure.texts]


def many(number, name="study-{}"):
    """Studies that make all kinds of comparison, the second of them with too few seeds, the third without the ViT."""
    rows = [sampled(6), sampled(3), [row for row in sampled(6) if "vit" not in (row["first"], row["level"])]]
    return [found(name.format(i), rows[i % len(rows)], seeds=[*range(10 * i, 10 * i + 6)]) for i in range(number)]


def test_a_mark_for_each_estimate_of_each_study_is_filled_where_it_is_decided():
    studies = many(3)
    figures = pages(*studies)
    shown = [row for study in studies for row in study.rows if row["estimate"] is not None]
    estimates = [line for figure in figures for line in marks(figure)]
    assert len(estimates) == len(shown) > 50
    assert sum(len(marks(figure, "interval")) for figure in figures) == sum(row["ci_low"] is not None for row in shown)
    filled = [line for line in estimates if line.get_markerfacecolor() == line.get_color()]
    assert len(filled) == sum(row["decision"] != UNDECIDED for row in shown) > 0
    hollow = [line for line in estimates if line.get_markerfacecolor() == "white"]
    assert len(hollow) == len(shown) - len(filled) > 0
    assert {(line.get_color(), line.get_marker()) for line in estimates} == set(forest.MARKS[:3])


def test_marks_stand_at_the_estimates_and_lines_from_end_to_end():
    less = finding(UNDECIDED, score="progress_gap", estimate=0.2, ci_low=0.1, ci_high=0.4)
    figure = drawn(found("a", [finding(SUPPORTED), less]), found("b", [finding(CONTRADICTED, level="resnet")]))
    assert sorted(float(line.get_xdata()[0]) for line in marks(figure)) == [-0.2, -0.2, 0.2]
    ends = sorted(tuple(np.round(line.get_xdata(), 9)) for line in marks(figure, "interval"))
    assert ends == [(-0.4, -0.1), (-0.25, -0.15), (0.15, 0.25)]


def test_a_claim_that_a_page_does_not_hold_goes_on_under_its_heading_on_the_same_axis():
    rows = [finding(contrast=f"comparison {i}", estimate=float(i), level=f"net-{i}") for i in range(40)]
    figures = pages(found("a", rows), found("b", rows), found("c", rows))
    assert len(figures) > 1
    assert all(f"page {number} of {len(figures)}" in words(figure) for number, figure in enumerate(figures, 1))
    assert sum(len(marks(figure)) for figure in figures) == 3 * len(rows)
    assert len({axes.get_xlim() for figure in figures for axes in figure.axes}) == 1
    for figure in figures:
        assert figure.get_size_inches()[1] <= paper.TALLEST + 0.01
        assert list(overlaps(figure)) == []


def test_studies_of_a_row_lie_apart_and_rows_do_not_touch():
    rows = [finding(level=level) for level in ("vit", "resnet")]
    figure = drawn(*(found(name, rows) for name in "abcdef"))
    heights = [float(line.get_ydata()[0]) for line in marks(figure)]
    assert heights == sorted(heights)
    steps = np.diff(heights)
    assert min(steps) == pytest.approx(forest.STEP)
    assert steps[5] > 1.5 * forest.STEP


def test_what_studies_agree_on_stands_beside_each_row_and_remarks_below():
    studies = [found("a", [finding()]), found("b", [undecidable()])]
    said = words(drawn(*studies, remarks=["Beware."]))
    assert "supported in a; cannot be decided in b" in " ".join(said)
    assert {"Beware.", forest.KEY} <= set(said)


def test_claims_that_no_study_can_test_have_no_panel():
    row = undecidable(score=None, measure=None, contrast="all runs", factor=None)
    figure = drawn(found("a", [row]), found("b", [row]))
    assert figure.axes == []
    assert {"all runs", "cannot be decided in all 3"} - set(words(figure)) == {"cannot be decided in all 3"}
    assert "cannot be decided in both" in words(figure)


@pytest.mark.parametrize(
    ("number", "name"), [(2, "s{}"), (3, "digits-with-a-longer-name-{}"), (6, LONG + "-{}"), (6, "{}-" + LONG)]
)
def test_the_figure_can_be_read_however_many_studies_there_are_and_whatever_they_are_called(number, name):
    studies = many(number, name)
    comparisons = agreement.matched(studies)
    sharing = [frozenset(study.name for study in studies[:2])]
    figure = forest.forest(studies, comparisons, sharing, remarks.of(studies, comparisons))
    assert figure.get_size_inches()[0] == 7.0
    assert list(overlaps(figure)) == []


def test_studies_that_are_many_or_have_long_names_are_numbered_in_sentences():
    rows = [finding(claim=claim.name, score=claim.primary[1]) for claim in (CHANGE, SYNCHRONY_MORE)]
    figure = drawn(found("one-" + LONG, rows), found("two", rows[:1]))
    assert "only in 1: supported" in words(figure)
    labels = [text.get_text() for legend in figure.legends for text in legend.get_texts()]
    assert [label[:2] for label in labels] == ["1:", "2:"]
    assert "only in one: supported" in words(drawn(found("one", rows), found("two", rows[:1])))
    figure = drawn(found("a", rows), *(found(name, rows[:1]) for name in "bcd"))
    assert "only in 1: supported" in words(figure)
