"""The file of the stage ``examples``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.tables import Table, schema

EXAMPLES = Table(
    "examples",
    "examples",
    Paths.examples,
    scope="seed",
    rows=lambda counts: counts.train + counts.test,
    schema=schema(
        split=(pa.string(), "train or test"),
        example=(pa.int64(), "position in the data set's own part"),
        label=(pa.int64(), "true class; null where there are no classes"),
        class_name=(pa.string(), "of the true class; null as label"),
        given_label=(pa.int64(), "class that is trained on; null as label"),
        mislabelled=(pa.bool_(), "whether a wrong class is trained on; null as label"),
        common=(pa.bool_(), "whether runs are compared on it: the same for all seeds, never trained on"),
    ),
)
