"""Check a study before anything runs, beyond the config's own grammar.

Each model of the grid is built, observed on a few images, trained a few steps by each optimizer (``trial.py``), and
measured as the stages will measure it (``rehearsal.py``). So an unknown model, a patch size that does not divide the
image, a layer that does not exist or cannot be compared, an optimizer that cannot be interrupted, or a data set that is
too small is found in seconds, not after hours.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ..analysis import common_checkpoints
from ..catalogue.plane_sets import COMMON, IMAGES, SETS
from ..data import class_names, datasets, label_noise
from ..errors import RepdynError
from ..models import architectures, coverage, observed_layers
from ..models.observation import Observation
from ..pipeline import settling
from ..regions import compare, planes
from ..representations import coordinates, extract
from ..runtime import devices
from ..runtime.lazy_imports import without_compiler
from ..runtime.progress import LOG
from ..similarity import own
from ..training import bfloat16, checkpoint_schedule, measured
from . import interventions, last_batch, recorded_runs, rehearsal, trial

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Data
    from ..config.study import Study


@without_compiler()
def main(study: Study) -> None:
    """Check a study.

    Raises:
        RepdynError: naming the key, the value and what is allowed.
    """
    study = datasets.described(study)
    for level, data in study.data_levels.items():
        with datasets.naming(level):
            check_examples(study, data)
            class_names.check(data)
    study = settling.with_checkpoints(study)
    has_digests = any(data.contents is not None for data in study.data_levels.values())
    remarks = list(datasets.remarks(datasets.settled(study) if has_digests else study))
    remarks += dict.fromkeys(study.left_out.values())
    check_checkpoints(study)
    if "planes" not in study.left_out:
        for level, data in study.data_levels.items():
            with datasets.naming(level):
                check_planes(study, data)
    check_whole(study)
    remarks += check_measures(study)
    device = devices.prepare(study.execution.device)
    for arch in study.archs:
        for levels in datasets.alike(study):
            remarks += check_networks(study, arch, levels, device)
    check_held_measures(study)
    interventions.check(study)
    for remark in dict.fromkeys(remarks):  # nothing is wrong, so a study that is refused has one sentence
        LOG.warning(remark)


def check_networks(study: Study, arch: str, levels: Sequence[str | None], device: torch.device) -> list[str]:
    """Check an architecture on data that are alike, and everything that is done with it; return remarks.

    Each model is built once, whatever the number of optimizers and seeds, because every study waits for the check.
    """
    data, remarks = study.data_levels[levels[0]], list[str]()
    with blaming(f"archs.{arch}"):
        checked = check_architecture(study, arch, levels[0])
        if "regions" not in study.left_out:
            check_memory(study, data, len(checked.layers))
    for optimizer in study.optimizers:
        if study.recorded(optimizer) is not None:
            with blaming(f"optimizers.{optimizer}.recorded"):
                remarks += recorded_runs.check(study, arch, optimizer, levels, checked.model)
    for optimizer in study.trained_optimizers:
        of_run = study.optimizer(study.run(arch, optimizer, study.seeds[0], levels[0]))
        with blaming(f"optimizers.{optimizer}"):
            trial.take_step(checked.model, checked.images, study.training, of_run)
    with blaming(f"archs.{arch}"):
        run = study.run(arch, next(iter(study.optimizers)), study.seeds[0], levels[0])
        same = rehearsal.check_measuring(study, run, checked.model, checked.layers, checked.resolution)
        two = datasets.inputs(data).sample(2, seed=0)
        change = measured.why_not(study, arch, data, checked.model, two) if study.trained_optimizers else None
    small = [
        last_batch.remark(checked.model, datasets.sizes(study.data_levels[level])[0], study.training.batch_size)
        for level in levels
        if study.trained_optimizers
    ]
    said = (checked.unseen, checked.observation.remark, same, change, *small)
    remarks += [f"`archs.{arch}`: {remark}" for remark in said if remark is not None]
    for optimizer in study.trained_optimizers:
        of_run = study.optimizer(study.run(arch, optimizer, study.seeds[0], levels[0]))
        with blaming(f"optimizers.{optimizer}"):
            trial.interrupt(checked.model, checked.images, study.training, of_run)
    classes = datasets.source(data).classes
    if device.type == "cpu" and classes is not None:  # without, nothing can be differentiated
        with blaming(f"archs.{arch}"):
            bfloat16.check(checked.model, study, run, datasets.inputs(data), classes)
    return remarks


def check_whole(study: Study) -> None:
    """Check that each pattern of ``activations.whole`` names an observed layer of some architecture."""
    observed = (
        {layer: None for features, _ in _features(study) for layer in features} if study.activations.whole else {}
    )
    for pattern in coordinates.unmatched(study.activations.whole, observed):
        there = ", ".join(observed)
        raise RepdynError(f"`activations.whole`: no observed layer is called `{pattern}`; there are {there}.")


def _features(study: Study) -> Iterator[tuple[dict[str, int], Data]]:
    """The numbers of features of the observed layers, by name, of each architecture on each kind of data."""
    for arch in study.archs:
        for levels in datasets.alike(study):
            data = study.data_levels[levels[0]]
            with blaming(f"archs.{arch}"):
                found = {layer.name: layer.features for layer in extract.observed(study, arch, data).layers}
            yield found, data


def _wide(study: Study) -> Iterator[str]:
    """The layers that are stored as coordinates."""
    settings = study.activations
    for features, data in _features(study):
        probed = settings.probe_examples or datasets.sizes(data)[0]
        yield from coordinates.wide(features, settings.similarity_examples, probed, settings.whole)


@contextmanager
def blaming(key: str) -> Iterator[None]:
    """Prefix an error inside with a key of the config; user code that ends the process counts as an error."""
    try:
        yield
    except RepdynError as error:
        raise RepdynError(f"`{key}`: {error}") from None
    except SystemExit as end:
        raise RepdynError(f"`{key}`: code that it names ends Python by itself, with sys.exit({end.code!r}).") from None


def check_examples(study: Study, data: Data) -> None:
    """Check that there are enough examples for each stage."""
    train, test = datasets.sizes(data)
    classes = datasets.source(data).classes
    if classes is not None:
        label_noise.check(data, classes)
    elif study.trained_optimizers:
        raise RepdynError(
            f"`optimizers.{next(iter(study.trained_optimizers))}` would be trained here, which needs classes, and the "
            f"examples of `{data.dataset}` have none; train elsewhere, and say where the checkpoints are: "
            "`recorded`."
        )
    inputs = datasets.inputs(data)
    if study.training.augmentation is not None and inputs.kind != "images":
        raise RepdynError(f"`training.augmentation` is for images, but `{data.dataset}` has {inputs}; leave it out.")
    settings = study.activations
    common = datasets.common_size(data)
    pool = common if settings.similarity_from == "test" else train
    if settings.similarity_examples > pool:
        remedy = ""
        if pool < test and settings.similarity_from == "test":
            remedy = f" that no seed trains on; raise `data.common`, which can be up to {test}, or compare fewer"
        raise RepdynError(
            f"`activations.similarity_examples` is {settings.similarity_examples}, but there are only {pool} "
            f"{settings.similarity_from} examples{remedy}."
        )
    if settings.probe_examples is not None and settings.probe_examples > train:
        raise RepdynError(
            f"`activations.probe_examples` is {settings.probe_examples}, but there are only {train} training examples."
        )
    if classes is not None and classes < 3 and study.planes.distinct_classes and "planes" not in study.left_out:
        raise RepdynError(
            f"`planes.distinct_classes` asks for three classes a plane, and `{data.dataset}` has {classes}; set "
            "it to false."
        )


def check_checkpoints(study: Study) -> None:
    """Check that training reaches all listed checkpoints, and at least one besides initialisation.

    Runs of which figures have a mean or a difference must have epochs in common, which recorded ones may lack.
    """
    _check_common(study)
    if not study.trained_optimizers:
        return
    late = [epoch for epoch in study.checkpoints.epochs if epoch > study.training.epochs]
    if late:
        raise RepdynError(
            f"`checkpoints.epochs` has {max(late):g}, but training ends after {study.training.epochs} epochs; leave it "
            "out, or raise `training.epochs`."
        )
    if any(len(checkpoint_schedule.trained_steps(study, data)) < 2 for data in study.data_levels.values()):
        raise RepdynError(
            f"`checkpoints` has only initialisation within the {study.training.epochs} epochs of training; take "
            "earlier ones, or raise `training.epochs`."
        )


def _check_common(study: Study) -> None:
    """Seeds are averaged, and architectures have a figure of the difference between optimizers."""
    groups: dict[tuple[str, ...], list[Run]] = defaultdict(list)
    for run in study.runs if study.recorded_runs else ():
        groups[run.arch, run.optimizer, str(run.data)].append(run)
        if study.optimizer_contrasts:
            groups[run.arch, str(run.data)].append(run)
    for runs in groups.values():
        common_checkpoints.needed({run: checkpoint_schedule.epochs_of(study, run) for run in runs})


def check_measures(study: Study) -> list[str]:
    """Try the functions of the study's own measures on random features; return what is odd about them."""
    remarks = []
    for measure in study.chosen_measures:
        if measure.function is None:
            continue
        with blaming(f"measures.{measure.name}"):
            remark = own.check(measure)
        if remark is not None:
            remarks.append(f"`measures.{measure.name}`: {remark}")
    return remarks


def check_held_measures(study: Study) -> None:
    """Check that the study's own measures are the same on coordinates of wide layers, if there are any."""
    functions = [measure for measure in study.chosen_measures if measure.function is not None]
    wide = next(_wide(study), None) if functions else None
    for measure in functions if wide is not None else ():
        with blaming(f"measures.{measure.name}"):
            own.check_held(measure, coordinates.centred, str(wide))


def check_planes(study: Study, data: Data) -> None:
    """Check that each set of images has as many triplets as the config asks for planes, whatever their classes."""
    train, test = datasets.sizes(data)
    wrong = round(data.label_noise * train)
    common = datasets.common_size(data)
    aside = " that no seed trains on" if common < test else ""
    sets = dict(zip(SETS, (common, train - wrong, wrong), strict=True))
    if not data.mislabels:
        del sets["mislabelled"]
    # The number of mislabelled examples may depend on the data.
    if data.label_noise_pairs is not None or (data.mislabels and not data.label_noise):
        sets = {COMMON: common}
    wanted = max(study.planes.count, study.planes.pictures)
    for name, images in sets.items():
        if math.comb(images, 3) < wanted:
            raise RepdynError(
                f"`planes` asks for {wanted:,}, each through three {IMAGES[name]}, but `data` has only {images} "
                f"of these{aside if name == COMMON else ''}, which make {math.comb(images, 3):,}; ask for fewer "
                "planes, or change `data`."
            )


@dataclass(frozen=True)
class Checked:
    """A model that has been built and run.

    Attributes:
        model: in training mode.
        observation: its observed layers.
        shapes: name -> shape of a layer's output for an image.
        kept: name -> shape after the reduction.
        calls: name -> number of calls in a forward pass; the last one is observed.
        images: the images that it was run on.
        resolution: machine epsilon of the coarsest numbers that it computes with.
        unseen: a remark, where the default layers leave out much of the model.
    """

    model: nn.Module
    observation: Observation
    shapes: dict[str, tuple[int, ...]]
    kept: dict[str, tuple[int, ...]]
    calls: dict[str, int]
    images: torch.Tensor
    resolution: float
    unseen: str | None

    @property
    def layers(self) -> dict[str, str]:
        """Its observed layers, name -> module path, in order of depth."""
        return self.observation.paths


def check_architecture(study: Study, arch: str, level: str | None = None) -> Checked:
    """Build a model, push a batch of two images through it, in evaluation and in training mode, and find its layers."""
    settings, data = study.archs[arch], study.data_levels[level]
    inputs, classes = datasets.inputs(data), datasets.source(data).classes
    run = study.run(arch, next(iter(study.optimizers)), study.seeds[0], level)
    model = architectures.of_run(study, run, inputs, classes)
    layers = observed_layers.observed(model, settings.layers)
    last_batch = datasets.sizes(data)[0] % study.training.batch_size or study.training.batch_size
    images = inputs.sample(min(last_batch, 2), seed=0)
    # Training begins in this order: evaluation, then training mode.
    with torch.no_grad():
        measured, outputs, calls = _observe(study, settings.model, model.eval(), images, layers)
    trained, *_ = _observe(study, settings.model, model.train(), images, layers)
    if classes is not None:
        for logits in (measured, trained):
            check_logits(logits, len(images), classes)
    silent = [layer for layer in layers if layer not in outputs]
    if silent:
        raise RepdynError(f"`layers`: {', '.join(silent)} took no part in a forward pass in evaluation mode.")
    reduction = extract.reducer(study, arch, model)
    for layer, output in outputs.items():
        check_output(layer, output, len(images), settings.batch_dimension)
    observation = extract.observed(study, arch, data)
    shapes = {layer: tuple(reduction.examples_first(outputs[layer]).shape[1:]) for layer in observation.paths}
    kept = {layer: tuple(reduction(outputs[layer]).shape[1:]) for layer in observation.paths}
    unseen = coverage.remark(model.eval(), observation.paths, images) if settings.layers is None else None
    model.train()
    kinds = {parameter.dtype for parameter in model.parameters()} | {output.dtype for output in outputs.values()}
    resolution = max(torch.finfo(kind).eps for kind in kinds if kind.is_floating_point or kind.is_complex)
    return Checked(model, observation, shapes, kept, calls, images, resolution, unseen)


def check_memory(study: Study, data: Data, layers: int) -> None:
    """Check that the decision regions of a network with ``layers`` layers fit into ``execution.memory_gib``."""
    settings = study.planes
    pixels, names = datasets.inputs(data).size, SETS if data.mislabels else SETS[:2]
    steps = checkpoint_schedule.numbers(study, study.runs)[-1]
    for count, side in (
        (settings.count, settings.resolution),
        (settings.pictures, settings.picture_resolution),
    ):
        # Only the planes' sizes matter here, so broadcast a single zero.
        images = np.broadcast_to(np.float32(0), (count, pixels))
        points = np.broadcast_to(0.0, (count, side))
        numbers = np.broadcast_to(0, (count,))
        sets = [planes.PlaneSet(name, numbers, images, images, images, points, points) for name in names]
        compare.check_memory(sets, layers + 1, steps, datasets.classes(data), study.execution.memory_gib * 2**30)


def check_logits(logits: torch.Tensor, images: int, classes: int) -> None:
    """Check a model's output for a batch of images."""
    if logits.shape != (images, classes):
        raise RepdynError(f"the model returns {tuple(logits.shape[1:])} numbers an image instead of {classes} logits.")
    if not logits.is_floating_point():
        raise RepdynError(f"the model returns numbers of type {logits.dtype}, but logits are floating-point numbers.")
    if not logits.isfinite().all():
        raise RepdynError("the untrained model returns NaN or infinite logits.")


def check_output(layer: str, output: Any, images: int, batch_dimension: int) -> None:
    """Check an observed layer's output for a batch of images, which should be in a certain dimension of it."""
    if not isinstance(output, torch.Tensor):
        raise RepdynError(f"`layers`: {layer} gives a {type(output).__name__}, but only tensors can be observed.")
    if output.is_nested or output.layout != torch.strided:
        raise RepdynError(f"`layers`: {layer} gives a nested or sparse tensor, but only dense ones can be observed.")
    if not output.is_floating_point():
        raise RepdynError(
            f"`layers`: {layer} gives numbers of type {output.dtype}, but only real floating-point numbers can be "
            "compared; observe what is computed before them, or with them."
        )
    shape = tuple(output.shape)
    if output.ndim < 2 or shape[batch_dimension : batch_dimension + 1] != (images,) or not output.numel():
        which = f"dimension {batch_dimension} (`batch_dimension`)" if batch_dimension else "first dimension"
        others = [str(dimension) for dimension, size in enumerate(shape) if output.ndim > 1 and size == images]
        remedy = f"; if these are in dimension {' or '.join(others)}, write it as `batch_dimension`" if others else ""
        raise RepdynError(
            f"`layers`: {layer} gives {shape} for a batch of {images} images, but its {which} must be that of the "
            f"images, with numbers for each{remedy}."
        )
    if not output.isfinite().all():
        raise RepdynError(f"`layers`: {layer} gives NaN or infinite numbers in the untrained model.")


def _observe(
    study: Study, name: str, model: nn.Module, images: torch.Tensor, layers: Mapping[str, str]
) -> tuple[Any, dict[str, Any], dict[str, int]]:
    """Run a model: return its output, the outputs of the observed layers that were called, and numbers of calls."""
    outputs: dict[str, Any] = {}
    calls = Counter[str]()

    def keep(layer: str) -> Callable[..., None]:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            observed_layers.keep_last(outputs, layer, observed_layers.output_of(output))
            calls[layer] += 1

        return hook

    handles = [model.get_submodule(path).register_forward_hook(keep(layer)) for layer, path in layers.items()]
    logits = _forward(study, name, model, images)
    for handle in handles:
        handle.remove()
    return logits, outputs, calls


def _forward(study: Study, name: str, model: nn.Module, images: torch.Tensor) -> Any:
    try:
        return architectures.forward(model, name, images)
    except RepdynError as error:
        if len(images) == 1 and "more than 1 value per channel" in str(error):
            raise RepdynError(
                f"the last batch of an epoch would have a single example, which batch norm cannot normalise; "
                f"change `training.batch_size` ({study.training.batch_size}) or `data.train_size`."
            ) from None
        raise
