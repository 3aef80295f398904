"""The files that each stage writes: one module for each stage, which readers and writers share.

Records import no stage, so a figure reads a table without the code that computed it.
"""

from __future__ import annotations

import pkgutil
from importlib import import_module

from ..catalogue.stages import STAGES
from ..storage.origin import Record


def declared() -> list[Record]:
    """Every file that a stage declares, in the order of stages."""
    modules = [import_module(f".{found.name}", __name__) for found in pkgutil.iter_modules(__path__)]
    found = {value.path: value for module in modules for value in vars(module).values() if isinstance(value, Record)}
    order = dict.fromkeys(place for stage in STAGES.values() for place in stage.writes)
    return [found[place] for place in order if place in found]
