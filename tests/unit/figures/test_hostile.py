"""That every figure can be read on hostile grids, in print and on every page: names, layers, runs, classes and epochs.

Texts are measured where Matplotlib draws them. The grids combine what makes layouts fail: names of 40 characters, 50
layers, 8 architectures by 5 optimizers by 3 seeds, 100 classes and 4,000 epochs; and one run of three checkpoints.
"""

import itertools
import warnings
from dataclasses import dataclass, replace

import numpy as np
import pytest
import sample_tables
from matplotlib.text import Text
from overlaps import overlaps
from sample_tables import (
    EVENTS,
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
    trends,
    under_many_measures,
    weights,
)

from repdyn.catalogue import measures
from repdyn.catalogue.measures import MEASURES
from repdyn.catalogue.plane_sets import SETS
from repdyn.figures import (
    animation,
    batch_norm,
    boundaries,
    by_epoch,
    catalogue,
    dynamics,
    forest,
    geometry,
    grids,
    paper,
    planes,
    similarity,
    timelines,
    training,
    widths,
)
from repdyn.figures import trends as numeric

LONG = [0.0, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 400.0, 1000.0, 4000.0]


def long_name(word, number):
    """A name of 40 characters that begins and ends with what tells it from others."""
    return f"{word}{number}_{'of_a_very_long_name_' * 3}"[:37] + f"_{number:02d}"


@dataclass(frozen=True)
class Grid:
    """Runs, the layers of a run's own figures, checkpoints and classes."""

    archs: list[str]
    optimizers: list[str]
    seeds: int
    layers: list[str]
    epochs: list[float]
    classes: int

    @property
    def runs(self):
        return list(itertools.product(self.archs, self.optimizers, range(self.seeds)))

    @property
    def few(self):
        """Layers for figures of all runs, which show at most four."""
        return [self.layers[i] for i in sorted({0, len(self.layers) // 2, len(self.layers) - 1})]


LARGE = Grid(
    [long_name("arch", i) for i in range(8)],
    [long_name("adam", i) for i in range(5)],
    3,
    [long_name("layer", i) for i in range(50)],
    LONG,
    100,
)
SMALL = Grid(["vit"], ["sgd"], 1, ["stem", "block", "head"], [0.0, 1.0, 4000.0], 10)
KERNELS = [name for name, measure in MEASURES.items() if measure.kernel]
SPOKEN = "Each layer compared with itself at every other checkpoint"


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def similar(layers):
    cka = pairs(layers)
    return cka.assign(**dict.fromkeys(measures.OF_ACTIVATIONS, cka["cka"]))


def events_of(grid):
    return dict.fromkeys(grid.runs, EVENTS)


def descent(grid):
    """A width for each architecture."""
    return widths.descent(
        of_runs(lambda _a, _o, seed: history(seed).iloc[-2:]), {a: 2**i for i, a in enumerate(grid.archs)}
    )


def of_findings(grid, primary):
    table, of_pairs = findings(6 if grid is SMALL else 3, grid.archs[:3], grid.optimizers[:3], undecidable=False)
    return forest.forest(under_many_measures(table), of_pairs, MEASURES, primary, "Claims tested on 3 seeds")


def grid_of(grid, sets=(None,), value="cka"):
    tables = pairs(grid.few, sets=sets)
    return grids.pages(of_runs(lambda *_: tables), value, events_of(grid), title=f"{SPOKEN} by CKA", label="CKA")


def difference_of(grid, sets=(None,)):
    tables = [pairs(grid.few, sets=sets, speed=1 + i) for i in range(2)]
    there = grid.optimizers
    families = {name: str(i % 2) for i, name in enumerate(there)}
    frame = of_runs(lambda _a, optimizer, _s: tables[there.index(optimizer) % 2])
    contrasts = [("0", "1")] if len(there) > 1 else [("0", "0")]
    return grids.differences(
        frame, "cka", contrasts, families, title="The first against the second", label="difference"
    )


def regions_of(grid):
    labels, corners = plane_of([*grid.layers, "output"])
    if grid.classes > 10:
        labels = labels.assign(labels=[np.arange(36, dtype=np.uint8) * 2 + i % 2 for i in range(len(labels))])
    return labels, corners


def title_of(grid):
    return ", ".join([grid.archs[0], grid.optimizers[0], "seed 0"])


# Figure of the catalogue -> how it is drawn of a grid; those of one run have all its layers.
OF_RUN = {
    "training": lambda g: training.curves(history(), EVENTS, f"Accuracy by epoch: {title_of(g)}"),
    "cka": lambda g: similarity.matrices(
        pairs(g.layers), "cka", title=f"{SPOKEN}: {title_of(g)}", label="CKA", events=EVENTS
    ),
    "regions": lambda g: similarity.matrices(pairs(g.layers, sets=SETS), "cka", title="Regions", label="DRS"),
    **{
        f"planes-{name}": lambda g: planes.regions(*regions_of(g), classes=g.classes, title=title_of(g))
        for name in SETS
    },
    "phases": lambda g: timelines.layers(phases_of(g), MEASURES, f"Phases: {title_of(g)}", EVENTS),
    "synchrony": lambda g: dynamics.synchrony(
        similar(g.layers), pairs([*g.layers, "output"], "similarity", SETS), MEASURES, f"Synchrony: {title_of(g)}"
    ),
    "change": lambda g: dynamics.change(
        similar(g.layers), pairs([*g.layers, "output"], "similarity", SETS), MEASURES, f"Change: {title_of(g)}", EVENTS
    ),
    "change-by-epoch": lambda g: by_epoch.through_training(
        between_epochs(g.layers), f"By epoch: {title_of(g)}", EVENTS
    ),
    "probes": lambda g: dynamics.probes(accuracy(g.layers), f"Probes: {title_of(g)}", EVENTS),
}
OF_STUDY = {
    "training": lambda g: training.grid(of_runs(lambda _a, _o, seed: history(seed).iloc[::8]), events_of(g)),
    "widths": descent,
    "boundaries": lambda g: boundaries.agreement(of_runs(lambda *_: moments(g.few, KERNELS)), MEASURES),
    "geometry": lambda g: geometry.through_training(of_runs(lambda *_: alone(g.few)), geometry.OF_LAYERS, "Alone"),
    "weights": lambda g: geometry.through_training(
        geometry.moved(of_runs(lambda *_: weights(g.few))), geometry.OF_WEIGHTS, "How far the weights move"
    ),
    "batch-norm": lambda g: batch_norm.lag(of_runs(lambda *_: lagging(g.few))),
    "timeline": lambda g: timelines.runs(of_runs(lambda *_: steps(g.few, said_of(g))), events_of(g), max(g.epochs)),
    "trends": lambda g: numeric.numeric(*trends(archs=g.archs), MEASURES),
    "findings": lambda g: of_findings(g, True),
    "findings-all": lambda g: of_findings(g, False),
    "cka-grid": grid_of,
    "regions-grid": lambda g: grid_of(g, SETS),
    "cka-difference": difference_of,
    "regions-difference": lambda g: difference_of(g, SETS),
}


def phases_of(grid):
    if len(grid.epochs) < 8:
        return segments(grid.layers, []).assign(phase=0)
    return segments(grid.layers, KERNELS)


def said_of(grid):
    return "too sparse to date" if grid is LARGE else "dated"


def film(grid):
    labels, corners = regions_of(grid)
    return animation.Film(labels, corners, history(), classes=grid.classes, title=title_of(grid)).figure


DRAWN = {
    f"{name} of a run": drawn for name, drawn in OF_RUN.items() if name not in ("planes-clean", "planes-mislabelled")
}
DRAWN |= {f"{name} of the study": drawn for name, drawn in OF_STUDY.items()}
MOVES = "planes-test that moves"
DRAWN |= {MOVES: film}
# Which page of which grid is drawn on which paper; all of all takes ten minutes.
CASES = {
    "the first page of a large grid": (LARGE, paper.Paper(), False),
    "the last page of a large grid in a column": (LARGE, paper.Paper(width=3.25), True),
    "a small grid in large type": (SMALL, paper.Paper(width=5.5, font_size=9.0), False),
}


def drawn_on(drawn, grid, on, last):
    """The first or the last page of a figure, and how many there are."""
    with paper.on(on) as drawing:
        figure = drawn(grid)
    if last and drawing.pages > 1:
        with paper.on(replace(on, page=drawing.pages)):
            figure = drawn(grid)
    return figure


@pytest.fixture(params=CASES)
def case(request, monkeypatch):
    grid, on, last = CASES[request.param]
    monkeypatch.setattr(sample_tables, "EPOCHS", grid.epochs)
    monkeypatch.setattr(sample_tables, "STEPS", [round(10 * epoch) for epoch in grid.epochs])
    monkeypatch.setattr(sample_tables, "RUNS", grid.runs)
    return grid, on, last


@pytest.mark.parametrize("name", DRAWN)
def test_figures_can_be_read_on_hostile_grids(name, case):
    grid, on, last = case
    on = paper.Paper() if name == MOVES else on  # a film is not printed
    figure = drawn_on(DRAWN[name], grid, on, last)
    assert list(overlaps(figure)) == []
    width, height = figure.get_size_inches()
    assert width <= (on.width or paper.PAGE) + 1e-6
    assert height <= paper.TALLEST + 0.02
    sizes = {text.get_fontsize() for text in figure.findobj(Text) if text.get_text().strip()}
    assert min(sizes) >= 6 * on.scale - 1e-6


def test_every_figure_of_the_catalogue_is_tried():
    assert set(OF_RUN) == set(catalogue.of_any_study("run")) | {"cka"}
    grids_of = {f"{name}-{kind}" for name in ("cka", "regions") for kind in ("grid", "difference")}
    assert set(OF_STUDY) == set(catalogue.of_any_study("study")) | grids_of
