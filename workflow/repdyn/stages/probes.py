"""The stage ``probes``: a linear probe on each layer at each checkpoint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import datasets
from ..probes import fit
from ..probes.probe_weights import Coefficients, Probe, Stored, writing
from ..records.activations import ACTIVATIONS, PROBE_VIEW
from ..records.probes import ACCURACY, WEIGHTS
from ..representations.table import Representations
from ..runtime.progress import LOG, Progress
from ..storage import tables
from ..types import Array

if TYPE_CHECKING:
    from ..config.sections import Probes as Settings
    from ..pipeline.jobs import Job


def train(
    seen: Mapping[str, Array], labels: Array, classes: int, settings: Settings, previous: Stored | None, wide: bool
) -> tuple[Stored, dict[str, Array]]:
    """A probe on a layer at a checkpoint, and the class that it gives each example, (n,) for each split.

    Args:
        seen: split -> activations, or coordinates of a wide layer.
        labels: (m,), of the split ``probe``.
        classes: C.
        settings: the ``probes`` section of the config.
        previous: the probe of the checkpoint before; None at the first.
        wide: whether it is a wide layer.
    """
    if wide:
        assert not isinstance(previous, Probe)
        dual = fit.fit_coordinates(seen["probe"], labels, classes, settings, previous)
        found = dual.predict(np.concatenate([*seen.values()]), seen["probe"])
        ends = np.cumsum([len(of_split) for of_split in seen.values()])[:-1]
        return dual, dict(zip(seen, np.split(found, ends), strict=True))
    assert not isinstance(previous, Coefficients)
    probe = fit.fit(seen["probe"], labels, classes, settings, previous)
    return probe, {split: probe.predict(of_split) for split, of_split in seen.items()}


def main(job: Job) -> None:
    """Write the probes of a run and the table of their accuracy."""
    settings = job.study.probes
    activations, view = Representations(*job.place(ACTIVATIONS)), Representations(*job.place(PROBE_VIEW))
    splits = {split: activations.examples(split) for split in ("probe", "similarity")}
    epochs: dict[int, float] = dict(zip(activations.steps.tolist(), activations.epochs.tolist(), strict=True))
    classes = datasets.classes(job.data)
    source = {layer: view if layer in view.layers else activations for layer in activations.layers}
    features = {layer: table.features(layer) for layer, table in source.items()}
    accuracy: list[tuple[Any, ...]] = []
    with (
        Progress(len(features) * len(epochs), "probe") as progress,
        writing(job.path(WEIGHTS), features, classes, epochs, job.metadata(WEIGHTS), view.layers) as append,
    ):
        for depth, (layer, table) in enumerate(source.items()):
            probe = None
            for step, epoch in epochs.items():
                seen = {split: table.read(layer, step, split) for split in splits}
                labels = splits["probe"]["given_label"]
                probe, found = train(seen, labels, classes, settings, probe, wide=table is view)
                append(probe)
                _warn_if_unconverged(probe, layer, step, settings)
                for split, examples in splits.items():
                    shares = (float((found[split] == examples[of]).mean()) for of in ("given_label", "label"))
                    accuracy.append((layer, depth, step, epoch, split, *shares))
                progress.advance()
    columns = dict(zip(ACCURACY.names, zip(*accuracy, strict=True), strict=True))
    tables.write(job.path(ACCURACY), columns, ACCURACY.schema, job.metadata(ACCURACY))
    LOG.info("%s probes of %d layers at %d checkpoints", settings.kind, len(activations.layers), len(epochs))


def _warn_if_unconverged(probe: Stored, layer: str, step: int, settings: Settings) -> None:
    gradient, tolerance = float(probe.gradient.max()), settings.logistic.tolerance
    if settings.kind == "logistic" and gradient > tolerance:
        LOG.warning(
            "the probe of layer %s at step %d did not converge: its gradient is %.1g, above %.1g; raise "
            "`probes.logistic.iterations` or `probes.penalty`",
            layer,
            step,
            gradient,
            tolerance,
        )
