"""The file of the stage ``cka``.

Behind CKA, and its interval if ``cka.resamples`` is set, come the further measures of the study, in the order of its
config.
"""

from collections.abc import Iterable, Sequence

import pyarrow as pa

from ..catalogue.measures import ALWAYS, MEASURES, Measure
from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

INTERVAL = schema(
    cka_low=(pa.float64(), "similarity; lower end of an interval about cka"),
    cka_high=(pa.float64(), "similarity; upper end of an interval about cka"),
)


def further(measures: Iterable[Measure]) -> list[pa.Field]:
    """A column for each measure of activations beside CKA and debiased CKA."""
    columns = {
        measure.column: (pa.float64(), measure.unit)
        for measure in measures
        if measure.table == CKA.name and measure.name not in ALWAYS
    }
    return list(schema(**columns))


def of_study(found: pa.Schema, known: Sequence[str]) -> list[pa.Field]:
    """What a file with these columns should have behind the known ones: numbers. Which there are, its settings say."""
    return [pa.field(name, pa.float64()) for name in found.names if name not in known]


def _more(found: pa.Schema) -> list[pa.Field]:
    """What a file with these columns should have behind CKA."""
    interval = list(INTERVAL) if INTERVAL.names[0] in found.names else []
    return [*interval, *of_study(found, [*CKA.names, *INTERVAL.names])]


CKA = Table(
    "cka",
    "cka",
    Paths.cka,
    rows=lambda counts: counts.checkpoints**2,
    schema=schema(
        layer=(pa.string(), "layer"),
        depth=(pa.int64(), "observed layers from the input"),
        step_a=(pa.int64(), "optimizer steps"),
        step_b=(pa.int64(), "optimizer steps"),
        epoch_a=(pa.float64(), "epochs"),
        epoch_b=(pa.float64(), "epochs"),
        **{name: (pa.float64(), MEASURES[name].unit) for name in ALWAYS},
    ),
    more=_more,
)
