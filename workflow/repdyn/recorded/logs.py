"""The logs of others' training loops, as records: column or tag -> value.

CSV, TSV, Parquet, JSON lines, a JSON list, the log in a state of Hugging Face's Trainer, and TensorBoard's event files.
"""

from __future__ import annotations

import json
import math
from contextlib import suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from ..errors import RepdynError, named, no_access, one_line

Log = list[dict[str, Any]]

_OF_TRAINER = "log_history"  # in `trainer_state.json`
_EVENTS = "tfevents"  # in the name of each of TensorBoard's files
_KINDS = (
    ".csv, .tsv, .parquet, .jsonl, .json, or event files of TensorBoard (or the folder of such files), whose names "
    f"have `{_EVENTS}` in them"
)


def read(place: Path) -> Log:
    """Read a log in order.

    Args:
        place: a file of one of the formats above, or a folder of TensorBoard's.

    Returns:
        Records, which need not have the same columns. Empty cells and NaN are None.

    Raises:
        RepdynError: if it cannot be read.
    """
    try:
        place.stat()  # whose error says what is wrong; those of some readers do not
        records = _records(place)
    except OSError as error:
        raise no_access(place, error) from None
    except (ValueError, pa.ArrowException) as error:  # of pandas and of JSON, too
        raise RepdynError(f"`{named(place)}` is not what its name says: {one_line(error)}.") from None
    return [{str(name): _known(value) for name, value in record.items()} for record in records]


def _known(value: Any) -> Any:
    return None if isinstance(value, float) and math.isnan(value) else value


def _records(place: Path) -> list[dict[str, Any]]:
    if place.is_dir() or _EVENTS in place.name:
        return _of_tensorboard(place)
    match place.suffix:
        case ".csv" | ".tsv":
            return _of_frame(pd.read_csv(place, sep="," if place.suffix == ".csv" else "\t", skipinitialspace=True))
        case ".parquet":
            return _of_frame(pd.read_parquet(place))
        case ".jsonl" | ".ndjson":
            return _of_lines(place)
        case ".json":
            content = json.loads(place.read_text(encoding="utf-8"))
            found = content.get(_OF_TRAINER) if isinstance(content, dict) else content
            if isinstance(found, list) and all(isinstance(record, dict) for record in found):
                return found
            raise ValueError(
                f"a history in JSON is a list of objects, or an object with such a list as `{_OF_TRAINER}`"
            )
    raise RepdynError(f"`{named(place)}` has no format that a history is read from; there are {_KINDS}.")


def _of_frame(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(name): value for name, value in record.items()} for record in frame.to_dict("records")]


def _of_lines(place: Path) -> list[dict[str, Any]]:
    """One JSON object a line; a last line that was not written to its end does not count."""
    lines = place.read_text(encoding="utf-8").split("\n")
    records = [json.loads(line) for line in lines[:-1] if line.strip()]
    with suppress(ValueError):
        records += [json.loads(lines[-1])] if lines[-1].strip() else []
    if not all(isinstance(record, dict) for record in records):
        raise ValueError("each line must be a JSON object")
    return records


def _of_tensorboard(place: Path) -> list[dict[str, Any]]:
    """Scalars by tag, with ``step``, and ``seconds`` since the first."""
    if place.is_dir() and not any(_EVENTS in entry.name for entry in place.iterdir()):
        raise RepdynError(f"The folder `{named(place)}` has no event files of TensorBoard; a history is {_KINDS}.")
    try:
        from tensorboard.backend.event_processing import event_accumulator
        from tensorboard.util import tensor_util
    except ImportError:
        raise RepdynError(
            f"`{named(place)}` is read with TensorBoard, which is not installed; run `pip install tensorboard`."
        ) from None
    everything = {event_accumulator.SCALARS: 0, event_accumulator.TENSORS: 0}
    events = event_accumulator.EventAccumulator(str(place), size_guidance=everything).Reload()
    tags = events.Tags()
    found = [
        (scalar.wall_time, scalar.step, tag, scalar.value)
        for tag in tags[event_accumulator.SCALARS]
        for scalar in events.Scalars(tag)
    ]
    for tag in tags[event_accumulator.TENSORS]:  # scalars of newer writers
        for tensor in events.Tensors(tag):
            value = tensor_util.make_ndarray(tensor.tensor_proto)
            if value.size == 1 and value.dtype.kind in "fiu":
                found.append((tensor.wall_time, tensor.step, tag, float(value.reshape(()))))
    start = min((when for when, *_ in found), default=0.0)
    return [{"step": step, "seconds": when - start, tag: value} for when, step, tag, value in sorted(found)]
