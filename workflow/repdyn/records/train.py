"""The files of the stage ``train``."""

import pyarrow as pa

from ..catalogue.paths import Paths
from ..storage.origin import Record
from ..storage.tables import Table, schema

HISTORY = Table(
    "history",
    "train",
    Paths.history,
    rows=lambda counts: counts.evaluations,
    schema=schema(
        step=(pa.int64(), "optimizer steps"),
        epoch=(pa.float64(), "epochs"),
        lr=(pa.float64(), "learning rate of the step that follows"),
        train_loss=(pa.float64(), "nats"),
        train_accuracy=(pa.float64(), "fraction"),
        clean_accuracy=(pa.float64(), "fraction"),
        mislabelled_accuracy=(pa.float64(), "fraction"),
        mislabelled_true_accuracy=(pa.float64(), "fraction"),
        test_loss=(pa.float64(), "nats"),
        test_accuracy=(pa.float64(), "fraction"),
        seconds=(pa.float64(), "seconds"),
    ),
)
# Made with all settings of training except its length, so longer training keeps them.
STATE = Record("state", "train", Paths.state, settings="checkpoints")
CHECKPOINT = Record("checkpoints", "train", Paths.checkpoint, settings="checkpoints")
