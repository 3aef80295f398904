"""Parquet tables that explain themselves: strict schemas, provenance in the metadata, atomic writing.

A stage declares its table as a ``pyarrow.Schema`` made by :func:`schema`, beside the code that fills it. The file's
schema metadata carries, under the key ``repdyn``, a JSON object: stage, run, hyperparameters, code digest, versions,
units. Reading compares the hyperparameters with the ones that were asked for and refuses a stranger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from .errors import RepdynError
from .files import atomic, damaged, missing

KEY = b"repdyn"
Metadata = Mapping[str, Any]


def schema(**columns: tuple[pa.DataType, str]) -> pa.Schema:
    """A schema from ``name=(type, unit)``; the unit is a word or two such as ``optimizer steps`` or ``fraction``."""
    return pa.schema([pa.field(name, kind, metadata={"unit": unit}) for name, (kind, unit) in columns.items()])


def write(
    path: str | Path, columns: pa.Table | Mapping[str, Any], layout: pa.Schema, metadata: Metadata, **options: Any
) -> None:
    """Write a table whole or not at all.

    Args:
        path: the file; what stood there before stays until the new one is complete.
        columns: a table, or one sequence for each column, in any order.
        layout: the exact columns, in order; values are converted to its types.
        metadata: what ``Job.metadata`` returned.
        options: passed to ``pyarrow.parquet.write_table``.

    Raises:
        RepdynError: if the disk is full.
        ValueError: if the columns are not exactly those of the layout.
    """
    with writer(path, layout, metadata, **options) as append:
        append(columns)


@contextmanager
def writer(path: str | Path, layout: pa.Schema, metadata: Metadata, **options: Any) -> Iterator[Any]:
    """Like :func:`write` for a table that comes in pieces: yields ``append(columns)``, one row group a call."""
    layout = layout.with_metadata({KEY: json.dumps(dict(metadata) | {"units": units(layout)})})
    options = {"compression": "zstd", "write_page_checksum": True} | options
    with atomic(path) as temporary, pq.ParquetWriter(temporary, layout, **options) as file:

        def append(columns: pa.Table | Mapping[str, Any]) -> None:
            table = _conform(columns, layout)
            file.write_table(table, row_group_size=max(1, table.num_rows))

        yield append


def _conform(columns: pa.Table | Mapping[str, Any], layout: pa.Schema) -> pa.Table:
    given = columns.column_names if isinstance(columns, pa.Table) else list(columns)
    if sorted(given) != sorted(layout.names):
        raise ValueError(f"columns are {given}, but the table has {layout.names}")
    arrays = []
    for field in layout:
        column = columns[field.name]
        if not isinstance(column, pa.Array | pa.ChunkedArray):
            column = pa.array(column, type=field.type)
        arrays.append(column.cast(field.type) if column.type != field.type else column)
    return pa.Table.from_arrays(arrays, schema=layout)


def nullable(values: npt.ArrayLike) -> pa.Array:
    """Numbers of any shape as one float64 column, null where they are NaN."""
    return pa.array(np.asarray(values, dtype=np.float64).ravel(), from_pandas=True)


def units(layout: pa.Schema) -> dict[str, str]:
    """The unit of each column."""
    return {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in layout}


def read(path: str | Path, hyperparameters: Metadata | None = None, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns.

    Args:
        path: a single file (``pandas.read_parquet`` reads a whole folder, with the run as columns).
        hyperparameters: what the file must have been made with; None asks nothing.
        columns: which columns, in which order.

    Raises:
        RepdynError: if the file is missing or damaged, or was made with other hyperparameters.
    """
    file = open_file(path, hyperparameters)
    try:
        return file.read(columns=columns)
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None


def open_file(path: str | Path, hyperparameters: Metadata | None = None) -> pq.ParquetFile:
    """Open a table without reading its rows; raises like :func:`read`."""
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise missing(path) from None
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None
    if hyperparameters is not None:
        refuse_strangers(path, _metadata_of(path, file)["hyperparameters"], hyperparameters)
    return file


def _metadata_of(path: str | Path, file: pq.ParquetFile) -> dict[str, Any]:
    content = (file.schema_arrow.metadata or {}).get(KEY)
    if content is None:
        raise damaged(path, "it carries no repdyn metadata")
    found: dict[str, Any] = json.loads(content)
    return found


def refuse_strangers(path: str | Path, found: Metadata, wanted: Metadata) -> None:
    """Raise a RepdynError naming the first setting in which a file's hyperparameters are not the ones asked for."""
    for key, here, there in _differences(found, wanted):
        raise RepdynError(
            f"`{path}` was made with {key} = {json.dumps(here)}, but {json.dumps(there)} is asked for; Snakemake makes "
            "it again when asked for it with the study's --configfile."
        )


def _differences(found: object, wanted: object, key: str = "") -> Iterator[tuple[str, object, object]]:
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in [*wanted, *(name for name in found if name not in wanted)]:
            inner = f"{key}.{name}" if key else str(name)
            yield from _differences(found.get(name), wanted.get(name), inner)
    elif found != wanted:
        yield key, found, wanted
