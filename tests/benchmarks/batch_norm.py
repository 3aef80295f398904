"""What re-estimated batch-norm statistics cost, beside what is measured at a checkpoint.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/batch_norm.py [STUDY]

For each architecture with batch norm, processor seconds per checkpoint: of re-estimation, in `activations` and again in
`regions`; of the table of what it changes, in `activations`; and of the forward passes that these stages make anyway,
over the examples and over the points of planes.
"""

import sys
import time
from pathlib import Path

import numpy as np
import torch

from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.models.pooling import Reducer
from repdyn.representations import batch_norm, extract
from repdyn.runtime import devices

REPEATS = 10


def seconds(function):
    """Processor seconds of a call, the least of several."""
    times = []
    for _ in range(REPEATS):
        start = time.process_time()
        function()
        times.append(time.process_time() - start)
    return min(times)


def main() -> None:
    """Print a line for each architecture."""
    study = studies.load(Path(sys.argv[1] if len(sys.argv) > 1 else "config.yaml"))
    settings, seed, device = study.activations, study.seeds[0], devices.prepare("cpu")
    examples = subsets.load(study.data, Path(study.execution.data_root), seed)
    splits = extract.choose(settings, examples, study.data.seed)
    sets = 3 if study.data.label_noise else 2
    scored, pictures = (study.planes.count, study.planes.resolution), (
        study.planes.pictures, study.planes.picture_resolution,
    )  # fmt: skip
    count = sets * sum(planes * side**2 for planes, side in (scored, pictures))
    points = np.resize(examples.test.inputs[:], (count, *examples.test.inputs.shape[1:]))
    for arch in study.archs:
        model, layers = extract.network(study, study.run(arch, next(iter(study.optimizers)), seed), device)
        reestimate = batch_norm.prepare(settings, model, lambda: examples, study.data.seed, device)
        if reestimate is None:
            print(f"{arch}: no batch norm whose statistics are re-estimated")
            continue
        reduction = Reducer(settings.reduction, model, 0)
        found = extract.forward(model, layers, splits["similarity"].inputs, device, reduction)
        pairs = seconds(lambda found=found: batch_norm.similarity(found, found, study.execution.memory_gib * 2**30))
        again = seconds(lambda m=model: reestimate(m))  # noqa: B023
        with torch.inference_mode():
            forwards = {
                name: seconds(lambda x=x, m=model, of=layers, r=reduction: extract.forward(m, of, x, device, r))
                for name, x in (
                    *((split, chosen.inputs[:]) for split, chosen in splits.items()),
                    ("points of planes", points),
                )
            }
        print(f"{arch}: re-estimation from {len(reestimate.inputs)} images {1e3 * again:.0f} ms, its table "
              f"{1e3 * (pairs + forwards['similarity']):.0f} ms; "
              + ", ".join(f"{name} {1e3 * spent:.0f} ms" for name, spent in forwards.items()))  # fmt: skip


if __name__ == "__main__":
    main()
