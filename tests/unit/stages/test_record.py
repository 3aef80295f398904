from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from tiny_stages import Array, Config, Perceptron, with_perceptron, written_out

from repdyn import Recorder
from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.data import datasets, subsets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.pipeline import settling
from repdyn.pipeline.jobs import Job
from repdyn.records.change import CHANGE
from repdyn.records.train import CHECKPOINT, HISTORY
from repdyn.stages import record
from repdyn.storage import tables
from repdyn.training import checkpoints

EPOCHS = (0, 1, 3)
Weights = dict[str, torch.Tensor]


@pytest.fixture
def trained(tmp_path: Path) -> dict[int, Weights]:
    """Checkpoints that some loop of one's own left: epoch -> weights."""
    torch.manual_seed(0)
    found = {}
    for epoch in EPOCHS:
        weights = Perceptron(1, 10, 8).state_dict()
        wrapped = {f"module.{name}": tensor for name, tensor in weights.items()}
        torch.save({"model": wrapped, "epoch": epoch}, tmp_path / f"epoch_{epoch}.pt")
        found[epoch] = weights
    return found


def job_of(config: Config, tmp_path: Path, **recorded: Any) -> Job:
    where = {"path": str(tmp_path / "epoch_{epoch}.pt"), "key": "model", "strip": "module.", "steps_per_epoch": 4}
    content = with_perceptron(config) | {"optimizers": {"theirs": {"recorded": where | recorded}}, "seeds": [0]}
    study = settling.settled(studies.parse(content))
    return Job("record", study, Paths(str(tmp_path / "results")), study.run("mlp", "theirs", 0))


def accuracy(weights: Weights, examples: subsets.Examples, labels: Array) -> float:
    return float((written_out(weights, examples.inputs[:])["logits"].argmax(1) == labels).mean())


def test_weights_are_taken_in_as_they_are_under_the_names_of_the_network(
    config: Config, tmp_path: Path, trained: dict[int, Weights]
) -> None:
    job = job_of(config, tmp_path)
    record.main(job)
    for epoch, weights in trained.items():
        found = checkpoints.read(*job.place(CHECKPOINT, step=4 * epoch))
        assert sorted(found) == sorted(weights)
        assert all(torch.equal(found[name], tensor) for name, tensor in weights.items())
    assert len(tables.read(*job.place(CHANGE))) == 0, "nobody measured it"


def test_a_history_that_nobody_recorded_is_measured_at_the_checkpoints(
    config: Config, tmp_path: Path, trained: dict[int, Weights], caplog: pytest.LogCaptureFixture
) -> None:
    job = job_of(config, tmp_path)
    with caplog.at_level("INFO"):
        record.main(job)
    examples = subsets.load(job.data, job.data_root, 0)
    history = tables.read(*job.place(HISTORY)).to_pandas()
    assert history["step"].tolist() == [0, 4, 12]
    assert history["epoch"].tolist() == list(EPOCHS)
    for row, weights in zip(history.to_dict("records"), trained.values(), strict=True):
        given = accuracy(weights, examples.train, examples.train.given_labels)
        assert row["train_accuracy"] == pytest.approx(given)
        assert row["test_accuracy"] == pytest.approx(accuracy(weights, examples.test, examples.test.labels))
    assert history[["lr", "seconds"]].isna().all(axis=None)
    assert "3 checkpoints, epoch 0 to 3; history measured at the checkpoints" in caplog.text


def test_a_log_is_taken_as_it_is_and_what_it_does_not_say_is_null(
    config: Config, tmp_path: Path, trained: dict[int, Weights], caplog: pytest.LogCaptureFixture
) -> None:
    assert trained
    log = pd.DataFrame({"epoch": [0, 1, 2, 3], "acc": [10.0, 20.0, 25.0, 30.0]})
    log.to_csv(tmp_path / "log.csv", index=False)
    columns = {"path": str(tmp_path / "log.csv"), "columns": {"test_accuracy": "acc / 100"}}
    job = job_of(config, tmp_path, history=columns)
    with caplog.at_level("INFO"):
        record.main(job)
    history = tables.read(*job.place(HISTORY)).to_pandas()
    assert history["step"].tolist() == [0, 4, 8, 12]
    np.testing.assert_allclose(history["test_accuracy"], [0.1, 0.2, 0.25, 0.3])
    assert history.drop(columns=["step", "epoch", "test_accuracy"]).isna().all(axis=None)
    assert "history as it was recorded" in caplog.text


def test_change_that_a_recorder_measured_is_told_of_the_layers_of_the_study(config: Config, tmp_path: Path) -> None:
    folder = tmp_path / "recording"
    content = config | {"archs": {"resnet": config["archs"]["resnet"]}, "seeds": [0]}
    content["optimizers"] = {"theirs": {"recorded": str(folder)}}
    study = studies.parse(content)
    data = study.data_of(study.runs[0])
    model = architectures.build(study.archs["resnet"], datasets.inputs(data), 10, seed=0)
    inputs = torch.randn(12, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    with Recorder(folder, model, steps_per_epoch=4, change=inputs, layers=["maxpool", "layer*.0"]) as recorder:
        recorder.evaluated(test_accuracy=0.25)
        for _ in range(4):
            with torch.no_grad():
                for weights in model.parameters():
                    weights.mul_(1.25)
            recorder.step()
        recorder.evaluated(test_accuracy=0.5)
    study = settling.settled(study)
    job = Job("record", study, Paths(str(tmp_path / "results")), study.runs[0])
    record.main(job)
    change = tables.read(*job.place(CHANGE)).to_pandas()
    names = [f"layer{stage}.0" for stage in (1, 2, 3, 4)]
    assert list(change["layer"]) == ["stem", *names], "the recorder was told of `maxpool`"
    np.testing.assert_allclose(change["weights"].dropna(), 1.25**4 - 1, rtol=1e-5)
    assert change[["step_a", "step_b"]].drop_duplicates().to_numpy().tolist() == [[0, 4]]
    history = tables.read(*job.place(HISTORY)).to_pandas()
    assert history[["step", "test_accuracy"]].to_numpy().tolist() == [[0, 0.25], [4, 0.5]]


def test_a_checkpoint_of_another_network_is_refused_by_its_name(
    config: Config, tmp_path: Path, trained: dict[int, Weights]
) -> None:
    assert trained
    other = {f"module.{name}": tensor for name, tensor in Perceptron(1, 10, 8, widths=(7, 5)).state_dict().items()}
    torch.save({"model": other}, tmp_path / "epoch_1.pt")
    job = job_of(config, tmp_path)
    with pytest.raises(RepdynError, match=r"epoch_1\.pt"):
        record.main(job)
    assert not Path(job.path(HISTORY)).exists(), "it is written last"
