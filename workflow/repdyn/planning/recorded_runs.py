"""Check runs that were trained elsewhere: the first and the last checkpoint of each fit the network of the config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RepdynError
from ..recorded import history, weights

if TYPE_CHECKING:
    from collections.abc import Collection

    from torch import nn

    from ..config.study import Study


def check(study: Study, arch: str, optimizer: str, data: Collection[str | None], model: nn.Module) -> list[str]:
    """Read the first and the last checkpoint of each run of a cell of the grid, and its history.

    Args:
        study: the study; its checkpoints have been looked for.
        arch: the cell's architecture.
        optimizer: the cell's; its runs were recorded elsewhere.
        data: levels of the data, on which networks are alike.
        model: a network of the architecture; it stays as it is.

    Returns:
        Remarks on histories that end long before the checkpoints.

    Raises:
        RepdynError: if a run has a single checkpoint, one of the two does not fit or is not finite, or a history has
            not the columns that the config names, or is of other epochs.
    """
    recorded, state = study.recorded(optimizer), model.state_dict()
    assert recorded is not None
    remarks: list[str | None] = []
    for run in study.recorded_runs:
        if (run.arch, run.optimizer) != (arch, optimizer) or run.data not in data:
            continue
        there = study.found(run)
        if len(there) < 2:
            raise RepdynError(f"{run} has a single checkpoint, `{there[0].file}`; two are needed to compare any.")
        for found in (there[0], there[-1]):
            file = Path(found.file)
            weights.fit(weights.read(file, recorded.key), state, recorded.strip, file)
        rows = history.read(recorded, run)
        if rows is not None:
            epochs = {found.step: found.epoch for found in there}
            remarks.append(history.check_covers(rows, epochs, str(run)))
    return [remark for remark in remarks if remark is not None]
