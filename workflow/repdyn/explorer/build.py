"""Build the explorer's page from a study's tables: every run's regions, matrices, events and curves, compressed.

A large study is cut to ``figures.explorer_mib``: first by leaving out planes beyond the first of each set, then every
second checkpoint (or two in three, …), until the first seed of every run fits. Then as many further seeds are added as
fit. The page says in a sentence what is missing.

Time: a second or two a run, mostly for compression. Memory: the page and one run.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.colors import to_hex

from ..catalogue.events import EVENTS, MEMORIZATION_ONSET
from ..catalogue.measures import Measure
from ..catalogue.plane_sets import COMMON, IMAGES
from ..config.runs import Replicate
from ..data import datasets, subsets
from ..data.images import Images
from ..data.numbers import per_channel
from ..data.pictures import in_own_range, pictures
from ..errors import RepdynError
from ..figures import reading, style
from ..figures.training import CURVES
from ..pipeline import stored
from ..records.cka import CKA
from ..records.examples import EXAMPLES
from ..records.findings import FINDINGS
from ..records.layer_names import OUTPUT
from ..records.phases import SCORES, SEGMENTS
from ..records.planes import PLANES
from ..records.probes import ACCURACY
from ..records.regions import PICTURES, SIMILARITY
from ..records.train import HISTORY
from ..report import findings
from ..runtime.progress import LOG, track
from ..storage import tables
from ..storage.files import atomic
from ..types import Array
from . import page
from .pack import changes, pack, triangle

if TYPE_CHECKING:
    from matplotlib.colors import Colormap

    from ..config.runs import Run
    from ..pipeline.jobs import Job

Planes = Mapping[Replicate, pd.DataFrame]  # of each seed, on each level of the data
# What probes are measured on -> the split and column of their table, and whose colour they have among the curves.
PROBED = {
    "given": ("probe", "accuracy", "mislabelled"),
    "true": ("probe", "true_accuracy", "true"),
    "unseen": ("similarity", "true_accuracy", "test"),
}
ROOM = 1000  # bytes reserved for the texts that depend on what fits


@dataclass(frozen=True)
class Detail:
    """How much of a run is shown: the number of planes of each set, and the stride between checkpoints."""

    planes: int
    every: int

    def kept(self, checkpoints: int) -> Array:
        """Indices of the checkpoints shown, including the first and the last."""
        return np.unique([*range(0, checkpoints, self.every), checkpoints - 1])


@dataclass(frozen=True)
class RunPieces:
    """A run's pieces of the page: one of curves and matrices, and one of regions for each plane."""

    about: dict[str, Any]
    pieces: list[bytes]

    @property
    def size(self) -> int:
        """Bytes in the page."""
        return sum(map(page.text_size, self.pieces)) + len(json.dumps(self.about)) + ROOM // 10


def details(planes: int, checkpoints: int) -> Iterator[Detail]:
    """Details from most to least: all planes, one plane of each set, then fewer and fewer checkpoints."""
    yield Detail(planes, 1)
    for every in range(1, checkpoints):
        if every > 1 or planes > 1:
            yield Detail(1, every)


def left_out(detail: Detail, planes: int, seeds: list[int], shown: list[int], mib: float) -> str | None:
    """The sentence about what a page leaves out; None if it leaves out nothing."""
    missing = []
    if len(shown) < len(seeds):
        missing.append(f"seeds other than {', '.join(map(str, shown))}")
    if detail.planes < planes:
        missing.append("planes beyond the first of each set")
    if detail.every > 1:
        missing.append(f"all but one in {detail.every} checkpoints")
    if not missing:
        return None
    *others, last = missing
    listed = f"{', '.join(others)} and {last}" if others else last
    return f"To stay below {mib:g} MiB this page leaves out {listed}; `figures.explorer_mib` in the config allows more."


def run_pieces(job: Job, run: Run, planes: pd.DataFrame, detail: Detail) -> RunPieces:
    """Read a run's tables and pack the parts to show."""
    labelled, cka = stored.read(job, PICTURES, run), stored.read(job, CKA, run)
    seen = labelled if len(labelled) else cka.rename(columns={"step_a": "step", "epoch_a": "epoch"})
    checkpoints = seen.drop_duplicates("step").sort_values("step")
    kept = detail.kept(len(checkpoints))
    steps = checkpoints["step"].to_numpy()[kept]
    layers = style.depth_order(seen)
    of_table = {CKA.name: cka, SIMILARITY.name: stored.read(job, SIMILARITY, run)}
    # There is no measure of activations of the network's output.
    layers_of = {CKA.name: [layer for layer in layers if layer != OUTPUT], SIMILARITY.name: layers}
    matrices = {}
    for measure in shown_measures(job, set(planes["planes"])):
        frame = measure.rows(of_table[measure.table])
        values = _matrices(frame, measure.column, layers_of[measure.table], steps)
        # A name of a study's own could be that of another array.
        matrices[f"by {measure.name}"] = triangle(values, *measure.range, decimals(measure))
    history = stored.read(job, HISTORY, run)
    curves = {name: history[column].to_numpy(np.float32) for name, (column, *_) in CURVES.items()}
    about = {
        "events": style.apart(style.events(stored.read(job, SCORES, run))),
        "phases": _phases(stored.read(job, SEGMENTS, run), steps),
    }
    arrays = {"steps": steps.astype(np.int32), "epochs": checkpoints["epoch"].to_numpy()[kept]}
    arrays |= {"evaluated": history["epoch"].to_numpy()} | curves
    arrays |= probe_accuracies(stored.read(job, ACCURACY, run), layers_of[CKA.name], steps)
    pieces = [pack(about, arrays | matrices)]
    labelled = labelled[labelled["step"].isin(steps)].sort_values(["depth", "step"])
    for plane in planes.to_dict("records"):
        seen = labelled[(labelled["planes"] == plane["planes"]) & (labelled["plane"] == plane["plane"])]
        labels = np.stack(list(seen["labels"])).reshape(len(layers), len(steps), -1)
        pieces.append(pack({}, {"labels": changes(labels)}))
    # Data of some levels have no planes through mislabelled images.
    shown = [[IMAGES[plane["planes"]], int(plane["plane"])] for plane in planes.to_dict("records")]
    family = job.study.families[run.optimizer]
    facts = run.facts | {"family": family, "replicate": run.replicate.path, "planes": shown, "layers": layers}
    return RunPieces(facts, pieces)


def probe_accuracies(accuracy: pd.DataFrame, layers: list[str], steps: Array) -> dict[str, Array]:
    """Accuracies of probes by what they are measured on, each (L, E), to four decimals; nothing without probes."""
    found = {}
    for name, (split, column, *_) in PROBED.items() if len(accuracy) else ():
        part = accuracy[accuracy["split"] == split].pivot(index="layer", columns="step", values=column)
        found[f"probe {name}"] = part.loc[layers, steps].to_numpy(np.float32).round(4)
    return found


def probed(similarity_from: str) -> list[dict[str, Any]]:
    """The words, colour and dashes of each entry of ``PROBED``, where layers are compared on the test set or others."""
    words = {
        "given": "training, given labels",
        "true": "training, true labels",
        "unseen": "test" if similarity_from == "test" else "others, true labels",
    }
    return [
        {"key": name, "label": words[name], "colour": to_hex(style.CURVES[curve]), "dash": dash(CURVES[curve][3])}
        for name, (*_, curve) in PROBED.items()
    ]


def found_claims(job: Job) -> list[dict[str, Any]]:
    """Every comparison that decides a claim, in the report's words, with its address there."""
    claims = findings.of_table(stored.read(job, FINDINGS), job.study.findings.confidence, job.study.all_measures)
    return [
        {"claim": claim.words, "words": found.words, "decision": found.decision, "reason": found.reason,
         "evidence": "; ".join(found.evidence), "address": found.address, "levels": found.levels}
        for claim in claims
        for found in claim.sentences
        if found.levels
    ]  # fmt: skip


def shown_measures(job: Job, sets: Collection[str]) -> list[Measure]:
    """The measures of the study, those of decision regions on these sets of planes."""
    return [m for m in job.study.all_measures.values() if m.planes is None or m.planes in sets]


def decimals(measure: Measure) -> int:
    """To how many decimals a similarity is shown: see ``pack.py``."""
    return 4 if measure.usual else 2


def _matrices(frame: pd.DataFrame, value: str, layers: list[str], steps: Array) -> Array:
    """(L, E, E): the checkpoint-by-checkpoint matrices of these layers."""
    of_layer = {
        layer: part.pivot(index="step_a", columns="step_b", values=value).loc[steps, steps].to_numpy()
        for layer, part in frame.groupby("layer")
    }
    return np.stack([of_layer[layer] for layer in layers])


def _phases(segments: pd.DataFrame, steps: Array) -> dict[str, dict[str, list[int]]]:
    """By measure and layer: index of the first shown checkpoint of each phase."""
    starts: dict[str, dict[str, list[int]]] = {}
    for (measure, layer), part in segments.groupby(["measure", "layer"]):
        first = np.searchsorted(steps, np.sort(part["step_start"].to_numpy()))
        starts.setdefault(str(measure), {})[str(layer)] = np.unique(first[first < len(steps)]).tolist()
    return starts


def picture_planes(job: Job) -> Planes:
    """The planes for pictures of the runs of each seed, as many of each set for all; none where they are left out."""
    found = {}
    for replicate in job.study.replicates:
        planes = stored.read(job, PLANES, replicate)
        found[replicate] = planes[planes["purpose"] == "picture"]
    return found


def plane_pictures(job: Job, planes: Planes) -> list[dict[str, Any]]:
    """For each plane, and each seed of it, its position, its three images, their classes, and the labels trained with.

    Args:
        job: of the study.
        planes: those of each seed, in the order of their pieces.
    """
    shown: dict[tuple[str, int], dict[str, Any]] = {}
    for replicate, of_seed in planes.items():
        if of_seed.empty:
            continue
        found = subsets.load(job.study.data_of(replicate), job.data_root, replicate.seed)
        for plane in of_seed.to_dict("records"):
            key = IMAGES[plane["planes"]], int(plane["plane"])
            plane_of = shown.setdefault(key, {"set": key[0], "number": key[1], "of": {}})["of"]
            plane_of[replicate.path] = _picture(plane, found)
    order = list(IMAGES.values())
    return sorted(shown.values(), key=lambda plane: (order.index(plane["set"]), plane["number"]))


def _picture(plane: Mapping[Any, Any], found: subsets.StudyData) -> dict[str, Any]:
    """A plane of a seed, from its row of the table and the seed's data."""
    part = found.common if plane["planes"] == COMMON else found.train
    index = {example: i for i, example in enumerate(part.examples.tolist())}
    rows = [index[example] for example in plane["examples"]]
    seen = part.inputs[rows]
    images = seen * per_channel(found.std, seen.ndim) + per_channel(found.mean, seen.ndim)
    if not isinstance(part.inputs, Images):  # floats have no black and white
        images = in_own_range(images)
    pixels = np.rint(np.clip(pictures(images), 0, 1) * 255).astype(np.uint8)
    return {
        "resolution": int(plane["resolution"]),
        "x": [float(x) for x in plane["x"]],
        "y": [float(y) for y in plane["y"]],
        "xRange": [float(x) for x in plane["x_range"]],
        "yRange": [float(y) for y in plane["y_range"]],
        "shape": list(pixels.shape[1:]),
        "images": [base64.b64encode(image.tobytes()).decode() for image in pixels],
        "labels": [int(label) for label in plane["labels"]],
        "given": part.given_labels[rows].tolist(),
    }


def class_names(job: Job, classes: int) -> list[str]:
    """What the explorer calls each class: by its number where levels of the data call one by several names."""
    said: dict[int, set[str]] = {}
    for replicate in job.study.replicates:
        for label, name in reading.class_names(stored.read(job, EXAMPLES, replicate)).items():
            said.setdefault(label, set()).add(name)
    return [said[i].pop() if len(said.get(i, ())) == 1 else str(i) for i in range(classes)]


def language(classes: int, names: list[str]) -> dict[str, Any]:
    """The figures' visual language, for the scripts."""
    return {
        "classes": [to_hex(colour) for colour in style.class_colours(classes)],
        "classNames": names,
        "curves": [
            {
                "key": name,
                "label": label,
                "colour": to_hex(style.CURVES[name]),
                "width": 1.3 * width,
                "dash": dash(dashes),
            }
            for name, (_column, label, width, dashes) in CURVES.items()
        ],
        "events": {
            name: {"label": event.label, "colour": event.colour, "dash": dash(event.dashes)}
            for name, event in EVENTS.items()
        },
        "boundary": to_hex(style.BOUNDARY),
        "undefined": style.UNDEFINED,
        "ramp": base64.b64encode(ramp(style.SIMILARITY).tobytes()).decode(),
        "differences": base64.b64encode(ramp(style.DIFFERENCE).tobytes()).decode(),
    }


def dash(style_of_line: Any) -> list[float]:
    """The lengths of a line's dashes and gaps in pixels, from Matplotlib's style; none of a solid line."""
    return [] if style_of_line == "-" else [2 * length for length in style_of_line[1]]


def ramp(colours: Colormap) -> Array:
    """(256, 3): a colour map in bytes."""
    found: Array = (np.array(colours(np.arange(256)))[:, :3] * 255).round().astype(np.uint8)
    return found


def chosen_runs(job: Job, planes: Planes, budget: float) -> tuple[list[RunPieces], Detail, list[int]]:
    """Choose as many runs and as much detail as fit.

    Args:
        job: of the study.
        planes: the picture planes of each seed.
        budget: bytes in the page.

    Returns:
        The runs, seed by seed; their detail; and the seeds shown.

    Raises:
        RepdynError: if not even the least detail fits.
    """
    first, *others = job.study.seeds
    checkpoints = _checkpoints(job)
    for detail in details(max(map(_per_set, planes.values())), checkpoints):
        fewer = {of: of_seed[of_seed["plane"] < detail.planes] for of, of_seed in planes.items()}
        runs = [run for run in job.study.runs if run.seed == first]
        shown = [run_pieces(job, run, fewer[run.replicate], detail) for run in track(runs, len(runs), "run")]
        if sum(run.size for run in shown) <= budget:
            break
    else:
        raise RepdynError(
            f"`figures.explorer_mib` is {job.study.figures.explorer_mib:g}, which does not hold two checkpoints of "
            "each run; allow more."
        )
    seeds = [first]
    for seed in others:
        runs = [run for run in job.study.runs if run.seed == seed]
        more = [run_pieces(job, run, fewer[run.replicate], detail) for run in track(runs, len(runs), "run")]
        if sum(run.size for run in [*shown, *more]) > budget:
            break
        shown, seeds = [*shown, *more], [*seeds, seed]
    return shown, detail, seeds


def _per_set(planes: pd.DataFrame) -> int:
    """The number of planes of each set."""
    return int(planes.groupby("planes").size().max()) if len(planes) else 0


def _checkpoints(job: Job) -> int:
    cka = tables.read(*job.place(CKA, job.study.runs[0]), columns=["step_a"])
    return len(set(cka["step_a"].to_pylist()))


def main(job: Job) -> None:
    """Write ``explorer.html``.

    Raises:
        RepdynError: if a table is missing or not the study's, or the page's limit is too small.
    """
    planes = picture_planes(job)
    mib, of_levels = job.study.figures.explorer_mib, job.study.data_levels.values()
    noise = {data.label_noise for data in of_levels}
    classes = max(datasets.source(data).classes or 0 for data in of_levels)
    sets = {name for of_seed in planes.values() for name in of_seed["planes"]}
    study: dict[str, Any] = {
        "name": job.study.name,
        "dataset": ", ".join(dict.fromkeys(data.dataset for data in of_levels)),
        "noise": noise.pop() if len(noise) == 1 else 0,
        "language": language(classes, class_names(job, classes)),
        "output": OUTPUT,
        "opensAt": MEMORIZATION_ONSET,
        "measures": [
            {
                "key": measure.name,
                "label": measure.label,
                "words": measure.words,
                "low": measure.range[0],
                "high": measure.range[1],
                "chance": measure.chance,
                "decimals": decimals(measure),
            }
            for measure in shown_measures(job, sets)
        ],
        "planes": plane_pictures(job, planes),
        "findings": found_claims(job),
        "probed": probed(job.study.activations.similarity_from),
    }
    runs, detail, seeds = chosen_runs(job, planes, mib * 2**20 - len(page.assemble(study, [])) - ROOM)
    cut = left_out(detail, max(map(_per_set, planes.values())), job.study.seeds, seeds, mib)
    starts = np.cumsum([0, *(len(run.pieces) for run in runs)])
    study |= {
        "leftOut": " ".join([*dict.fromkeys(job.study.left_out.values()), *([] if cut is None else [cut])]) or None,
        "planes": [
            shown
            | {"of": {of.path: shown["of"][of.path] for of in planes if of.seed in seeds and of.path in shown["of"]}}
            for shown in study["planes"]
            if shown["number"] < detail.planes
        ],
        "runs": [run.about | {"piece": int(start)} for run, start in zip(runs, starts, strict=False)],
    }
    content = page.assemble(study, [piece for run in runs for piece in run.pieces])
    with atomic(job.paths.explorer()) as temporary:
        temporary.write_text(content, encoding="utf-8")
    LOG.info("%d of %d runs in %.1f MiB", len(runs), len(job.study.runs), len(content) / 2**20)
