import json
import logging
import sys

import numpy as np
import pytest

from repdyn import __main__ as command
from repdyn.errors import RepdynError
from repdyn.records.activations import ACTIVATIONS
from repdyn.representations.table import Representations
from repdyn.stages import activations, dump, train


@pytest.fixture
def measured(make_job, config):
    """A run that was trained and measured with whole activations."""
    config["training"]["epochs"] = 2
    config["activations"]["whole"] = ["*"]
    train.main(make_job("train", config))
    job = make_job("activations", config)
    activations.main(job)
    return job


def test_what_is_dumped_is_what_is_measured(measured, make_job, config, tmp_path):
    table = Representations(*measured.place(ACTIVATIONS))
    step, output = int(table.steps[-1]), tmp_path / "new" / "layer.npz"
    dump.main(make_job("dump", config), "layer1.0", step, output)
    with np.load(output) as found:
        for split in ("similarity", "probe"):
            assert found[split].dtype == np.float32
            np.testing.assert_array_equal(found[split].astype(np.float16), table.read("layer1.0", step, split))
            np.testing.assert_array_equal(found[f"{split}_example"], table.examples(split)["example"])
        about = json.loads(str(found["about"]))
    assert (about["layer"], about["step"], about["epoch"]) == ("layer1.0", step, table.epochs[-1])
    assert about["run"] == measured.run.facts
    assert about["hyperparameters"]["activations"]["whole"] == ["*"]


@pytest.mark.parametrize(
    ("layer", "step", "name", "sentence"),
    [
        ("layer1", 0, "a.npz", r"`resnet` has no observed layer `layer1`; did you mean `layer1\.0`\?"),
        ("zzz", 0, "a.npz", "has no observed layer `zzz`; there are stem, "),
        ("stem", 5, "a.npz", "has no checkpoint at step 5; there are 0, "),
        ("stem", 0, "a.csv", "must end in .npz: it becomes a file of NumPy arrays"),
    ],
)
def test_what_cannot_be_dumped_is_named(make_job, config, tmp_path, layer, step, name, sentence):
    with pytest.raises(RepdynError, match=sentence):
        dump.main(make_job("dump", config), layer, step, tmp_path / name)


@pytest.mark.usefixtures("measured")
def test_the_command_takes_layer_checkpoint_and_file(tmp_path, monkeypatch, config):
    (tmp_path / "study.yaml").write_text(json.dumps(config), encoding="utf-8")
    run = ["--arch", "resnet", "--optimizer", "sgd", "--seed", "0"]
    words = ["dump", "stem", "0", "stem.npz", *run, "--study", "study.yaml", "--results", str(tmp_path)]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["repdyn", *words])
    try:
        assert command.main() == 0
    finally:
        for handler in command.LOG.handlers[:]:
            command.LOG.removeHandler(handler)
        logging.getLogger("repdyn").propagate = True
    with np.load("stem.npz") as found:
        assert found["similarity"].shape == (40, 256)
