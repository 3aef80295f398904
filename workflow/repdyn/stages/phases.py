"""The stage ``phases``: phases of training, events, scores and boundaries of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ..analysis import boundaries, relative_depth
from ..analysis.phases import OF_SCORE, analyse, trajectories
from ..pipeline import stored
from ..records.cka import CKA
from ..records.layer_names import OUTPUT
from ..records.layers import LAYERS
from ..records.phases import BOUNDARIES, MOMENTS, SCORES, SEGMENTS
from ..records.probes import ACCURACY
from ..records.regions import SIMILARITY
from ..records.train import HISTORY
from ..runtime.progress import LOG
from ..storage import tables

if TYPE_CHECKING:
    from ..pipeline.jobs import Job


def main(job: Job) -> None:
    """Write segments, scores, moments and boundaries of a run."""
    history = stored.read(job, HISTORY)
    cka = stored.read(job, CKA)
    regions = stored.read(job, SIMILARITY)
    arrays = {str(name): history[name].to_numpy(dtype=float) for name in history}
    accuracy = stored.read(job, ACCURACY)
    layers = stored.read(job, LAYERS)
    parts = dict(zip(layers["layer"], layers["part"], strict=True)) | {OUTPUT: OUTPUT}
    planned = next((float(each.epoch) for each in job.study.interventions(job.run)), None)
    similar = list(trajectories(cka, regions, job.study.all_measures))
    segments, scores, moments = analyse(arrays, similar, accuracy, parts, job.study.phases, planned)
    found = boundaries.of_run(similar, parts)
    for record, frame in ((SEGMENTS, segments), (MOMENTS, moments), (BOUNDARIES, found)):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        tables.write(job.path(record), table, record.schema, job.metadata(record))
    columns = dict[str, Any](zip(OF_SCORE, map(list, zip(*scores, strict=True)), strict=True))
    depths = relative_depth.relative(np.array(columns["depth"], dtype=float), len(layers))
    columns["relative_depth"] = tables.nullable(depths)
    tables.write(job.path(SCORES), columns, SCORES.schema, job.metadata(SCORES))
    for *_, name, value in scores[:5]:
        when = "did not take place, or is not known" if value is None else f"epoch {value:g}"
        LOG.info("%s: %s", name.replace("_", " "), when)
