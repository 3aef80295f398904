"""That every figure can be drawn and read, with few layers and with many; and the language that they share."""

import importlib
import warnings
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import seaborn as sns
from overlaps import overlaps
from sample_tables import (
    EPOCHS,
    EVENTS,
    LAYERS,
    RUNS,
    accuracy,
    alone,
    between_epochs,
    findings,
    history,
    lagging,
    moments,
    of_runs,
    pairs,
    plane_of,
    segments,
    steps,
    under_many_measures,
    weights,
)
from sample_tables import trends as numeric_trends

from repdyn.catalogue import measures
from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.paths import Paths
from repdyn.catalogue.plane_sets import SETS
from repdyn.config import study
from repdyn.errors import RepdynError
from repdyn.figures import (
    animation,
    batch_norm,
    boundaries,
    by_epoch,
    catalogue,
    draw,
    dynamics,
    epoch_axis,
    forest,
    geometry,
    grids,
    paper,
    planes,
    sheet,
    similarity,
    style,
    timelines,
    training,
    trends,
    widths,
)


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def pictures(layers):
    labels, corners = plane_of(layers)
    return planes.regions(labels, corners, classes=10, title="Decision regions of vit, sgd, seed 0")


def of_findings():
    table, of_pairs = findings()
    return forest.forest(under_many_measures(table), of_pairs, MEASURES, title="Claims tested on 6 seeds")


def both(n):
    """The two similarity tables of a run; regions have an output, too."""
    similar = pairs(LAYERS[n])
    powers = {name: similar["cka"] ** (1 + i) for i, name in enumerate(measures.OF_ACTIVATIONS)}
    return similar.assign(**powers), pairs([*LAYERS[n], "output"], "similarity", SETS)


CONFIG = {
    "name": "x",
    "archs": {"vit": {"model": "vit_tiny_patch16_224"}},
    "optimizers": {"sgd": {"opt": "momentum", "lr": 0.1}, "adam": {"opt": "adam", "lr": 0.001}},
    "seeds": [0],
    "training": {"epochs": 1},
}
# A study with all measures, and one with a measure of its own that has a long name.
FULL = study.parse(CONFIG | {"measures": list(measures.OF_ACTIVATIONS)})
OWN = "cosine_of_what_the_gaussian_kernel_says"
STUDY = study.parse(CONFIG | {"measures": [{"name": OWN, "vector": "my_code:cosine"}]})
RATES = {f"sgd-{rate}": {"opt": "momentum", "lr": rate} for rate in (0.01, 0.03, 0.1)}
IN_NUMBERS = study.parse(CONFIG | {"measures": [{"name": OWN, "vector": "my_code:cosine"}], "optimizers": RATES})
KERNELS = [name for name, measure in FULL.all_measures.items() if measure.kernel]
ENTRIES = [
    *(catalogue.of_run(STUDY) | catalogue.of_run(FULL)).values(),
    *(catalogue.of_study(IN_NUMBERS) | catalogue.of_study(FULL)).values(),
    *catalogue.ANIMATIONS.values(),
]
OF_ACTIVATIONS = {measure.name: measure for measure in catalogue.activations(STUDY)}
EVENTS_OF_RUNS = dict.fromkeys(RUNS, EVENTS)
# Figure of the catalogue -> how it is drawn from synthetic tables with so many layers.
OF_RUN = {
    "training": lambda _: training.curves(history(), EVENTS, "Accuracy by epoch: vit, sgd, seed 0"),
    **{
        name: lambda n, label=measure.label: similarity.matrices(
            pairs(LAYERS[n]).assign(cka=lambda frame: frame["cka"] - 0.2),
            "cka",
            title=f"Each layer compared with itself at every other checkpoint, by {label}: vit, sgd, seed 0",
            label=label,
            events=EVENTS,
            segments=segments(LAYERS[n]),
        )
        for name, measure in OF_ACTIVATIONS.items()
    },
    "regions": lambda n: similarity.matrices(
        pairs(LAYERS[n], sets=SETS), "cka", title="Regions", label="DRS", events=EVENTS
    ),
    **{f"planes-{name}": lambda n: pictures(LAYERS[n]) for name in SETS},
    "phases": lambda n: timelines.layers(
        segments(LAYERS[n], KERNELS), FULL.all_measures, "Phases of each layer", EVENTS
    ),
    "synchrony": lambda n: dynamics.synchrony(*both(n), FULL.all_measures, "Which layers change at the same times"),
    "change": lambda n: dynamics.change(*both(n), FULL.all_measures, "How fast each layer changes", EVENTS),
    "change-by-epoch": lambda n: by_epoch.through_training(
        between_epochs(LAYERS[n]), "How fast each layer changes from epoch to epoch: vit, sgd, seed 0", EVENTS
    ),
    "probes": lambda n: dynamics.probes(accuracy(LAYERS[n]), "What linear probes read from each layer", EVENTS),
}
OF_STUDY = {
    "training": lambda _: training.grid(of_runs(lambda _a, _o, seed: history(seed)), EVENTS_OF_RUNS),
    "widths": lambda _: widths.descent(
        of_runs(lambda _a, _o, seed: history(seed)), {"resnet": 4, "vit": 16}
    ),
    "boundaries": lambda n: boundaries.agreement(
        of_runs(lambda *_: moments(LAYERS[n], KERNELS)), FULL.all_measures
    ),
    "geometry": lambda n: geometry.through_training(
        of_runs(lambda *_: alone(LAYERS[n])), geometry.OF_LAYERS, "Each layer by itself through training"
    ),
    "weights": lambda n: geometry.through_training(
        geometry.moved(of_runs(lambda *_: weights(LAYERS[n]))), geometry.OF_WEIGHTS, "How far each layer's weights move"
    ),
    "batch-norm": lambda n: batch_norm.lag(of_runs(lambda *_: lagging(LAYERS[n]))),
    "timeline": lambda n: timelines.runs(of_runs(lambda *_: steps(LAYERS[n])), EVENTS_OF_RUNS, 128.0),
    "trends": lambda _: trends.numeric(*numeric_trends(), MEASURES),
    "findings": lambda _: of_findings(),
    "findings-all": lambda _: forest.forest(*findings(), MEASURES, primary=False, title="Claims tested on 6 seeds"),
    **{
        f"{name}-grid": lambda n, label=measure.label: grids.pages(
            of_runs(lambda *_: pairs(LAYERS[n])), "cka", EVENTS_OF_RUNS, title=f"{label} of all runs", label=label
        )
        for name, measure in OF_ACTIVATIONS.items()
    },
    "regions-grid": lambda n: grids.pages(
        of_runs(lambda *_: pairs(LAYERS[n], sets=SETS)), "cka", EVENTS_OF_RUNS, title="All runs", label="DRS"
    ),
    **{
        f"{name}-difference": lambda n, label=measure.label: grids.differences(
            of_runs(lambda _a, optimizer, _s: pairs(LAYERS[n], speed=len(optimizer))),
            "cka", [("sgd", "adam")], {"sgd": "sgd", "adam": "adam"}, title="SGD against Adam",
            label=f"difference of {label}",
        )
        for name, measure in OF_ACTIVATIONS.items()
    },
    "regions-difference": lambda n: grids.differences(
        of_runs(lambda _a, optimizer, _s: pairs(LAYERS[n], sets=SETS, speed=len(optimizer))),
        "cka", [("sgd", "adam")], {"sgd": "sgd", "adam": "adam"}, title="SGD against Adam", label="difference",
    ),
}  # fmt: skip
MOVING = {
    name: lambda n: (
        animation.Film(*plane_of(LAYERS[n], steps=2), history(), classes=10, title="Decision regions").figure
    )
    for name in catalogue.ANIMATIONS
}
DRAWN = {f"{name} of a run": drawn for name, drawn in OF_RUN.items()} | {
    f"{name} of the study": drawn for name, drawn in OF_STUDY.items()
}
DRAWN |= {"planes-test that moves": MOVING["planes-test"]}


def test_every_figure_of_the_catalogue_is_tried():
    assert set(OF_RUN) == set(catalogue.of_run(STUDY))
    assert set(OF_STUDY) == set(catalogue.of_study(IN_NUMBERS))
    assert set(MOVING) == set(catalogue.ANIMATIONS)


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("name", DRAWN)
def test_nothing_overlaps_or_leaves_the_figure_with_few_and_with_many_layers(name, layers):
    figure = DRAWN[name](layers)
    assert list(overlaps(figure)) == []
    assert figure.get_size_inches()[0] <= paper.PAGE + 1e-9


def test_overlaps_are_found():
    figure = sheet.blank(2, 2)
    sheet.panel(figure, 0.5, 0.5, 1, 1)
    sheet.write(figure, 0.6, 0.6, "on the panel")
    sheet.write(figure, 0.1, 0.1, "one")
    sheet.write(figure, 0.1, 0.12, "other")
    sheet.write(figure, 1.9, 1.8, "over the edge")
    found = " ".join(overlaps(figure))
    for complaint in ("'on the panel' lies on", "'one' overlaps 'other'", "'over the edge' leaves"):
        assert complaint in found


@pytest.mark.parametrize("extension", ["png", "svg", "pdf"])
def test_two_drawings_are_the_same_bytes(tmp_path, extension):
    with style.language():
        for name in ("a", "b"):
            figure = OF_RUN["cka"](3)
            figure.savefig(tmp_path / name, format=extension, metadata=draw.METADATA[extension])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_two_films_are_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        film = animation.Film(*plane_of(["stem", "output"], steps=2), history(), classes=10)
        animation.save(film, tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


@pytest.mark.parametrize(
    ("figure", "output", "complaint"),
    [
        (
            "cka",
            "x.gif",
            "no figure `cka` of a run that moves; there are: planes-test, planes-clean, planes-mislabelled",
        ),
        ("tree", "x.png", "no figure `tree` of a run; there are: training, cka"),
        ("planes-tests", "x.png", "no figure `planes-tests` of a run; did you mean `planes-test`"),
        ("cka", "x.bmp", "must end in .svg, .pdf, .png, .gif"),
    ],
)
def test_what_cannot_be_drawn_is_said_in_a_sentence(make_job, figure, output, complaint):
    job = make_job("figure", CONFIG, arch="vit")
    with pytest.raises(RepdynError, match=complaint):
        draw.main(job, figure, Path(output))


# ---- the language -------------------------------------------------------------------------------------------------


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


def test_a_legend_has_as_many_columns_as_fit():
    handles = [mpl.lines.Line2D([], [], label=label) for label in ("a long label of many words", "b", "c", "d")]
    for width in (1.0, 2.5, 3.0, 9.0):
        columns = sheet.legend_columns(handles, width)
        assert columns == 1 or sheet.legend_width(handles, columns) <= width
        assert columns == 4 or sheet.legend_width(handles, columns + 1) > width
    assert sheet.legend_columns(handles, 3.2) == 4, "short labels take little room"


def test_a_checkpoint_s_epoch_lies_on_its_cell_and_others_between():
    axis = epoch_axis.CheckpointAxis(EPOCHS)
    for i, epoch in enumerate(EPOCHS):
        assert axis.position(epoch) == pytest.approx(i)
    assert axis.position(np.sqrt(2 * 4)) == pytest.approx(4.5)


@pytest.mark.parametrize("last", [0.5, 1, 7, 20, 170, 4000])
def test_an_epoch_axis_has_its_ticks_within_what_was_trained(last):
    axis = sheet.panel(sheet.blank(3, 3), 0.5, 0.5, 2, 2)
    epoch_axis.logarithmic(axis, last)
    ticks = axis.get_xticks()
    assert ticks[0] == 0
    assert max(ticks) <= max(last, 1)
    assert all(float(text.get_text()) == tick for text, tick in zip(axis.get_xticklabels(), ticks, strict=True))


def test_events_that_did_not_take_place_are_not_drawn():
    scores = pd.DataFrame(
        {
            "layer": [None, None, "stem"],
            "score": ["memorization_onset", "memorization_end", "perfect_fit_sustained"],
            "value": [12.0, None, 3.0],
        }
    )
    assert style.events(scores) == {"memorization_onset": 12.0}


@pytest.mark.parametrize("text", ["global_pool", "layer4.1.conv2", "a"])
def test_a_name_is_shortened_to_fit_and_keeps_its_end(text):
    for inches in (0.3, 0.5, 2.0):
        short = sheet.shortened(text, inches)
        assert sheet.text_width(short) <= inches or len(short) <= 2
        assert text.endswith(short.lstrip("…"))


def test_a_text_s_width_is_what_matplotlib_draws():
    figure = sheet.blank(4, 1)
    with style.language():
        sheet.write(figure, 0, 0, "Agreement of decision regions")
        (text,) = figure.texts
        drawn = text.get_window_extent(mpl.backends.backend_agg.FigureCanvasAgg(figure).get_renderer()).width
    assert drawn / figure.dpi == pytest.approx(sheet.text_width("Agreement of decision regions"), rel=0.05)


# ---- the catalogue ------------------------------------------------------------------------------------------------


def test_the_catalogue_names_real_tables_and_modules():
    paths = Paths("results/x")
    for entry in ENTRIES:
        assert all(path.startswith("results/x/") for path in entry.inputs(paths, ["RUN"], ["SEED"]))
        assert callable(importlib.import_module(f"repdyn.{entry.module}").draw)


def test_every_figure_is_explained_in_plain_sentences():
    for entry in ENTRIES:
        assert not entry.title.endswith(".")
        assert entry.description.count(".") == 1 and entry.description.endswith(".")
        assert entry.caption.endswith(".") and len(entry.caption.split()) > 15
        assert not set("*`|") & set(entry.title + entry.description + entry.caption), "markup; the report escapes _"


def config(**changes):
    return study.parse(CONFIG | changes)


def drawn(study):
    return catalogue.drawn_of_run(study, study.runs[0]), catalogue.drawn_of_study(study)


def test_what_is_drawn_by_default_is_what_the_study_has():
    of_run, of_study = drawn(config(data={"label_noise": 0.2}))
    assert "planes-mislabelled" in of_run
    assert "cka-difference" in of_study
    assert "widths" not in of_study
    narrow, wide = ({"model": "resnet18", "stem": "small", "width": width} for width in (4, 8))
    assert "widths" in drawn(config(archs={"k4": narrow, "k8": wide}))[1]
    assert "trends" not in drawn(config(archs={"k4": narrow, "k8": wide}))[1]
    assert "trends" in drawn(config(archs={"k4": narrow, "k8": wide, "k16": narrow | {"width": 16}}))[1]
    of_run, of_study = drawn(config(optimizers={"sgd": {"opt": "momentum", "lr": 0.1}}))
    assert "planes-test" in of_run and "planes-mislabelled" not in of_run
    assert not [name for name in of_study if "difference" in name]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.module)
def test_a_figure_that_is_not_a_module_s_own_is_drawn_by_none(entry, make_job, config):
    module = importlib.import_module(f"repdyn.{entry.module}")
    job = make_job("train", config)
    for name in ("anything", "hsic-grid", "planes-train"):
        with pytest.raises(KeyError, match=name):
            module.draw(job, name)


def test_the_catalogue_and_the_modules_that_draw_name_the_same_figures():
    drawn: dict[str, set[str]] = {}
    for figures in (catalogue.of_run(FULL), catalogue.of_study(FULL)):
        for name, entry in figures.items():
            drawn.setdefault(entry.module, set()).add(name)
    for module, names in drawn.items():
        drawing = importlib.import_module(f"repdyn.{module}")
        assert set(drawing.figures(FULL) if hasattr(drawing, "figures") else drawing.FIGURES) == names
    assert set(catalogue.ANIMATIONS) == set(planes.FIGURES)


def test_each_measure_of_activations_has_matrices_a_grid_and_a_difference():
    of_run, of_study = catalogue.of_run(FULL), catalogue.of_study(FULL)
    for name, measure in measures.OF_ACTIVATIONS.items():
        assert measure.label in of_run[name].title
        assert {f"{name}-grid", f"{name}-difference"} <= set(of_study)
    few = study.parse(CONFIG | {"measures": []})
    assert not {"knn", "procrustes"} & set(catalogue.of_run(few))
    assert f"{OWN}-grid" in catalogue.of_study(STUDY)
    assert "my_code:cosine" in catalogue.of_run(STUDY)[OWN].caption
