"""What is planned to change in the course of a run's training: rate, wrong labels, what is trained, or inputs.

An intervention at epoch e takes place once e epochs are done, after that epoch's evaluation. Until then a run equals
the one without it. What takes place follows from the config alone, so a run that goes on from a state repeats all of it
that came before, but for rates, which the optimizer's state holds.
"""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn

from ..data import label_noise, subsets
from ..errors import RepdynError
from ..models import batch_norm, module_paths
from ..runtime.progress import LOG

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Intervention
    from ..config.study import Study
    from .trainer import Trainer


class Interventions:
    """Those of one run."""

    def __init__(self, study: Study, run: Run, examples: subsets.StudyData) -> None:
        """Take up what the config plans; nothing takes place yet.

        Args:
            study: the study.
            run: one of its runs.
            examples: of its seed.
        """
        self._planned, self._data, self._seed = study.interventions(run), study.data_of(run), run.seed
        self._labels, self._classes = examples.train.labels, examples.classes
        self._levels, self._root = study.named_data, Path(study.execution.data_root)
        self._redrawn = 0
        self._still: list[nn.Module] = []

    def at(self, epoch: int, trainer: Trainer) -> None:
        """Change what is planned to change after so many epochs."""
        for planned in self._planned:
            if planned.epoch == epoch:
                if planned.rate is not None:
                    trainer.take_step.rate.scale(planned.rate)
                self._take_place(planned, trainer)
                LOG.info("intervention at epoch %d: %s", epoch, planned.model_dump(mode="json", exclude={"epoch"}))

    def factor(self, epoch: float) -> float:
        """By what the rate is multiplied in the interventions after so many epochs."""
        return math.prod(planned.rate for planned in self._planned if planned.rate and planned.epoch == epoch)

    def resume(self, epoch: int, trainer: Trainer) -> None:
        """Repeat what took place before so many epochs, in a run whose weights and optimizer are those of then."""
        for planned in self._planned:
            if planned.epoch < epoch:
                self._take_place(planned, trainer)

    def keep_still(self) -> None:
        """Have frozen batch norms keep their statistics, after evaluation has put the network into training mode."""
        for norm in self._still:
            norm.training = False

    def _take_place(self, planned: Intervention, trainer: Trainer) -> None:
        if planned.labels is not None:
            self._redraw(trainer)
        if planned.freeze is not None:
            self._freeze(planned.freeze, trainer)
        if planned.invert:
            trainer.train = replace(trainer.train, inverted=not trainer.train.inverted)
        if planned.data is not None:
            self._go_on_with(planned.data, trainer)

    def _go_on_with(self, level: str, trainer: Trainer) -> None:
        examples = subsets.load(self._levels[level], self._root, self._seed)
        inverted = trainer.train.inverted
        trainer.show(examples)
        trainer.train = replace(trainer.train, inverted=inverted)
        self._data, self._labels, self._redrawn = self._levels[level], examples.train.labels, 0

    def _redraw(self, trainer: Trainer) -> None:
        self._redrawn += 1
        assert self._classes is not None, "what has no classes is not trained here"
        wrong = label_noise.mislabelled(self._labels, self._data, self._seed, self._redrawn)
        given = label_noise.given_labels(self._labels, wrong, self._classes, self._data, self._seed, self._redrawn)
        there = torch.from_numpy(given).to(trainer.device)
        trainer.train = replace(trainer.train, given_labels=there, mislabelled=there != trainer.train.labels)

    def _freeze(self, patterns: list[str], trainer: Trainer) -> None:
        there = module_paths.of(trainer.model)
        paths = [path for pattern in patterns for path in module_paths.matching(there, pattern)]
        if not paths:
            raise RepdynError(f"`freeze` names {', '.join(patterns)}, but no module is called so.")
        norms = batch_norm.find(trainer.model)
        for module in (trainer.model.get_submodule(path) for path in paths):
            trainer.take_step.freeze(module.parameters())
            inside = set(module.modules())
            self._still += [norm for norm in norms if norm in inside and norm not in self._still]
