"""The stage ``probes``: a linear probe on each layer at each checkpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..data import datasets
from ..probes import fit
from ..probes.probe_weights import Probe, writing
from ..records.activations import ACTIVATIONS
from ..records.probes import ACCURACY, WEIGHTS
from ..representations.table import Representations
from ..runtime.progress import LOG, Progress
from ..storage import tables

if TYPE_CHECKING:
    from ..config.sections import Probes as Settings
    from ..pipeline.jobs import Job


def main(job: Job) -> None:
    """Write the probes of a run and the table of their accuracy."""
    settings = job.study.probes
    activations = Representations(*job.place(ACTIVATIONS))
    splits = {split: activations.examples(split) for split in ("probe", "similarity")}
    epochs: dict[int, float] = dict(zip(activations.steps.tolist(), activations.epochs.tolist(), strict=True))
    classes = datasets.classes(job.data)
    features = {layer: activations.features(layer) for layer in activations.layers}
    accuracy: list[tuple[Any, ...]] = []
    with (
        Progress(len(features) * len(epochs), "probe") as progress,
        writing(job.path(WEIGHTS), features, classes, epochs, job.metadata(WEIGHTS)) as append,
    ):
        for depth, layer in enumerate(activations.layers):
            probe = None
            for step, epoch in epochs.items():
                seen = {split: activations.read(layer, step, split) for split in splits}
                probe = fit.fit(seen["probe"], splits["probe"]["given_label"], classes, settings, probe)
                append(probe)
                _warn_if_unconverged(probe, layer, step, settings)
                for split, examples in splits.items():
                    found = probe.predict(seen[split])
                    shares = (float((found == examples[labels]).mean()) for labels in ("given_label", "label"))
                    accuracy.append((layer, depth, step, epoch, split, *shares))
                progress.advance()
    columns = dict(zip(ACCURACY.names, zip(*accuracy, strict=True), strict=True))
    tables.write(job.path(ACCURACY), columns, ACCURACY.schema, job.metadata(ACCURACY))
    LOG.info("%s probes of %d layers at %d checkpoints", settings.kind, len(activations.layers), len(epochs))


def _warn_if_unconverged(probe: Probe, layer: str, step: int, settings: Settings) -> None:
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
