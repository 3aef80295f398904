"""What the documentation says of reading a folder of tables as a whole."""

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest


@pytest.fixture
def activations(tmp_path):
    layers = {"resnet": {"layer1.0": 4, "pool": 2}, "vit": {"blocks.0": 3, "norm": 3}}
    for arch, widths in layers.items():
        for seed in (0, 1):
            folder = tmp_path / "activations" / f"arch={arch}" / "optimizer=sgd" / f"seed={seed}"
            folder.mkdir(parents=True)
            columns = {"step": pa.array([0, 0, 7])} | {
                layer: pa.FixedSizeListArray.from_arrays(pa.array(np.ones(3 * width, np.float16)), width)
                for layer, width in widths.items()
            }
            pq.write_table(pa.table(columns), folder / "activations.parquet")
    return tmp_path / "activations"


def test_activations_of_one_architecture_are_read_by_its_folder(activations):
    frame = pd.read_parquet(activations / "arch=vit", columns=["step", "norm", "seed"])
    assert list(frame.seed) == [0, 0, 0, 1, 1, 1]
    assert np.stack(list(frame.norm)).shape == (6, 3)
    # Else layers of the other architecture are lost.
    assert "norm" not in pd.read_parquet(activations)


def test_duckdb_reads_activations_of_several_architectures_by_name(activations):
    files = f"'{activations}/*/*/*/activations.parquet'"
    read = duckdb.sql(f"SELECT arch, step, norm, pool FROM read_parquet({files}, union_by_name=true)").fetchall()
    assert len(read) == 12
    assert {(arch, norm is None, pool is None) for arch, _, norm, pool in read} == {
        ("resnet", True, False),
        ("vit", False, True),
    }
    with pytest.raises(duckdb.Error, match="schema mismatch"):
        duckdb.sql(f"SELECT * FROM {files}").fetchall()
