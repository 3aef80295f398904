"""That every figure can be drawn and read, with few layers and with many, and saved."""

import warnings
from pathlib import Path

import pytest
from drawn_studies import CONFIG, FULL, IN_NUMBERS, STUDY
from overlaps import overlaps
from sample_tables import (
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
from repdyn.catalogue.plane_sets import SETS
from repdyn.errors import RepdynError
from repdyn.figures import (
    animation,
    batch_norm,
    boundaries,
    by_epoch,
    catalogue,
    draw,
    dynamics,
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


KERNELS = [name for name, measure in FULL.all_measures.items() if measure.kernel]
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
