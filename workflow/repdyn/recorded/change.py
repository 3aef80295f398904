"""How the layers of a run changed that was trained elsewhere, if its recorder measured it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..errors import RepdynError, named, no_access
from ..training.change import Row
from . import found

if TYPE_CHECKING:
    from ..config.recorded_runs import Recorded
    from ..config.runs import Run


def read(settings: Recorded, run: Run) -> list[Row]:
    """The change between evaluations, in order; no rows where nobody measured it.

    Checkpoints do not stand in for it: they are too far apart to date anything by it, and are compared as such.

    Args:
        settings: where the recording is.
        run: the run.

    Raises:
        RepdynError: if the file cannot be read.
    """
    file = found.change_file(settings, run)
    if file is None:
        return []
    try:
        # What follows the last line break was not written to its end.
        return [Row(**json.loads(line)) for line in file.read_text(encoding="utf-8").split("\n")[:-1]]
    except OSError as error:
        raise no_access(file, error) from None
    except (ValueError, TypeError):
        raise RepdynError(f"`{named(file)}` is not what a recorder writes; move it away.") from None
