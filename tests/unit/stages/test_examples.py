import numpy as np
import pytest
from fake_datasets import cifar

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.config.study import Replicate
from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.records.examples import EXAMPLES
from repdyn.stages import examples
from repdyn.storage import tables


def job_of(config, tmp_path, seed=0):
    config["execution"] = {"data_root": str(tmp_path)}
    return Job("examples", studies.parse(config), Paths(str(tmp_path / "tiny")), Replicate(seed))


def test_the_table_holds_every_example_that_is_used_with_its_class(config, tmp_path):
    job = job_of(config, tmp_path, seed=1)
    examples.main(job)
    table = tables.read(*job.place(EXAMPLES)).to_pandas()
    found = subsets.load(job.study.data, tmp_path, seed=1)
    for split, part in (("train", found.train), ("test", found.test)):
        rows = table[table.split == split]
        np.testing.assert_array_equal(rows.example, part.examples)
        np.testing.assert_array_equal(rows.label, part.labels)
        np.testing.assert_array_equal(rows.mislabelled, part.mislabelled)
        np.testing.assert_array_equal(rows.given_label, part.given_labels)
    assert table[table.common].example.tolist() == found.common.examples.tolist()
    assert table.mislabelled.sum() == 24


def test_data_that_are_nowhere_to_be_had_are_said_before_anything_is_trained(config, tmp_path, monkeypatch):
    cifar(monkeypatch, 10)
    config["data"] = {"dataset": "cifar10"}
    job = job_of(config, tmp_path)
    with pytest.raises(RepdynError, match=r"put cifar-10-python.tar.gz, or what it holds, into"):
        examples.main(job)
