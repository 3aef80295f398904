"""The figures and pages: for each the module that draws it, what it reads, and its texts.

Which figures there are depends on the study, because it chooses its measures: ``of_run`` and ``of_study`` list them.
Title, description and caption are plain text for readers who do not know the paper, in reports and web pages. Imports
nothing heavy, because Snakemake reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from ..catalogue.measures import ACTIVATIONS, Measure
from ..catalogue.paths import Paths
from ..catalogue.plane_sets import IMAGES
from ..catalogue.stages import Place
from .entry import CKA, FINDINGS, FURTHER, LAYERS, PHASES, REGIONS, TRAINING, Drawn, Entry

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.study import Study

_EVENTS = """
    Events are marked: memorization begins when a quarter of the wrong labels are fitted and ends at 95 %; perfect fit
    is where every training example gets the label it was trained with; it lasts if nine tenths of what follows do, too.
    A solid line, or a filled cross, is the first intervention in a training that has one.
"""
_MATRIX = """
    Each square is one layer compared with itself: position (x, y) says how alike the layer at epoch x is to the same
    layer at epoch y, bright is alike. A bright block on the diagonal is a time in which the layer hardly changed; an
    edge between two blocks is a change.
"""
_DRS = (
    "decision regions similarity (DRS)",
    "DRS is the share of points, on planes through three images each, to which linear classifiers give the same class.",
)
_ISLANDS = {
    "test": "Regions that break into many pieces belong to a function that bends much between images.",
    "clean": "Regions that break into many pieces belong to a function that bends much between images.",
    "mislabelled": "An island of a wrong class around an image is a memorized label.",
}


def _planes(name: str) -> Entry:
    return Entry(
        module="figures.planes",
        category=REGIONS,
        title=f"Decision regions around three {IMAGES[name]}",
        description=(
            f"What linear probes of all layers, and the network, answer on a plane through three {IMAGES[name]}."
        ),
        caption=f"""
            Any three images span a plane in the space of images, and every point of it is an image, too: a mixture of
            the three. Each panel colours that plane by the class that a linear classifier on one layer (rows, from the
            input to the network's own output) gives to it at one moment of training (columns). A circle, a square and a
            triangle stand where the three images are; the legend shows them larger. {_ISLANDS[name]}
        """,
        of_run=(Paths.region_pictures,),
        of_seed=(Paths.planes, Paths.examples),
        reads=("data",),
    )


def _findings(title: str, description: str, more: str) -> Entry:
    return Entry(
        module="figures.forest",
        category=FINDINGS,
        title=title,
        description=description,
        caption=f"""
            A mark is an estimate, the mean over seeds; its bar is an interval over seeds; faint dots are the seeds
            themselves. Marks to the right of the vertical line mean more of what the claim says: for the first of the
            two that are contrasted, or than there would be without it. Fewer than six seeds decide no difference at
            .05 and have no interval. Contrasts of optimizers are contrasts of learning rates, too; where a study has
            several rates, those are compared that fit equally fast. {more}
        """,
        of_study=(Paths.findings, Paths.pairs),
        reads=("number of seeds", "confidence", "measures"),
    )


def _about(measure: Measure) -> str:
    """What a measure of activations is, in plain sentences."""
    if measure.name == "cka":
        return "Similarity is CKA, which compares how a layer arranges the same images, whatever its units' directions."
    return (
        f"Similarity is {measure.label}: {measure.words} ({measure.source}), from {measure.range[0]:g} to "
        f"{measure.range[1]:g}. Of representations that have nothing to do with each other it is {measure.chance}."
    )


def _category(measure: Measure) -> str:
    return CKA if measure.name == "cka" else FURTHER


def _matrices(measure: Measure) -> Entry:
    return Entry(
        module="figures.similarity",
        category=_category(measure),
        title=f"Each layer compared with itself across training, by {measure.label}",
        description=f"Similarity of every layer's activations between any two moments of training, by {measure.label}.",
        caption=f"""
            {_MATRIX} {_about(measure)} {"Red outlines are phases, where a layer has more than one." * measure.kernel}
            {_EVENTS}
        """,
        of_run=(Paths.cka, Paths.segments, Paths.scores),
        reads=("measures",),
    )


def _grid(name: str, table: Place, category: str, measure: str, about: str) -> Entry:
    return Entry(
        module="figures.grids",
        category=category,
        title=f"The whole grid by {measure}",
        description=f"Similarity of layers to themselves across training, by {measure}, for all kinds of run.",
        caption=f"""
            {_MATRIX} {about} Each architecture and optimizer is shown at four depths, from the first layer to the last,
            as the mean over seeds. {_EVENTS} Epochs of events are medians over seeds, where most seeds have the event.
            The same for every layer of one run is in that run's figure of the name {name}.
        """,
        of_run=(table, Paths.scores),
        reads=("archs", "optimizers", "layout", "number of seeds", "measures"),
    )


def _difference(table: Place, category: str, measure: str, about: str) -> Entry:
    return Entry(
        module="figures.grids",
        category=category,
        title=f"Difference between optimizers in {measure}",
        description=f"Where in training, and at which depth, two optimizers differ in {measure}.",
        caption=f"""
            Each square is the matrix of one layer under the first optimizer minus that under the second, taken seed by
            seed and averaged. {about} Blue: the layer at the two epochs is more alike under the first optimizer; red:
            under the second; white: no difference. The optimizers run at the learning rates that the study gives them,
            so a difference can be one of rates.
        """,
        of_run=(table,),
        reads=("archs", "layout", "contrasts", "families", "number of seeds", "measures"),
    )


_OF_EVERY_RUN: dict[str, Entry] = {
    "training": Entry(
        module="figures.training",
        category=TRAINING,
        title="Accuracy through training",
        description="Accuracy by epoch, on training examples with right and with wrong labels and on test images.",
        caption=f"""
            Part of the training examples carry a wrong label. A network first learns what the right labels have in
            common and calls mislabelled images by their true class; then it memorizes the wrong labels, and accuracy
            on true labels falls as accuracy on wrong ones rises. Test accuracy can dip meanwhile and recover:
            epoch-wise double descent. {_EVENTS}
        """,
        of_run=(Paths.history, Paths.scores),
        accuracies=True,
    ),
    "regions": Entry(
        module="figures.similarity",
        category=REGIONS,
        title="Each layer compared with itself across training, by decision regions similarity (DRS)",
        description="Similarity of the decision regions of every layer between any two moments of training.",
        caption=f"""
            {_MATRIX} Decision regions similarity, DRS, is the share of points, on planes through three images each, to
            which linear classifiers on the layer at the two moments give the same class. There is a row for planes
            through test images, through correctly labelled and through mislabelled training images. Red outlines are
            phases, where a layer has more than one. {_EVENTS}
        """,
        of_run=(Paths.region_similarity, Paths.segments, Paths.scores),
        reads=("measures",),
    ),
    **{f"planes-{name}": _planes(name) for name in IMAGES},
    "phases": Entry(
        module="figures.timelines",
        category=PHASES,
        title="Phases of each layer",
        description="Phases of every layer by depth and time, under each measure of similarity.",
        caption=f"""
            A phase is a time in which a layer is more like itself than before or after, as found in its
            checkpoint-by-checkpoint matrix; a layer that only drifts has one. Rows are layers from the input on;
            phases are light and dark by turns, with a red line where one ends. They describe how a run is divided and
            date nothing: events of training leave no boundary in most runs, and runs without any have boundaries.
            {_EVENTS}
        """,
        of_regions="The output of the network has DRS, decision regions similarity, but no measure of activations.",
        of_run=(Paths.segments, Paths.scores),
        reads=("measures",),
    ),
    "synchrony": Entry(
        module="figures.dynamics",
        category=LAYERS,
        title="Which layers change at the same times",
        description="Synchrony of every layer with every other, under each measure of similarity.",
        caption="""
            Two layers are in synchrony, near 1, if the times at which one changes and those at which it stays are the
            same as the other's, however much either changes. It is the correlation between the two layers'
            checkpoint-by-checkpoint matrices, by each measure. Black is the least synchrony that the run has, not 0.
        """,
        of_regions=(
            "DRS is the similarity of the decision regions of linear classifiers on planes through test images, "
            "correctly labelled and mislabelled training images. The output of the network has DRS, too, but no "
            "measure of activations."
        ),
        of_run=(Paths.cka, Paths.region_similarity),
        spares=(Paths.region_similarity,),
        reads=("measures",),
    ),
    "change": Entry(
        module="figures.dynamics",
        category=LAYERS,
        title="How fast each layer changes",
        description="Rate of change by depth and time, under each measure of similarity.",
        caption=f"""
            Rows are layers from the input on, columns the intervals between checkpoints. Dark is fast: the change from
            one checkpoint to the next, 1 minus their similarity, for each tenfold of epochs, since training slows down
            as it goes on. Each measure of activations has colours of its own, so compare shades within each. A dark
            column is a time at which all layers change together. {_EVENTS}
        """,
        of_regions="Decision regions similarity (DRS) has one scale for all sets of planes.",
        of_run=(Paths.cka, Paths.region_similarity, Paths.scores),
        spares=(Paths.region_similarity,),
        reads=("measures",),
    ),
    "change-by-epoch": Entry(
        module="figures.by_epoch",
        category=LAYERS,
        title="How fast each layer changes from epoch to epoch",
        description="Rate of change of weights and of activations by depth and time, between evaluated epochs.",
        caption=f"""
            Rows are layers from the input on, columns the intervals between epochs at which training was evaluated, far
            finer than checkpoints. Dark is fast: the logarithm of the change for each tenfold of epochs. On the left,
            change is the distance that a layer's own weights moved, in units of their norm, brown where it has none; on
            the right, 1 minus CKA of its activations. Weights can move much where activations hardly change, and the
            other way round. A column that is dark or light in all layers is a moment at which something happened to the
            run. {_EVENTS}
        """,
        of_run=(Paths.change, Paths.scores),
    ),
    "probes": Entry(
        module="figures.dynamics",
        category=LAYERS,
        title="What linear probes read from each layer",
        description="Accuracy of a linear classifier on every layer through training, on given and on true labels.",
        caption=f"""
            A probe is a linear classifier trained on what a layer says of training images, with the labels that the
            network was given, wrong ones included. Where it reaches high accuracy on given labels, the layer has made
            the wrong labels linearly readable: it has memorized them, and accuracy on true labels falls. {_EVENTS}
        """,
        of_run=(Paths.probe_accuracy, Paths.scores),
        reads=("similarity_from",),
    ),
}
# Animations of a run, GIFs on request, under the names of the still figures.
ANIMATIONS: dict[str, Entry] = {
    f"planes-{name}": replace(
        _planes(name),
        module="figures.animation",
        description=f"Decision regions of all layers on a plane through three {IMAGES[name]}, through training.",
        caption=f"""
            Any three images span a plane in the space of images, and every point of it is an image, too: a mixture of
            the three. Each panel colours that plane by the class that a linear classifier on one layer, or the network
            itself (output), gives to it. A circle, a square and a triangle stand where the three images are; they are
            shown larger below. The line over the curves moves through training as the regions do. {_ISLANDS[name]}
        """,
        of_run=(Paths.region_pictures, Paths.history),
    )
    for name in IMAGES
}
_OF_EVERY_STUDY: dict[str, Entry] = {
    "training": Entry(
        module="figures.training",
        category=TRAINING,
        title="Accuracy through training, all runs",
        description="Accuracy by epoch for every architecture (rows) and optimizer (columns).",
        caption=f"""
            Lines are means over seeds, bands go from the lowest seed to the highest. {_EVENTS} Vertical lines are
            medians over seeds, where most seeds have the event; each seed has its triangles above the panel.
        """,
        of_run=(Paths.history, Paths.scores),
        accuracies=True,
        reads=("archs", "optimizers", "layout"),
    ),
    "batch-norm": Entry(
        module="figures.batch_norm",
        category=TRAINING,
        title="How far batch norm lags behind the weights",
        description="Each layer with stored batch-norm statistics compared with itself with re-estimated ones.",
        caption="""
            In evaluation a batch norm uses averages that it kept while training, which lag behind the weights. Here
            everything is measured with averages computed anew from training images at each checkpoint. A line is one
            layer, dark for the first and light for the last: CKA of its activations under stored and under new averages
            at the same checkpoint, 1 where it makes no difference. The dashed line is the share of images that the
            network puts into the same class either way. Lines are means over seeds, bands go from the lowest seed to
            the highest. Networks without batch norm have no panel.
        """,
        of_run=(Paths.batch_norm,),
        reads=("archs", "optimizers", "layout"),
    ),
    "widths": Entry(
        module="figures.widths",
        category=TRAINING,
        title="Error by width of the network",
        description="Error on test images and on training examples for each width, one panel for each optimizer.",
        caption="""
            Where test error falls with width, rises about the width from which on the training examples, wrong labels
            included, are fitted, and falls again, that is model-wise double descent. The error of each run's best epoch
            says how much of the rise stopping early would have avoided. Lines are means over seeds, bands go from the
            lowest seed to the highest.
        """,
        of_run=(Paths.history,),
        accuracies=True,
        reads=("optimizers", "widths", "layout"),
    ),
    "timeline": Entry(
        module="figures.timelines",
        category=LAYERS,
        title="When things happen in each run",
        description="Events of training, and steps of the rate at which layers change, on one axis of epochs.",
        caption=f"""
            Each row is a run. A tick is a moment at which the rate of change of one of its layers, by CKA from one
            evaluated epoch to the next, steps up or down faster than it drifts. Where ticks of several layers coincide
            they are darker. The grey line is where such steps were searched: where evaluated epochs are too far apart
            nothing can be dated, as in most of the first fifteen epochs, and a run in which nothing can be says so. Not
            every event of training makes such a step. {_EVENTS} The shaded time is memorization. Marks of one kind of
            event stand at one height, so that none hides another.
        """,
        of_run=(Paths.events, Paths.history, Paths.scores),
        reads=("archs", "optimizers", "layout", "seeds"),
    ),
    "boundaries": Entry(
        module="figures.boundaries",
        category=PHASES,
        title="Where measures and detectors agree on a boundary",
        description="Distances between the greatest boundaries that measures of similarity and detectors find.",
        caption="""
            Each measure and each detector puts the greatest boundary of a layer's training at one moment. Detectors are
            where the best two phases meet, the greatest novelty, where change stops, and where half of all change is
            done. In a row of one architecture and optimizer, the first four squares say how far measures are apart
            under one detector, the last how far detectors are apart under one measure, as the median over layers of the
            body and seeds. Light is near; 1 is a tenfold of epochs; brown is where a detector finds nothing. What is
            there shows under several; a moment that one alone gives is its own.
        """,
        of_run=(Paths.boundaries,),
        reads=("archs", "optimizers", "layout", "measures"),
    ),
    "geometry": Entry(
        module="figures.geometry",
        category=LAYERS,
        title="Size and dimension of each layer",
        description="Norm, participation ratio, effective rank and spectral decay of each layer through training.",
        caption="""
            A line is one layer, dark for the first and light for the last, as the mean over seeds. Norm is how far
            examples lie from their mean. Participation ratio and effective rank say over how many directions they
            spread; the first counts few large ones, the second more of the small. Decay is the exponent at which
            the variance of further directions falls; steep is of low dimension. Similarity sees none of these alone.
        """,
        of_run=(Paths.layer_geometry,),
        reads=("archs", "optimizers", "layout"),
    ),
    "weights": Entry(
        module="figures.geometry",
        category=LAYERS,
        title="How far the weights of each layer move",
        description="Cosine and distance of each layer's weights from initialisation and from the checkpoint before.",
        caption="""
            A line is one layer, dark for the first and light for the last, the network's output, as the mean over
            seeds. The cosine says how far weights have turned from where they began; distances are in units of the norm
            of the initial weights, from initialisation and from the checkpoint before, which on a logarithmic schedule
            lies ever further back.
            It is a control: representations can change where weights hardly do, and stay where they move.
        """,
        of_run=(Paths.weight_geometry,),
        reads=("archs", "optimizers", "layout"),
    ),
    "findings": _findings(
        "Claims tested",
        "Every claim about architectures and optimizers with its estimate, interval, p-value and verdict.",
        "Each claim has one measure and one score that decide it; p is adjusted for all comparisons. The line below a "
        "row says under which measures of similarity the same test, by its own p, comes out alike; they are no further "
        "evidence, being of the same runs.",
    ),
    "findings-all": _findings(
        "Claims tested, by every measure",
        "Every claim by every measure and score, the exploratory ones included.",
        "Only rows with a verdict decide; of all others q is the share of chance among rows of this p or less.",
    ),
    "trends": Entry(
        module="figures.trends",
        category=FINDINGS,
        title="Scores by the numbers in which levels differ",
        description="Scores against width, learning rate, fraction of wrong labels or another number, with trends.",
        caption="""
            Levels of a factor that differ in one number alone stand in their order on a logarithmic axis; 0 has no
            logarithm and stands at its left, beyond a break. Faint dots are seeds, lines their means. Beneath a panel
            are the slopes over levels above 0, for a tenfold of the number, and their p. All of this is exploratory:
            there are many scores. Three levels have a p of .33 at least, and four of .083, so that they can show a
            slope, but not that it is a trend.
        """,
        of_study=(Paths.trends, Paths.trend_values),
        numbers=True,
        reads=("measures",),
    ),
    "regions-grid": _grid("regions", Paths.region_similarity, REGIONS, *_DRS),
    "regions-difference": _difference(Paths.region_similarity, REGIONS, *_DRS),
}
# Pages made from tables, which have no entry in the report.
LAB_BOOK = Drawn(
    module="stages.lab_book",
    of_run=(Paths.history, Paths.scores),
    of_study=(Paths.findings, Paths.left_out),
    reads=("archs", "optimizers", "layout", "seeds", "rates", "confidence", "measures"),
)
REPORT = replace(
    LAB_BOOK,
    module="report.build",
    reads=(
        *(*LAB_BOOK.reads, "name", "data", "formats", "drawn runs", "widths"),
        "whether optimizers are contrasted",
    ),
)
EXPLORER = Drawn(
    module="explorer.build",
    of_run=(
        Paths.history,
        Paths.cka,
        Paths.region_pictures,
        Paths.region_similarity,
        Paths.segments,
        Paths.scores,
        Paths.probe_accuracy,
    ),
    of_seed=(Paths.planes, Paths.examples),
    of_study=(Paths.findings,),
    spares=(Paths.region_pictures, Paths.region_similarity, Paths.planes, Paths.probe_accuracy),
    reads=(
        "name",
        "archs",
        "optimizers",
        "seeds",
        "data",
        "explorer_mib",
        "measures",
        "families",
        "confidence",
        "similarity_from",
    ),
)


def activations(study: Study) -> list[Measure]:
    """The measures of activations of a study, in order."""
    return [measure for measure in study.all_measures.values() if measure.table == ACTIVATIONS]


def of_run(study: Study) -> dict[str, Entry]:
    """The figures of a run: matrices by each measure of activations, under its name, and those of every study."""
    matrices = {measure.name: _matrices(measure) for measure in activations(study)}
    return _there(study, {"training": _OF_EVERY_RUN["training"], **matrices, **_OF_EVERY_RUN})


def animations(study: Study) -> dict[str, Entry]:
    """The animations of a run."""
    return _there(study, ANIMATIONS)


def of_study(study: Study) -> dict[str, Entry]:
    """The figures of a study: those of every study, and for each measure of activations a grid and a difference."""
    return _there(study, {**_OF_EVERY_STUDY, **_of_measures(study)})


def of_any_study(scope: Literal["run", "study"]) -> list[str]:
    """The names of figures of a run, or of the study, that do not depend on which measures a study chooses."""
    return list(_OF_EVERY_RUN if scope == "run" else _OF_EVERY_STUDY)


def _of_measures(study: Study) -> dict[str, Entry]:
    """The figures of a study by each of its measures of activations."""
    by_measure: dict[str, Entry] = {}
    for measure in activations(study):
        words = (Paths.cka, _category(measure), measure.label, _about(measure))
        by_measure[f"{measure.name}-grid"] = _grid(measure.name, *words)
        by_measure[f"{measure.name}-difference"] = _difference(*words)
    return by_measure


def _there(study: Study, entries: Mapping[str, Entry]) -> dict[str, Entry]:
    return {name: entry.of(study) for name, entry in entries.items() if entry.why_not(study) is None}


def left_out(study: Study, scope: Literal["run", "study"]) -> dict[str, str]:
    """Figure of a run, or of the study -> why a study leaves it out, in a sentence."""
    entries = _OF_EVERY_RUN if scope == "run" else _OF_EVERY_STUDY
    reasons = {name: entry.why_not(study) for name, entry in entries.items()}
    return {name: f"There is no figure `{name}`. {why}" for name, why in reasons.items() if why is not None}


def find(study: Study, name: str, scope: Literal["run", "study"]) -> Entry | None:
    """The entry of a figure of a run or of the study; None if there is no such figure.

    Asks for the study's measures only if no study has the figure without them, so that no other depends on them.
    """
    of_every, figures = (_OF_EVERY_RUN, of_run) if scope == "run" else (_OF_EVERY_STUDY, _of_measures)
    return of_every.get(name) or figures(study).get(name)


def drawn_of_run(study: Study, run: Run) -> list[str]:
    """The figures of a run that ``rule all`` draws, but for those that the study leaves out.

    Of measures of activations it draws CKA; of the planes those through mislabelled images, if any, since they show
    memorization.
    """
    planes = "planes-mislabelled" if study.data_of(run).mislabels else "planes-test"
    drawn = ("training", "cka", "regions", "phases", "synchrony", "change-by-epoch", planes)
    gone = left_out(study, "run")
    return [name for name in drawn if name not in gone]


def drawn_of_study(study: Study) -> list[str]:
    """The figures of a study that ``rule all`` draws, but for those that it leaves out.

    Of measures of activations it draws CKA, differences between optimizers if the config contrasts any, error by
    width if architectures have several, and trends if three levels or more differ in one number alone.
    """
    several_widths = len(set(study.widths.values())) > 1
    of_all = [
        *("training", "batch-norm", *(["widths"] if several_widths else []), "timeline", "findings", "findings-all"),
        *("trends", "cka-grid", "regions-grid"),
        *(["cka-difference", "regions-difference"] if study.optimizer_contrasts else []),
    ]
    gone = left_out(study, "study")
    return [name for name in of_all if name not in gone]
