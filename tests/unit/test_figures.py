import itertools
import warnings

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text

from repdyn.figures import catalogue, planes, similarity, style, training
from repdyn.paths import Paths
from repdyn.study import Run

EPOCHS = [0.0, 0.25, 0.5, 1, 2, 4, 8, 16, 32, 64, 128]
EVENTS = {
    "memorization_onset": 5.0,
    "memorization_end": 20.0,
    "perfect_fit_first": 30.0,
    "perfect_fit_sustained": 40.0,
}


@pytest.fixture(autouse=True)
def language():
    with style.language(), warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def pairs(layers, sets=None):
    steps = [round(10 * epoch) for epoch in EPOCHS]
    frames = []
    for depth, layer in enumerate(layers):
        for name in sets or [None]:
            rows = [
                (layer, depth, a, b, x, y, 1 / (1 + abs(i - j)))
                for (i, (a, x)), (j, (b, y)) in itertools.product(enumerate(zip(steps, EPOCHS, strict=True)), repeat=2)
            ]
            frame = pd.DataFrame(rows, columns=["layer", "depth", "step_a", "step_b", "epoch_a", "epoch_b", "cka"])
            frames.append(frame.assign(planes=name) if name else frame)
    return pd.concat(frames)


def history(seed=0):
    epochs = np.arange(129.0)
    frame = pd.DataFrame({"epoch": epochs})
    for i, (column, *_) in enumerate(training.CURVES.values()):
        frame[column] = np.clip(0.1 + (epochs + seed) / (20 * (i + 1)), 0, 1)
    return frame


def pictures(layers, resolution=6):
    random = np.random.default_rng(0)
    rows = [
        (layer, depth, step, float(step), "test", 0, random.integers(0, 10, resolution**2, dtype=np.uint8))
        for depth, layer in enumerate(layers)
        for step in range(12)
    ]
    labels = pd.DataFrame(rows, columns=["layer", "depth", "step", "epoch", "planes", "plane", "labels"])
    plane = pd.Series(
        {"x": [0, 2, 1], "y": [0, 0, 3], "x_range": [-1, 3], "y_range": [-1.5, 4.5], "resolution": resolution}
    )
    return planes.regions(
        labels, plane, classes=10, images=random.random((3, 8, 8, 1)), captions=["true 0\ngiven 3"] * 3, title="Regions"
    )


LAYERS = {3: ["patch_embed", "layer1.0", "global_pool"], 20: [f"layer{i // 5}.{i % 5}" for i in range(20)]}
DRAWN = {
    "a run's training": lambda _: training.curves(history(), EVENTS, "vit, sgd, seed 0"),
    "the study's training": lambda _: training.grid(
        pd.concat(
            history(s).assign(arch=a, optimizer=o, seed=s) for a in ("resnet", "vit") for o in "ab" for s in (0, 1)
        ),
        {Run(a, o, s): EVENTS for a in ("resnet", "vit") for o in "ab" for s in (0, 1)},
    ),
    "cka": lambda n: similarity.matrices(
        pairs(LAYERS[n]),
        "cka",
        title="Each layer's similarity to itself across training: CKA of vit, sgd, seed 0",
        label="CKA",
        events=EVENTS,
        segments=pd.DataFrame({"layer": [LAYERS[n][1]] * 2, "step_start": [0, 40], "step_end": [20, 1280]}),
    ),
    "regions": lambda n: similarity.matrices(
        pairs(LAYERS[n], ["test", "clean", "mislabelled"]), "cka", title="Regions", label="agreement", events=EVENTS
    ),
    "planes": lambda n: pictures(LAYERS[n]),
}


@pytest.mark.parametrize("layers", LAYERS)
@pytest.mark.parametrize("name", DRAWN)
def test_no_text_overlaps_another_or_leaves_the_figure_with_few_and_with_many_layers(name, layers):
    figure = DRAWN[name](layers)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    renderer = canvas.get_renderer()
    boxes = [
        (text.get_text(), text.get_window_extent(renderer))
        for text in figure.findobj(Text)
        if text.get_visible() and text.get_text().strip() and seen(text)
    ]
    width, height = figure.bbox.width, figure.bbox.height
    for words, box in boxes:
        assert box.x0 >= -1 and box.y0 >= -1 and box.x1 <= width + 1 and box.y1 <= height + 1, words
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        overlap = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert min(overlap) <= 1, f"{one!r} overlaps {other!r}"


def seen(text):
    """Whether a text's axes are shown, and, for a tick label, whether its tick lies within the view."""
    axes = text.axes
    if axes is None:
        return True
    if not axes.get_visible():
        return False
    for axis, (low, high) in ((axes.xaxis, axes.get_xlim()), (axes.yaxis, axes.get_ylim())):
        for tick in axis.get_major_ticks():
            if text in (tick.label1, tick.label2):
                return low <= tick.get_loc() <= high
    return True


def test_events_stand_where_they_took_place():
    figure = training.curves(history(), EVENTS, "")
    (axis,) = figure.axes
    lines = [line.get_xdata()[0] for line in axis.lines if len(line.get_xdata()) == 2]
    assert sorted(lines) == sorted(EVENTS.values())


def test_a_checkpoint_s_epoch_lies_on_its_cell_and_others_between():
    axis = style.CheckpointAxis(EPOCHS)
    for i, epoch in enumerate(EPOCHS):
        assert axis.position(epoch) == pytest.approx(i)
    assert axis.position(np.sqrt(2 * 4)) == pytest.approx(4.5)


def test_a_matrix_is_the_table_s_with_initialisation_in_the_lower_left():
    figure = similarity.matrices(pairs(["a", "b"]), "cka")
    image = figure.axes[0].images[0]
    assert image.get_array()[0, 2] == pytest.approx(1 / 3)
    assert image.origin == "lower"


@pytest.mark.parametrize("extension", ["png", "svg", "pdf"])
def test_two_drawings_are_the_same_bytes(tmp_path, extension):
    from repdyn.figures import draw

    for name in ("a", "b"):
        figure = DRAWN["cka"](3)
        figure.savefig(tmp_path / name, format=extension, metadata=draw.METADATA[extension])
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_events_that_did_not_take_place_are_not_drawn():
    scores = pd.DataFrame(
        {
            "layer": [None, None, "stem"],
            "score": ["memorization_onset", "memorization_end", "perfect_fit_sustained"],
            "value": [12.0, None, 3.0],
        }
    )
    assert style.events(scores) == {"memorization_onset": 12.0}


def test_the_catalogue_names_real_tables_and_modules():
    import importlib

    paths = Paths("results/x")
    for entry in (*catalogue.RUN_FIGURES.values(), *catalogue.STUDY_FIGURES.values()):
        assert all(path.startswith("results/x/") for path in entry.inputs(paths, ["RUN"]))
        assert callable(importlib.import_module(f"repdyn.{entry.module}").draw)


def test_every_figure_is_explained_in_plain_sentences():
    for entry in (*catalogue.RUN_FIGURES.values(), *catalogue.STUDY_FIGURES.values()):
        assert not entry.title.endswith(".")
        assert entry.description.count(".") == 1 and entry.description.endswith(".")
        assert entry.caption.endswith(".") and len(entry.caption.split()) > 15
        assert not set("*`|_") & set(entry.title + entry.description + entry.caption), "markup"
