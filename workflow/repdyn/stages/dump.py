"""The command ``dump``: whole activations of one layer at one checkpoint, unit by unit, as NumPy arrays.

Tables hold wide layers as coordinates of the examples (``representations/coordinates.py``). Who wants their units, or
channels, gets them from the checkpoint with one forward pass, of the examples and with the batch-norm statistics that
tables have.
"""

from __future__ import annotations

import difflib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data import subsets
from ..errors import RepdynError
from ..records.train import CHECKPOINT
from ..representations import batch_norm, extract
from ..runtime import devices
from ..runtime.progress import LOG
from ..storage.files import atomic
from ..training import checkpoint_schedule, checkpoints

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def main(job: Job, layer: str, step: int, output: Path) -> None:
    """Write an ``.npz`` file.

    It has ``similarity`` and ``probe``, (examples, features) float32; ``similarity_example`` and ``probe_example``, the
    examples' positions in the data set; and ``about``, what they are, as JSON.

    Args:
        job: of the command.
        layer: its name in tables.
        step: of the checkpoint.
        output: the file; an existing one is replaced.

    Raises:
        RepdynError: if there is no such layer or checkpoint, or the file cannot have that name.
    """
    study, run = job.study, job.run
    if output.suffix != ".npz":
        raise RepdynError(f"`{output}` must end in .npz: it becomes a file of NumPy arrays.")
    device = devices.prepare(study.execution.device)
    observation, epochs = extract.observed(study, run.arch, job.data), checkpoint_schedule.epochs_of(study, run)
    if layer not in observation.paths:
        close = difflib.get_close_matches(layer, observation.paths, n=1)
        hint = f"did you mean `{close[0]}`?" if close else f"there are {', '.join(observation.paths)}."
        raise RepdynError(f"`{run.arch}` has no observed layer `{layer}`; {hint}")
    if step not in epochs:
        raise RepdynError(f"{run} has no checkpoint at step {step}; there are {', '.join(map(str, epochs))}.")
    model = extract.model_of(study, run, device)
    path, wanted = job.place(CHECKPOINT, step=step)
    checkpoints.load(path, model, wanted)
    examples = subsets.load(job.data, job.data_root, run.seed)
    reestimate = batch_norm.prepare(study.activations, model, lambda: examples, job.data.seed, device)
    if reestimate is not None:
        reestimate(model)
    reduction = extract.reducer(study, run.arch, model)
    about = {
        "layer": layer, "step": step, "epoch": epochs[step], "run": run.facts,
        "hyperparameters": study.hyperparameters("activations", run),
    }  # fmt: skip
    arrays: dict[str, Any] = {"about": np.array(json.dumps(about))}
    for split, chosen in extract.choose(study.activations, examples, job.data.seed).items():
        found = extract.forward(model, {layer: observation.paths[layer]}, chosen.inputs, device, reduction)
        arrays |= {split: found[layer].numpy(), f"{split}_example": chosen.examples}
    output.parent.mkdir(parents=True, exist_ok=True)
    with atomic(output) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    LOG.info("%s at step %d: %d features, in %s", layer, step, arrays["similarity"].shape[1], output)
