import tempfile
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from changing import changed
from hypothesis import example, given
from hypothesis import strategies as st

from repdyn.config import names
from repdyn.config import study as studies
from repdyn.errors import RepdynError

# What pyarrow and pandas, DuckDB 2 and polars 2 make of a folder `arch=…` with this name, each tried alone.
READ_AS = {
    "a number": "18 007 1e-3 1E5 1.5 0.1 0.10 18. 0x10 0xFF 0b1 1.0e-1 99999999999999999999 1e400 inf NaN Infinity",
    "a truth value": "true True FALSE",
    "a day": "2026-11-27 2026-1-1 26-1-1 3.2.1 31-12-2026 2026.11.27 epoch",
    "a time": "20261127T101010 2026-11-27T1010Z 10000-01-01",
    # Not by these versions, but by others, or by YAML.
    "perhaps": "null Null 1_000 0o7 2026-11 2026_11_27 1-",
}
TEXT = (
    "resnet18 vit sgd-0.1 e5 1a 1x 3-layers none on off t 0xfg 2026-11-27-night 1e-3-adam nan0 v1.2.3 true-labels con"
)
NAMES = st.from_regex(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,11}[A-Za-z0-9_-])?", fullmatch=True)
NUMBERS = st.from_regex(r"[0-9][0-9.eE_xXabT-]{0,11}[0-9a-fTZ_-]", fullmatch=True)


def partitions(folder):
    """Of which types pyarrow takes the keys of a hive partition to be, by key."""
    with tempfile.TemporaryDirectory() as root:
        Path(root, folder).mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.table({"x": [1]}), Path(root, folder, "x.parquet"))
        schema = ds.dataset(root, partitioning="hive").schema
        return dict(zip(schema.names, schema.types, strict=True))


@pytest.mark.parametrize("name", " ".join(READ_AS.values()).split())
@pytest.mark.parametrize("factor", ["archs", "optimizers"])
def test_a_level_that_is_read_back_as_something_else_than_text_is_refused(config, factor, name):
    level = dict(next(iter(config[factor].values())))
    with pytest.raises(RepdynError) as raised:
        studies.parse(changed(config, factor, config[factor] | {name: level}))
    sentence = str(raised.value)
    assert f"`{factor}`: `{name}` is a" in sentence or "ends without `.`" in sentence
    assert "resnet18" in sentence or "ends without `.`" in sentence


@pytest.mark.parametrize("name", TEXT.split())
def test_a_level_that_is_read_back_as_text_is_welcome(config, name):
    config["archs"] = {name: config["archs"]["vit"]}
    assert studies.parse(config).runs[0].arch == name


@pytest.mark.parametrize(("key", "shown"), [(18, "18"), (0.001, "0.001"), (True, "true"), (None, "null")])
def test_a_level_that_yaml_takes_for_something_else_than_text_is_refused_with_a_cure_that_helps(config, key, shown):
    config["archs"] = {key: config["archs"]["vit"]}
    with pytest.raises(RepdynError, match=f"`{shown}` is a number, a date or a truth value to YAML or to a reader"):
        studies.parse(config)


@given(st.lists(NAMES | NUMBERS, min_size=1, max_size=20))
@example(" ".join(READ_AS.values()).split())
def test_every_name_that_is_allowed_is_text_to_pyarrow(candidates):
    allowed = [name for name in candidates if names.is_text(name)]
    folder = "/".join(f"k{number}={name}" for number, name in enumerate(allowed))
    found = partitions(folder)
    assert [str(found[f"k{number}"]) for number in range(len(allowed))] == ["string"] * len(allowed)


def test_every_name_that_is_allowed_is_text_to_duckdb(tmp_path):
    duckdb = pytest.importorskip("duckdb")
    allowed = [*TEXT.split(), *(name for name in " ".join(READ_AS.values()).split() if names.is_text(name))]
    folder = tmp_path.joinpath(*(f"k{number}={name}" for number, name in enumerate(allowed)))
    folder.mkdir(parents=True)
    pq.write_table(pa.table({"x": [1]}), folder / "x.parquet")
    columns = ", ".join(f"k{number}" for number in range(len(allowed)))
    read = duckdb.sql(f"select {columns} from '{folder}/x.parquet'")
    assert set(map(str, read.types)) == {"VARCHAR"}
    assert list(read.fetchall()[0]) == allowed


@pytest.mark.parametrize("factor", ["archs", "optimizers"])
def test_levels_that_are_equal_but_for_case_are_refused(config, factor):
    level = dict(next(iter(config[factor].values())))
    with pytest.raises(RepdynError, match=f"`{factor}` has `mine` and `MINE`, which are one folder on disks that"):
        studies.parse(changed(config, factor, {"mine": level, "MINE": level}))


def test_a_seed_comes_back_as_a_number():
    assert partitions(f"seed={2**31 - 1}")["seed"] == pa.int32()
    assert partitions(f"seed={2**31}")["seed"] == pa.string()
