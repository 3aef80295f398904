"""What a change of all weights by a part in a million does, beside the bounds that part_stages holds a GPU to.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/gpu/bounds.py

Two devices round differently, by about as much. On the CPU, the study of part_stages is trained and measured; its
checkpoints are measured again with changed weights; and it is trained again with weights that change before each epoch.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
import yaml
from part_stages import BOUNDS, RUNS, STAGES, config, lend_checkpoints, measurements, training, work
from torch import nn

from repdyn.training import checkpoints, trainer

CHANGE = 1e-6


def changing(model: nn.Module, random: torch.Generator) -> None:
    """Multiply each weight by 1 and a normal number of this size."""
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(1 + CHANGE * torch.randn(weights.shape, generator=random))


def main() -> None:
    random = torch.Generator().manual_seed(0)
    load: Callable[..., Any] = checkpoints.load
    train_epoch: Callable[..., Any] = trainer.Trainer._train_epoch

    def changed_load(path: str, model: nn.Module, *others: Any) -> Any:
        found = load(path, model, *others)
        changing(model, random)
        return found

    def changed_epoch(self: trainer.Trainer, *others: Any) -> None:
        changing(self.model, random)
        train_epoch(self, *others)

    with TemporaryDirectory() as folder:
        study, cpu, measured, trained = (Path(folder, name) for name in ("study.yaml", "cpu", "measured", "trained"))
        study.write_text(yaml.safe_dump(config("cpu", tiny=False)), encoding="utf-8")
        for results in (cpu, measured, trained):
            results.mkdir()
        work(study, cpu, STAGES, RUNS)
        lend_checkpoints(cpu, measured)
        checkpoints.load = changed_load
        work(study, measured, STAGES[2:], RUNS)
        checkpoints.load = load
        trainer.Trainer._train_epoch = changed_epoch
        work(study, trained, STAGES[1:2], RUNS)
        found = dict(training(cpu, trained)) | dict(measurements(cpu, measured))
    for name, apart in found.items():
        print(f"{name:45} {apart:9.2g}   bound {BOUNDS[name]:g}", file=sys.stderr)


if __name__ == "__main__":
    main()
