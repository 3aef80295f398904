"""Parquet tables that explain themselves: strict schemas, provenance in the metadata, atomic writing.

A stage declares its table as a :class:`Table`, in the module of :mod:`repdyn.records` that has its name. The file's
schema metadata has, under the key ``repdyn``, a JSON object: table, stage, run, hyperparameters, code digest, versions,
units. Reading refuses a file with another table, stage, run, hyperparameters, schema or number of rows than expected.
Checksums cover every byte (``sealing.py``).
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from ..errors import RepdynError
from .files import atomic, damaged
from .origin import Metadata, Origin, Record, metadata_of
from .sealing import SealedFile, Sealing, seal_of

KEY = b"repdyn"
MEASURED = "seconds"  # the unit of times, which differ between two makings of the same table


@dataclass(frozen=True, kw_only=True)
class Table(Record):
    """A table that a stage writes.

    Attributes:
        schema: its columns; only the first ones where ``more`` gives the others.
        more: returns the further columns that a file with a given schema should have, for a table whose columns depend
            on the study.
    """

    schema: pa.Schema
    more: Callable[[pa.Schema], Sequence[pa.Field]] | None = None

    @property
    def names(self) -> list[str]:
        """The columns."""
        names: list[str] = self.schema.names
        return names

    def check_schema(self, path: str | Path, found: pa.Schema) -> None:
        """Compare the columns of a file with the declared ones.

        Raises:
            RepdynError: if they differ; names the first column that does.
        """
        wanted = [*self.schema, *([] if self.more is None else self.more(found))]
        for here, there in itertools.zip_longest(found, wanted):
            if here is not None and there is not None and here.equals(there):
                continue
            has, should = (f"`{column.name}` ({column.type})" if column else "no column" for column in (here, there))
            raise RepdynError(
                f"`{path}` has {has} where the table `{self.name}` has {should}, as if another version of repdyn had "
                "written it; delete it and run Snakemake again."
            )


def schema(**columns: tuple[pa.DataType, str]) -> pa.Schema:
    """A schema from ``name=(type, unit)``; the unit is a word or two such as ``optimizer steps`` or ``fraction``."""
    return pa.schema([pa.field(name, kind, metadata={"unit": unit}) for name, (kind, unit) in columns.items()])


def write(
    path: str | Path, columns: pa.Table | Mapping[str, Any], layout: pa.Schema, metadata: Metadata, **options: Any
) -> None:
    """Write a table whole or not at all.

    Args:
        path: the file; an existing one stays until the new one is complete.
        columns: a table, or one sequence for each column, in any order.
        layout: the exact columns, in order; values are converted to its types.
        metadata: from ``Job.metadata``.
        options: passed to ``pyarrow.parquet.write_table``.

    Raises:
        RepdynError: if the disk is full.
        ValueError: if the columns are not exactly those of the layout.
    """
    with writer(path, layout, metadata, **options) as append:
        append(columns)


@contextmanager
def writer(path: str | Path, layout: pa.Schema, metadata: Metadata, **options: Any) -> Iterator[Any]:
    """Like :func:`write`, in pieces: yields ``append(columns)``, which writes one row group a call."""
    layout = layout.with_metadata({KEY: json.dumps(dict(metadata) | {"units": units(layout)})})
    options = {"compression": "zstd", "write_page_checksum": True} | options
    with atomic(path) as temporary, temporary.open("w+b") as file:
        sink = Sealing(file)
        with pq.ParquetWriter(sink, layout, **options) as parquet:

            def append(columns: pa.Table | Mapping[str, Any]) -> None:
                table = _conform(columns, layout)
                parquet.write_table(table, row_group_size=max(1, table.num_rows))

            yield append
        sink.seal()


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


def known(values: npt.NDArray[Any], labels: npt.NDArray[Any]) -> pa.Array:
    """What is said of labelled examples, (n,) each, as a column: null where there is no label, -1."""
    return pa.array(values, mask=labels < 0)


def units(layout: pa.Schema) -> dict[str, str]:
    """The unit of each column."""
    return {field.name: (field.metadata or {}).get(b"unit", b"").decode() for field in layout}


def read(path: str | Path, wanted: Origin | None = None, columns: Sequence[str] | None = None) -> pa.Table:
    """Read a table, or some of its columns.

    Args:
        path: a single file (``pandas.read_parquet`` reads a whole folder, with the run as columns).
        wanted: the expected origin; None accepts any.
        columns: which columns, in which order.

    Raises:
        RepdynError: if the file is missing, damaged, not readable, or not the expected one.
    """
    file = open_file(path, wanted)
    with damage(path):
        return file.read(columns=columns)


def open_file(path: str | Path, wanted: Origin | None = None, **options: Any) -> pq.ParquetFile:
    """Open a table without reading its rows; raises like :func:`read`.

    Args:
        path: a single file.
        wanted: the expected origin; None accepts any.
        options: passed to ``pyarrow.parquet.ParquetFile``.
    """
    source = SealedFile(path)
    with damage(path):
        file = pq.ParquetFile(source, **options)
    if wanted is not None:
        wanted.check(path, metadata_of(path, (file.schema_arrow.metadata or {}).get(KEY)))
        if isinstance(wanted.record, Table):
            wanted.record.check_schema(path, file.schema_arrow)
            wanted.check_rows(path, file.metadata.num_rows)
    return file


def identity(path: str | Path) -> bytes:
    """Bytes that two files of a table share if they say the same, but for times measured while they were made.

    It is the checksum that stands in the file. Where a column is in seconds, it is a digest of all others, and of the
    metadata: the same run takes another time, and its results are the same.

    Raises:
        RepdynError: if the file is missing, damaged, or not readable.
    """
    with SealedFile(path) as source, damage(path):
        file = pq.ParquetFile(source)
        layout = file.schema_arrow
        results = [name for name, unit in units(layout).items() if unit != MEASURED]
        if len(results) == len(layout):
            return seal_of(source)
        found = hashlib.sha256((layout.metadata or {}).get(KEY, b""))
        for name in results:
            for batch in file.iter_batches(columns=[name]):
                found.update(batch.serialize())
    return found.digest()


@contextmanager
def damage(path: str | Path) -> Iterator[None]:
    """Report a table as damaged where Arrow cannot parse it."""
    try:
        yield
    except pa.ArrowMemoryError:
        raise  # the machine's fault, not the file's
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, error) from None
