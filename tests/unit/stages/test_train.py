from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_stages import Array, Config, MakeJob, with_perceptron, written_out

from repdyn.data import datasets, subsets
from repdyn.models import architectures
from repdyn.pipeline.jobs import Job
from repdyn.records.change import CHANGE
from repdyn.records.train import CHECKPOINT, HISTORY, STATE
from repdyn.stages import train
from repdyn.storage import tables
from repdyn.training import checkpoints


@pytest.fixture
def job(make_job: MakeJob, config: Config) -> Job:
    return make_job("train", with_perceptron(config), "mlp")


def weights_at(job: Job, step: int) -> dict[str, torch.Tensor]:
    return checkpoints.read(*job.place(CHECKPOINT, step=step))


def test_the_history_says_how_the_network_of_each_checkpoint_does(job: Job, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("INFO"):
        train.main(job)
    history = tables.read(*job.place(HISTORY)).to_pandas()
    assert history[["step", "epoch"]].to_numpy().tolist() == [[0, 0], [4, 1], [8, 2]]
    assert (history["seconds"].diff().dropna() >= 0).all()
    examples = subsets.load(job.data, job.data_root, 0)
    wrong = examples.train.mislabelled

    def loss_and_classes(step: int, of: subsets.Examples) -> tuple[float, Array]:
        logits = written_out(weights_at(job, step), of.inputs[:])["logits"]
        likelihood = logits[np.arange(len(of)), of.given_labels] - np.log(np.exp(logits).sum(1))
        return -float(likelihood.mean()), logits.argmax(1)

    for row in history.to_dict("records"):
        loss, classes = loss_and_classes(row["step"], examples.train)
        test_loss, test_classes = loss_and_classes(row["step"], examples.test)
        right = classes == examples.train.given_labels
        assert row["train_loss"] == pytest.approx(loss, rel=1e-4)
        assert row["test_loss"] == pytest.approx(test_loss, rel=1e-4)
        assert row["train_accuracy"] == pytest.approx(right.mean())
        assert row["clean_accuracy"] == pytest.approx(right[~wrong].mean())
        assert row["mislabelled_accuracy"] == pytest.approx(right[wrong].mean())
        true = classes[wrong] == examples.train.labels[wrong]
        assert row["mislabelled_true_accuracy"] == pytest.approx(true.mean())
        assert row["test_accuracy"] == pytest.approx((test_classes == examples.test.labels).mean())
    assert "never fitted perfectly for good" in caplog.text
    assert f"after epoch 2: loss {history['train_loss'].iloc[-1]:.3f}, train" in caplog.text


def test_the_first_checkpoint_is_the_initialisation_and_the_first_step_is_that_of_gradient_descent(
    make_job: MakeJob, config: Config
) -> None:
    config["optimizers"] = {"sgd": {"opt": "momentum", "lr": 0.5}}
    config["training"] = {"epochs": 1, "batch_size": 120}  # all examples at once
    job = make_job("train", with_perceptron(config) | {"training": config["training"]}, "mlp")
    train.main(job)
    first, second = (weights_at(job, step) for step in (0, 1))
    data = datasets.inputs(job.data)
    model = architectures.of_run(job.study, job.run, data, 10)
    for name, tensor in model.state_dict().items():
        assert torch.equal(first[name], tensor)
    examples = subsets.load(job.data, job.data_root, 0).train
    logits = model(torch.from_numpy(examples.inputs[:]))
    torch.nn.functional.cross_entropy(logits, torch.from_numpy(examples.given_labels)).backward()
    decay = job.study.optimizer(job.run).weight_decay
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        moved = parameter - job.study.learning_rate(job.run) * (parameter.grad + decay * parameter)
        torch.testing.assert_close(second[name], moved.detach(), rtol=1e-4, atol=1e-6)


def test_the_change_of_weights_is_their_relative_distance_between_evaluated_epochs(job: Job) -> None:
    train.main(job)
    change = tables.read(*job.place(CHANGE)).to_pandas()
    keys = [(*steps, layer) for steps in ((0, 4), (4, 8)) for layer in ("first", "tanh")]
    assert list(change[["step_a", "step_b", "layer"]].itertuples(index=False, name=None)) == keys
    examples = subsets.load(job.data, job.data_root, 0).common
    for row in change.to_dict("records"):
        one, other = (weights_at(job, row[step]) for step in ("step_a", "step_b"))
        X, Y = (written_out(weights, examples.inputs[:])[row["layer"]] for weights in (one, other))
        X, Y = X - X.mean(0), Y - Y.mean(0)
        cka = np.linalg.norm(X.T @ Y) ** 2 / np.linalg.norm(X.T @ X) / np.linalg.norm(Y.T @ Y)
        assert row["cka"] == pytest.approx(cka, abs=1e-5)
        own = {"first": "first", "tanh": "second"}[row["layer"]]  # weights before a nonlinearity are its own
        start, end = (torch.cat([w[f"{own}.weight"].flatten(), w[f"{own}.bias"]]).double() for w in (one, other))
        assert row["weights"] == pytest.approx(float((end - start).norm() / start.norm()), rel=1e-5)


def test_a_run_that_is_done_is_not_trained_again_and_states_of_other_settings_are_removed(
    make_job: MakeJob, config: Config, caplog: pytest.LogCaptureFixture
) -> None:
    content = with_perceptron(config)
    job = make_job("train", content, "mlp")
    train.main(job)
    before = {step: Path(job.path(CHECKPOINT, step=step)).read_bytes() for step in (0, 4, 8)}
    (first,) = states(job)
    with caplog.at_level("INFO"):
        train.main(job)
    assert "continues from epoch 2" in caplog.text
    assert {step: Path(job.path(CHECKPOINT, step=step)).read_bytes() for step in before} == before
    other = make_job("train", content | {"training": content["training"] | {"batch_size": 60}}, "mlp")
    train.main(other)
    (second,) = states(other)
    assert first != second


def states(job: Job) -> list[Path]:
    return [path for path in Path(job.path(STATE)).iterdir() if path.is_dir()]
