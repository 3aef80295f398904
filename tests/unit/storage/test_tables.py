import json

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from damage import with_a_changed_byte

from repdyn.catalogue.paths import Paths
from repdyn.errors import RepdynError
from repdyn.storage import sealing, tables
from repdyn.storage.origin import Origin

SCHEMA = tables.schema(step=(pa.int64(), "optimizer steps"), cka=(pa.float64(), "similarity"))
METADATA = {"table": "cka", "stage": "cka", "run": None, "hyperparameters": {"data": {"label_noise": 0.1}, "seed": 0}}
TABLE = tables.Table("cka", "cka", Paths.cka, scope="study", schema=SCHEMA)
COLUMNS = {"cka": [1.0, None], "step": [0, 5]}


def test_a_table_has_the_schema_s_columns_in_its_order_and_types(tmp_path):
    path = tmp_path / "cka.parquet"
    tables.write(path, COLUMNS, SCHEMA, METADATA)
    assert pq.read_schema(path).equals(SCHEMA)
    assert pd.read_parquet(path).columns.tolist() == ["step", "cka"]
    assert tables.read(path).to_pydict() == {"step": [0, 5], "cka": [1.0, None]}


def test_a_file_read_alone_explains_itself(tmp_path):
    path = tmp_path / "cka.parquet"
    tables.write(path, COLUMNS, SCHEMA, METADATA)
    raw = json.loads(pq.read_schema(path).metadata[b"repdyn"])
    assert raw == METADATA | {"units": {"step": "optimizer steps", "cka": "similarity"}}


def test_a_grid_of_files_is_one_table_with_the_run_as_columns(tmp_path):
    for seed in (0, 1):
        tables.write(tmp_path / f"arch=vit/optimizer=sgd/seed={seed}/cka.parquet", COLUMNS, SCHEMA, METADATA)
    frame = pd.read_parquet(tmp_path)
    assert set(frame.columns) == {"step", "cka", "arch", "optimizer", "seed"}
    found = duckdb.sql(
        f"select seed, count(*) from '{tmp_path}/*/*/*/*.parquet' group by seed order by seed"
    ).fetchall()
    assert found == [(0, 2), (1, 2)]


@pytest.mark.parametrize("columns", [{"step": [0]}, COLUMNS | {"more": [1, 2]}])
def test_other_columns_than_the_schema_s_are_refused(tmp_path, columns):
    with pytest.raises(ValueError, match="but the table has"):
        tables.write(tmp_path / "x.parquet", columns, SCHEMA, METADATA)
    assert list(tmp_path.iterdir()) == []


def test_identical_content_is_identical_bytes(tmp_path):
    for name in ("a", "b"):
        tables.write(tmp_path / name, COLUMNS, SCHEMA, METADATA)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "cka.parquet"
    tables.write(path, COLUMNS, SCHEMA, METADATA)
    before = path.read_bytes()
    with pytest.raises(ZeroDivisionError), tables.writer(path, SCHEMA, METADATA) as append:
        append(COLUMNS)
        raise ZeroDivisionError
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_file_is_named_with_what_makes_it(tmp_path):
    path = tmp_path / "cka.parquet"
    with pytest.raises(RepdynError) as raised:
        tables.read(path)
    assert (
        str(raised.value)
        == f"`{path}` is not there; Snakemake makes it when asked for it with the study's --configfile."
    )


@pytest.mark.parametrize("cut", [0, 3, 100, -200, -1])
def test_a_truncated_file_is_named_with_the_command_that_makes_it_again(tmp_path, cut):
    path = tmp_path / "cka.parquet"
    tables.write(path, COLUMNS, SCHEMA, METADATA)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(RepdynError, match=r"cka\.parquet` is damaged .* delete it") as raised:
        tables.read(path)
    assert "\n" not in str(raised.value)


def test_a_flipped_byte_is_found(tmp_path):
    path = tmp_path / "big.parquet"
    tables.write(path, {"step": np.arange(5000), "cka": np.random.default_rng(0).random(5000)}, SCHEMA, METADATA)
    content = path.read_bytes()
    path.write_bytes(with_a_changed_byte(content, len(content) // 2))
    with pytest.raises(RepdynError, match="is damaged"):
        tables.read(path)


def test_a_file_made_under_other_hyperparameters_is_refused_naming_both_values(tmp_path):
    path = tmp_path / "cka.parquet"
    tables.write(path, COLUMNS, SCHEMA, METADATA)
    tables.read(path, Origin(TABLE, None, METADATA["hyperparameters"]))
    with pytest.raises(RepdynError, match=r"was made with data\.label_noise = 0\.1, but 0\.2 is asked for"):
        tables.read(path, Origin(TABLE, None, {"data": {"label_noise": 0.2}, "seed": 0}))
    with pytest.raises(RepdynError, match=r"was made with seed = 0, but null is asked for"):
        tables.read(path, Origin(TABLE, None, {"data": {"label_noise": 0.1}}))


def test_a_file_that_is_not_ours_is_refused(tmp_path):
    pq.write_table(pa.table({"step": [1]}), tmp_path / "x.parquet")
    with pytest.raises(RepdynError, match="carries no checksums where repdyn writes them"):
        tables.read(tmp_path / "x.parquet")


INT, FLOAT = (pa.int64(), ""), (pa.float64(), "")


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"step": INT, "cka": INT}, r"has `cka` \(int64\) where the table `cka` has `cka` \(double"),
        ({"step": INT}, r"has no column where the table `cka` has `cka`"),
        ({"step": INT, "cka": FLOAT, "more": INT}, r"has `more` \(int64\) where the table `cka` has no column"),
    ],
)
def test_a_table_with_other_columns_than_declared_is_refused_naming_the_first(tmp_path, columns, said):
    path = tmp_path / "cka.parquet"
    tables.write(path, {name: [1] for name in columns}, tables.schema(**columns), METADATA)
    with pytest.raises(RepdynError, match=said):
        tables.read(path, Origin(TABLE, None, METADATA["hyperparameters"]))


def test_a_table_s_identity_is_of_what_it_says_and_not_of_the_times_it_took(tmp_path):
    timed = tables.schema(
        step=(pa.int64(), "optimizer steps"), loss=(pa.float64(), "nats"), took=(pa.float64(), "seconds")
    )

    def identity(name, loss=0.5, took=1.0, metadata=METADATA):
        tables.write(tmp_path / name, {"step": [0], "loss": [loss], "took": [took]}, timed, metadata)
        return tables.identity(tmp_path / name)

    first = identity("first")
    assert identity("slower", took=2.0) == first
    assert identity("other", loss=0.6) != first
    assert identity("of another run", metadata=METADATA | {"run": "other"}) != first
    assert (tmp_path / "first").read_bytes() != (tmp_path / "slower").read_bytes()
    tables.write(tmp_path / "untimed", COLUMNS, SCHEMA, METADATA)
    with sealing.SealedFile(tmp_path / "untimed") as file:
        assert tables.identity(tmp_path / "untimed") == sealing.seal_of(file)


@pytest.mark.parametrize("spared", [0, 2**16])
def test_damage_to_a_table_with_times_is_named_and_no_identity(tmp_path, spared):
    timed = tables.schema(step=(pa.int64(), "optimizer steps"), took=(pa.float64(), "seconds"))
    tables.write(tmp_path / "a", {"step": [*range(50_000)], "took": [1.0] * 50_000}, timed, METADATA)
    content = bytearray((tmp_path / "a").read_bytes())
    content[spared + 100] ^= 1
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(RepdynError, match="checksum"):
        tables.identity(tmp_path / "a")
