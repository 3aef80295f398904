"""Which layers' change is measured while a run trains, and on which examples: the section ``change`` of the config.

It has settings of its own, since what is measured while training is measured by training again: layers of
``archs.*.layers`` and examples of ``activations`` may change without that. The inputs are some of those that no run
trains on, the same for all runs, drawn by ``data.seed``, stream 8.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import nn

from ..data import datasets, subsets
from ..errors import RepdynError
from ..models import observation
from ..models.pooling import Reducer
from ..runtime.progress import LOG
from .change import Meter

if TYPE_CHECKING:
    from ..config.runs import Run
    from ..config.sections import Data
    from ..config.study import Study


def layers(study: Study, arch: str, data: Data) -> dict[str, str]:
    """The layers whose change is measured, name -> module path, in order of depth.

    Raises:
        RepdynError: if the config names none and it is not known which there are, or one is not there.
    """
    source, settings, inputs = datasets.source(data), study.archs[arch], datasets.inputs(data)
    found = observation.observe(settings, study.change.reduction, inputs, source.classes, settings.change_layers)
    return found.paths


def why_not(study: Study, arch: str, data: Data, model: nn.Module, inputs: torch.Tensor) -> str | None:
    """Why the change of an architecture's layers is not measured; None if it is, or is not to be.

    Layers that nobody named are no reason to refuse a study. The network is seen on two of the inputs; it stays as it
    is.

    Raises:
        RepdynError: if layers that the config names are not there or cannot be measured.
    """
    if not study.change.examples:
        return None
    cure = "list layers under `change_layers`, or set `change.examples: 0`"
    try:
        of_inputs(study, arch, data, model, inputs[:2]).measure(0, 0.0)
    except RepdynError as error:
        if study.archs[arch].change_layers is not None:
            raise RepdynError(f"{error} To go on, {cure}.") from None
        return f"the change of its layers is not measured while it trains ({str(error).rstrip('.')}); {cure}"
    return None


def meter(study: Study, run: Run, model: nn.Module, examples: subsets.StudyData, device: torch.device) -> Meter | None:
    """What measures a run's change; None where it is not to be, or cannot be.

    Args:
        study: the study.
        run: one of its runs.
        model: its network.
        examples: of its seed.
        device: of the network.
    """
    if not study.change.examples:
        return None
    data = study.data_of(run)
    pool = examples.common
    drawn = np.random.default_rng([data.seed, 8]).permutation(len(pool))[: study.change.examples]
    inputs = torch.from_numpy(pool.inputs[np.sort(drawn)]).to(device)
    if (why := why_not(study, run.arch, data, model, inputs)) is not None:
        LOG.warning("%s: %s", run.arch, why)
        return None
    return of_inputs(study, run.arch, data, model, inputs)


def of_inputs(study: Study, arch: str, data: Data, model: nn.Module, inputs: torch.Tensor) -> Meter:
    """What measures the change of a network of an architecture on some inputs, which lie on its device."""
    reduce = Reducer(study.change.reduction, model, study.archs[arch].batch_dimension)
    return Meter(model, layers(study, arch, data), inputs, reduce)
