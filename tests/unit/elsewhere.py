"""Settings of runs that were trained elsewhere."""

from typing import Any

from repdyn.config.recorded_runs import Recorded


def recorded(path: object, **settings: Any) -> Recorded:
    """A section `recorded` with its defaults."""
    return Recorded(path=str(path), **settings)
