"""Forest plots of the findings."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from in_figures import words
from matplotlib.backends.backend_agg import FigureCanvasAgg
from sample_tables import findings

from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.scores import SCORES
from repdyn.figures import forest, paper, style

PAPER = paper.Paper()


@pytest.fixture(scope="module")
def six_seeds():
    return findings()


@pytest.fixture(scope="module")
def three_seeds():
    return findings(seeds=3)


@pytest.fixture(scope="module")
def deciding(six_seeds):
    """What decides, drawn."""
    return all_pages(*six_seeds, MEASURES)


@pytest.fixture(scope="module")
def everything(six_seeds):
    """All findings, drawn."""
    return all_pages(*six_seeds, MEASURES, primary=False)


def lines(figure, gid):
    return [line for axes in figure.axes for line in axes.lines if line.get_gid() == gid]


def all_pages(*findings, on=PAPER, **options):
    """What stands on the pages of a forest plot."""
    with paper.on(on) as drawing:
        figures = [forest.forest(*findings, **options)]
    for page in range(2, drawing.pages + 1):
        with paper.on(replace(on, page=page)):
            figures.append(forest.forest(*findings, **options))
    return SimpleNamespace(
        pages=figures,
        axes=[axes for figure in figures for axes in figure.axes],
        texts=[text for figure in figures for text in figure.texts],
    )


def test_findings_show_what_decides_with_its_seeds_and_number_what_stands_in_the_way(six_seeds, deciding):
    table, _ = six_seeds
    figure = deciding
    primary = table[table["primary"].astype(bool)]
    shown = primary["estimate"].notna().sum()
    assert len(lines(figure, "estimate")) == len(lines(figure, "seeds")) == shown > 20
    assert len(lines(figure, "interval")) == primary["ci_low"].notna().sum()
    said = words(figure)
    assert sum(word == "supported" for word in said) == (primary["decision"] == "supported").sum() > 0
    reasons = list(primary["reason"].dropna().unique())
    assert len(reasons) > 1
    noted = " ".join(said)
    for number, reason in enumerate(reasons, 1):
        assert f"undecided ({number})" in said
        assert f"{number} {reason}"[:60] in noted


def test_a_row_that_decides_says_below_it_under_which_measures_its_claim_holds(six_seeds):
    table, pairs = six_seeds
    said = "holds under 2 of 9 measures (only CKA, k-NN)"
    table = table.assign(holds=np.where(table["holds"].notna(), said, None))
    assert words(all_pages(table, pairs, MEASURES)).count(said) == table["holds"].notna().sum() > 10
    first = table[table["claim"] == table["claim"].iloc[0]]
    heights = [forest.forest(each, pairs, MEASURES).get_size_inches()[1] for each in (first, first.assign(holds=None))]
    assert heights[0] - heights[1] == pytest.approx(first["holds"].notna().sum() * forest.HOLDS)
    assert heights[0] > heights[1]


def test_the_seeds_of_a_finding_are_its_differences_and_their_mean_its_estimate(deciding):
    for mark, seeds in zip(lines(deciding, "estimate"), lines(deciding, "seeds"), strict=True):
        assert np.mean(seeds.get_xdata()) == pytest.approx(mark.get_xdata()[0])


def test_all_findings_show_each_score_and_measure_with_q_for_what_is_exploratory(six_seeds, everything):
    table, _ = six_seeds
    assert len(lines(everything, "estimate")) == table["estimate"].notna().sum()
    assert sum(word.startswith("q ") for word in words(everything)) == table["q_value"].notna().sum() > 0


def test_claims_of_three_seeds_say_that_they_are_too_few_and_show_them(three_seeds):
    figure = all_pages(*three_seeds, MEASURES)
    assert not lines(figure, "interval")
    assert {len(line.get_xdata()) for line in lines(figure, "seeds")} <= {2, 3}
    assert any("too few seeds, 3 of the 6" in text.get_text() for text in figure.texts)


def test_ticks_of_long_numbers_keep_apart(six_seeds):
    table, pairs = six_seeds
    figure = all_pages(table.assign(ci_low=-0.094, ci_high=0.086), pairs, MEASURES)
    figure = figure.pages[0]
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    for axes in figure.axes:
        low, high = axes.get_xlim()
        seen = [tick.label1 for tick in axes.xaxis.get_major_ticks() if low <= tick.get_loc() <= high]
        boxes = [label.get_window_extent(canvas.get_renderer()) for label in seen]
        assert all(right.x0 - left.x1 > 3 for left, right in itertools.pairwise(boxes))


def test_zero_has_no_sign(six_seeds):
    table, pairs = six_seeds
    row = table[table["primary"].astype(bool)].iloc[[0]].assign(estimate=-0.0004, ci_low=-0.0301, ci_high=0.01)
    said = words(all_pages(row, pairs.iloc[:0], MEASURES))
    assert "0.000 [−0.030, 0.010]" in said


def test_findings_say_which_learning_rates_are_compared(deciding):
    said = " ".join(words(deciding))
    assert "Learning rates at equal speed of fit, resnet: sgd 0.05 − adam 0.001" in said


def one(found, **changes):
    """A row that decides, with an estimate, changed."""
    table, _ = found
    return table[table["primary"].astype(bool) & table["ci_low"].notna()].iloc[[0]].assign(**changes)


def test_of_a_score_of_which_less_supports_the_claim_the_right_side_means_more_of_the_claim(six_seeds):
    row, pairs = one(six_seeds, estimate=0.25, ci_low=0.1, ci_high=0.4), six_seeds[1]
    own = pairs[(pairs[forest.KEYS].fillna("") == row[forest.KEYS].iloc[0].fillna("")).all(axis=1)]
    (less,) = [score.name for score in SCORES.values() if score.name == "progress_gap" and score.direction == -1]
    figure = all_pages(row.assign(score=less), own.assign(score=less), MEASURES)
    (estimate,), (interval,), (seeds,) = (lines(figure, gid) for gid in ("estimate", "interval", "seeds"))
    assert estimate.get_xdata() == [-0.25]
    assert list(interval.get_xdata()) == [-0.4, -0.1]
    by_seed = own.assign(difference=own["weight"] * (own["value_first"] - own["value_second"])).groupby("seed")
    np.testing.assert_allclose(
        np.sort(seeds.get_xdata()), np.sort(-by_seed["difference"].sum() / by_seed["weight"].sum())
    )
    assert "−0.25 [−0.40, −0.10]" in words(figure)


def test_the_axis_has_zero_and_all_that_is_drawn(six_seeds, deciding):
    for axes in deciding.axes:
        low, high = axes.get_xlim()
        assert low < 0 < high
        for line in axes.lines:
            if line.get_gid() in ("estimate", "interval", "seeds"):
                assert low < min(line.get_xdata()) and max(line.get_xdata()) < high
    (axes,) = all_pages(one(six_seeds, estimate=5.0, ci_low=4.0, ci_high=6.0), six_seeds[1].iloc[:0], MEASURES).axes
    assert axes.get_xlim() == pytest.approx((-0.36, 6.36))


def test_what_is_decided_is_bold_and_what_is_not_is_not(deciding):
    weights = {text.get_text(): text.get_fontweight() for text in deciding.texts if text.get_fontsize() == style.SMALL}
    assert weights["supported"] == "bold"
    assert {weight for word, weight in weights.items() if word.startswith("undecided")} == {"normal"}


@pytest.mark.parametrize(("p", "said"), [(0.03125, "0.031"), (np.nan, "–")])
def test_a_row_that_decides_has_its_adjusted_p_and_its_seeds(six_seeds, p, said):
    figure = all_pages(one(six_seeds, p_adjusted=p, p_value=0.777, n_seeds=41), six_seeds[1], MEASURES)
    assert {said, "41", "adjusted p"} <= set(words(figure)) and "0.78" not in words(figure)
    exploratory = one(six_seeds, p_adjusted=np.nan, p_value=p, primary=False, q_value=0.25)
    assert {said, "q 0.25", "p"} <= set(words(all_pages(exploratory, six_seeds[1], MEASURES, primary=False)))


def test_a_comparison_without_pairs_says_so_and_has_no_mark(six_seeds):
    nothing = dict.fromkeys(("estimate", "ci_low", "ci_high", "p_adjusted"), np.nan)
    figure = all_pages(one(six_seeds, n_pairs=0, **nothing), six_seeds[1], MEASURES)
    assert "no pairs" in words(figure)
    assert not figure.axes


def test_on_narrow_paper_verdicts_stand_alone_beside_the_plot(six_seeds, deciding):
    wide, narrow = deciding, all_pages(*six_seeds, MEASURES, on=paper.Paper(width=3.4))
    assert all("[" not in word for word in words(narrow)) and any("[" in word for word in words(wide))
    assert words(narrow).count("supported") == words(wide).count("supported")
    assert len(lines(narrow, "estimate")) == len(lines(wide, "estimate"))


def test_each_finding_stands_on_one_page_and_a_claim_that_goes_on_is_named_again(six_seeds, everything):
    table, figure = six_seeds[0], everything
    assert len(figure.pages) > 2
    drawn = sorted(line.get_xdata()[0] for line in lines(figure, "estimate"))
    turned = table["score"].map(lambda name: SCORES[name].direction if isinstance(name, str) else 1)
    np.testing.assert_allclose(drawn, np.sort((turned * table["estimate"]).dropna()))
    assert any("(continued)" in word for word in words(figure))
    for page in figure.pages:
        assert page.get_size_inches()[1] <= paper.TALLEST + 0.02
        assert words(page).count("estimate [interval]") == (1 if page.axes else 0)


def test_a_measure_that_the_study_has_not_is_refused_and_no_findings_are_an_empty_page(six_seeds):
    table, pairs = six_seeds
    with pytest.raises(KeyError, match="cka"):
        forest.forest(table, pairs, {})
    figure = forest.forest(table.iloc[:0], pairs.iloc[:0], MEASURES, title="Claims")
    assert words(figure) == ["Claims"] and not figure.axes and not figure.legends
