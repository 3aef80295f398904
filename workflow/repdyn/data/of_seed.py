"""The examples that the runs of a seed train and are tested on, for a training loop of one's own.

Which they are, in which order, what is standardised and which labels are wrong follows from the study alone, so a run
that trains on them elsewhere is measured on the examples that it did not see, as one that is trained here.
"""

from __future__ import annotations

from pathlib import Path

from ..config import study as studies
from ..user_code import locate
from . import datasets, subsets


def examples(study: str | Path, seed: int = 0, data: str | None = None) -> subsets.StudyData:
    """Read a study's data and draw those of a seed.

    ``examples("study.yaml", seed=0).train`` has ``inputs[:]``, as networks get them, (n, …) float32 or, of tokens,
    int64; ``given_labels``, (n,) int64, to train on; ``labels``, the true ones; and ``targets``, what the data have in
    place of classes. ``test`` has the same.

    Args:
        study: the study's YAML file; modules that it names are searched beside it, too.
        seed: one of its seeds.
        data: a level of its data, where these have names.

    Raises:
        RepdynError: if the study, its seed or its data are not what they should be.
    """
    path = Path(study)
    loaded = studies.load(path)
    replicate = loaded.replicate(seed, data)
    locate.take_in([path.parent])
    settled = datasets.settled(loaded)
    return subsets.load(settled.data_of(replicate), Path(settled.execution.data_root), replicate.seed)
