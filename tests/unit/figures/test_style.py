"""The language that all figures share."""

import inspect

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from drawn_studies import study_with
from sample_tables import EVENTS, LAYERS

from repdyn.catalogue.events import EVENTS as DECLARED
from repdyn.errors import RepdynError
from repdyn.figures import paper, sheet, style


@pytest.mark.parametrize(("name", "ours"), [("mako", style.SIMILARITY), ("vlag_r", style.DIFFERENCE)])
def test_colour_maps_are_seaborn_s(name, ours):
    theirs = sns.color_palette(name, as_cmap=True)
    values = np.linspace(0, 1, 256)
    np.testing.assert_allclose(ours(values), theirs(values), atol=0.02)


def test_classes_have_seaborn_s_colours_for_the_colour_blind():
    assert style.class_colours(10) == sns.color_palette("colorblind", 10).as_hex()


def test_a_class_has_one_colour_however_many_classes_there_are():
    assert style.class_colours(100)[:10] == style.class_colours(10)
    assert style.class_colours(10)[:3] == style.class_colours(3)
    assert len(set(style.class_colours(100))) == 100


def test_an_optimizer_has_one_colour_whatever_it_stands_beside():
    alone, together = style.optimizer_colours(["adam"]), style.optimizer_colours(["sgd", "lion", "adam"])
    assert alone["adam"] == together["adam"]
    rates = style.optimizer_colours(["sgd-0.1", "sgd-0.01", "adamw"])
    assert len(set(rates.values())) == 3
    assert rates["sgd-0.1"] == together["sgd"]


def test_names_in_an_optimizer_s_colour_can_be_read():
    for colour in style.optimizer_colours([f"{family}-{i}" for family in ("sgd", "adam") for i in range(4)]).values():
        channels = np.array(mpl.colors.to_rgb(colour))
        linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
        assert 1.05 / (linear @ [0.2126, 0.7152, 0.0722] + 0.05) > 3, "contrast with white, as WCAG asks of bold text"


def test_events_that_did_not_take_place_are_not_drawn():
    scores = pd.DataFrame(
        {
            "layer": [None, None, "stem"],
            "score": ["memorization_onset", "memorization_end", "perfect_fit_sustained"],
            "value": [12.0, None, 3.0],
        }
    )
    assert style.events(scores) == {"memorization_onset": 12.0}


def test_an_optimizer_s_family_is_the_longest_that_its_name_begins_with():
    colours = style.optimizer_colours(["AdamW", "Adam", "muon-fast"])
    alone = {name: style.optimizer_colours([name])[name] for name in ("adamw", "adam", "muon")}
    assert list(colours.values()) == [alone["adamw"], alone["adam"], alone["muon"]]
    assert len(set(alone.values())) == 3


def test_optimizers_of_no_known_family_differ_as_far_as_colours_reach():
    colours = style.optimizer_colours(["shampoo", "lamb", "sgd", "rprop"])
    assert len(set(colours.values())) == 4 and list(colours) == ["shampoo", "lamb", "sgd", "rprop"]
    assert style.optimizer_colours([]) == {}


def test_layers_are_the_lighter_the_deeper():
    colours = style.layer_colours(LAYERS[20])
    assert list(colours) == LAYERS[20]
    lightness = [np.dot(mpl.colors.to_rgb(colour), [0.2126, 0.7152, 0.0722]) for colour in colours.values()]
    assert lightness == sorted(lightness) and len(set(lightness)) == 20
    assert lightness[-1] < 0.85, "visible on white"
    assert list(style.layer_colours(["stem"])) == ["stem"] and style.layer_colours([]) == {}


@pytest.mark.parametrize(
    ("of_archs", "labels"),
    [
        ({"vit": list("abcdefgh")}, list("abcdefgh")),
        ({"vit": list("abcdefghi")}, ["first layer", "last layer"]),
        ({"vit": ["a"], "resnet": ["b"]}, ["first layer", "last layer"]),
    ],
)
def test_layers_are_named_in_a_legend_where_they_are_few_and_of_one_architecture(of_archs, labels):
    handles = style.layer_handles(of_archs)
    assert [handle.get_label() for handle in handles] == labels
    shades = style.layer_colours(labels)
    assert [handle.get_color() for handle in handles] == list(shades.values())


def test_layers_stand_by_depth_and_those_of_one_depth_as_in_the_table():
    frame = pd.DataFrame({"layer": ["out", "b", "a", "out", "stem"], "depth": [9, 1, 1, 9, 0]})
    assert style.depth_order(frame) == ["stem", "b", "a", "out"]
    assert style.depth_order(frame.iloc[:0]) == []


def test_a_run_s_title_names_its_levels_and_its_seed():
    (run, *_) = study_with().runs
    assert style.run_title(run) == "vit, sgd, seed 0"
    (run, *_) = study_with(data={"noisy": {"label_noise": 0.2}, "clean": {}}).runs
    assert style.run_title(run) == "vit, sgd, noisy, seed 0"


def test_a_first_perfect_fit_that_lasts_is_one_event_and_another_two():
    coinciding = {"perfect_fit_first": 9.0, "test_dip": 1.0, "perfect_fit_sustained": 9.0}
    assert style.apart(coinciding) == {"test_dip": 1.0, "perfect_fit_sustained": 9.0}
    for other in (coinciding | {"perfect_fit_first": 8.0}, {"perfect_fit_first": 9.0}, {}):
        assert style.apart(other) == other


def test_small_panels_show_the_events_that_are_declared_for_them():
    assert style.few(EVENTS) == {name: epoch for name, epoch in EVENTS.items() if DECLARED[name].small}
    assert 0 < len(style.few(EVENTS)) < len(EVENTS)


def test_events_in_a_legend_stand_in_their_usual_order_whatever_the_order_of_drawing():
    handles = style.event_handles(reversed(EVENTS))
    assert [handle.get_gid() for handle in handles] == list(DECLARED)
    (one,) = style.event_handles(["test_dip"])
    assert (one.get_label(), one.get_color()) == (DECLARED["test_dip"].label, DECLARED["test_dip"].colour)


def test_a_median_over_seeds_counts_a_seed_without_the_event_as_later_than_all():
    of_seeds = [{"test_dip": 38.0, "memorization_onset": 5.0}, {"memorization_onset": 6.0}, {}]
    assert style.median_events(of_seeds) == {"memorization_onset": 6.0}
    assert style.median_events(of_seeds[:2]) == {"memorization_onset": 5.5}
    assert style.median_events(iter([{"test_dip": 2.0}])) == {"test_dip": 2.0}
    assert style.median_events([]) == {}


def test_events_of_infinite_or_missing_epochs_did_not_take_place_and_the_order_is_that_of_the_catalogue():
    scores = pd.DataFrame(
        [("perfect_fit_first", 7.0), ("test_dip", np.inf), ("memorization_onset", 2.0), ("synchrony", 0.4)],
        columns=["score", "value"],
    ).assign(layer=None)
    assert list(style.events(scores).items()) == [("memorization_onset", 2.0), ("perfect_fit_first", 7.0)]
    assert style.events(scores.iloc[:0]) == {}


def test_the_style_holds_within_and_is_gone_after_even_where_drawing_failed():
    before = dict(mpl.rcParams)
    with pytest.raises(ZeroDivisionError), style.language():
        assert mpl.rcParams["axes.linewidth"] == style.RC["axes.linewidth"]
        _ = 1 / 0
    assert dict(mpl.rcParams) == before
    with paper.on(paper.Paper(font_size=14.0)), style.language():
        assert mpl.rcParams["legend.fontsize"] == 2 * style.RC["legend.fontsize"]
        assert mpl.rcParams["font.size"] == style.RC["font.size"], "other type is enlarged afterwards"


def test_a_styled_drawing_takes_paper_and_one_within_another_is_not_enlarged_again():
    @style.styled
    def inner():
        return sheet.blank(paper.width() / 2, 1.0)

    @style.styled
    def outer(_table, _title=""):
        assert mpl.rcParams["svg.hashsalt"] == "repdyn"
        return inner()

    assert tuple(outer(None).get_size_inches()) == (paper.PAGE / 2, 1.0)
    np.testing.assert_allclose(outer(None, width=6.0, font_size=14.0).get_size_inches(), (3.0, 2.0))
    assert list(inspect.signature(outer).parameters) == ["_table", "_title", "width", "font_size", "page"]
    with pytest.raises(RepdynError, match="There is no page 0"):
        outer(None, page=0)


def test_a_styled_drawing_tells_how_many_pages_it_has():
    @style.styled
    def drawn():
        return sheet.blank(1.0, float(len(paper.rows([4.0] * 5, 9.0))))

    with paper.on(paper.Paper()) as drawing:
        drawn()
    assert drawing.pages == 3
    assert [round(drawn(page=page).get_size_inches()[1] - paper.FOOT) for page in (1, 2, 3)] == [2, 2, 1]
