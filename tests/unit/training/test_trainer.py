from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from damage import with_a_changed_byte
from killing import Killed, kill_at, outputs

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.stages import train as train_stage
from repdyn.training import trainer


@pytest.mark.parametrize(
    ("arch", "schedule", "settings"),
    [
        ("resnet", None, {}),
        ("vit", None, {}),
        ("vit", {"sched": "cosine", "warmup_epochs": 1.5}, {"clip_norm": 1.0}),
        ("vit", {"sched": "plateau", "kwargs": {"patience_epochs": 1}}, {"precision": "bfloat16"}),
        ("resnet", {"sched": "wsd"}, {"augmentation": {"padding": 1}, "label_smoothing": 0.1}),
        ("vit", None, {"precision": "float16", "augmentation": {}}),
    ],
)
def test_an_interrupted_run_ends_with_the_bytes_of_an_uninterrupted_one(
    make_job, config, arch, schedule, settings, monkeypatch, caplog
):
    config["training"] |= {"epochs": 6} | settings
    config["optimizers"]["sgd"]["schedule"] = schedule
    config["archs"]["vit"]["kwargs"]["drop_rate"] = 0.1  # random numbers within the forward pass too
    config["execution"] = {"save_state_seconds": 0}
    job = make_job("train", config, arch)
    train_stage.main(job)
    expected, history = outputs(job)

    config["name"] = "killed"
    again = make_job("train", config, arch)
    for step in (2, 9, 10, 17):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, step)
            train_stage.main(again)
    assert not Path(again.paths.history(again.run.path)).exists()
    train_stage.main(again)
    assert "starts from the beginning" not in caplog.text
    found, found_history = outputs(again)
    assert found == expected
    pd.testing.assert_frame_equal(found_history, history)


def test_longer_training_continues_and_ends_as_if_it_had_been_long_from_the_start(make_job, config, monkeypatch):
    config["training"]["epochs"] = 6
    long = make_job("train", config | {"name": "long"})
    train_stage.main(long)

    config["training"]["epochs"] = 3
    train_stage.main(make_job("train", config))
    config["training"]["epochs"] = 6
    job = make_job("train", config)
    epochs = []
    train = trainer.Trainer._train_epoch
    monkeypatch.setattr(trainer.Trainer, "_train_epoch", lambda self, e, m: (epochs.append(e), train(self, e, m)))
    train_stage.main(job)
    assert epochs == [3, 4, 5]
    for one, other in zip(outputs(job), outputs(long), strict=True):
        assert one.equals(other) if isinstance(one, pd.DataFrame) else one == other


def test_longer_training_starts_over_only_where_its_rate_depends_on_its_length(config):
    def kept(schedule):
        config["optimizers"]["sgd"]["schedule"] = schedule
        made_with = []
        for epochs in (3, 6):
            config["training"]["epochs"] = epochs
            study = studies.parse(config)
            made_with.append(study.hyperparameters("checkpoints", study.runs[0]))
        return made_with[0] == made_with[1]

    assert kept(None)
    assert kept({"sched": "constant", "warmup_epochs": 2})
    assert kept({"sched": "cosine", "epochs": 5})
    assert not kept({"sched": "cosine"})
    assert not kept({"sched": "constant", "kwargs": {"noise": 0.5}})


def test_history_records_the_rate_of_the_step_that_follows(make_job, config):
    config["training"]["epochs"] = 6
    config["optimizers"]["sgd"] |= {"lr": 0.4, "schedule": {"sched": "cosine", "kwargs": {"min_lr": 0.1}}}
    job = make_job("train", config)
    train_stage.main(job)
    _, history = outputs(job)
    cosine = 0.1 + 0.3 * (1 + np.cos(np.pi * history.epoch[:6] / 6)) / 2
    np.testing.assert_allclose(history.lr[:6], cosine, rtol=1e-12)


def test_shorter_training_is_cut_from_the_longer(make_job, config, monkeypatch):
    config["training"]["epochs"] = 6
    train_stage.main(make_job("train", config))
    config["training"]["epochs"] = 3
    monkeypatch.setattr(trainer.Trainer, "_train_epoch", None)
    job = make_job("train", config)
    train_stage.main(job)
    _, history = outputs(job)
    assert history.epoch.tolist() == [0, 1, 2, 3]


def test_another_setting_starts_afresh_and_removes_the_state_of_the_old(make_job, config):
    config["training"]["epochs"] = 2
    train_stage.main(make_job("train", config))
    config["optimizers"]["sgd"]["lr"] = 0.01
    job = make_job("train", config)
    train_stage.main(job)
    assert len(list(Path(job.paths.state(job.run.path)).iterdir())) == 1


@pytest.mark.parametrize("damage", ["truncated", "one byte"])
@pytest.mark.parametrize("victim", ["state.pt", "step=4.safetensors"])
def test_a_damaged_state_is_not_continued_from(make_job, config, victim, damage, caplog):
    config["training"]["epochs"] = 3
    job = make_job("train", config)
    train_stage.main(job)
    expected, _ = outputs(job)
    (file,) = Path(job.paths.state(job.run.path)).glob(f"*/{victim}")
    content = file.read_bytes()
    middle = len(content) // 2
    file.unlink()
    file.write_bytes(content[:middle] if damage == "truncated" else with_a_changed_byte(content, middle))
    with caplog.at_level("WARNING", logger="repdyn"):
        train_stage.main(job)
    assert "training starts from the beginning" in caplog.text
    assert outputs(job)[0] == expected


def test_checkpoints_in_the_state_cost_nothing(make_job, config):
    config["training"]["epochs"] = 2
    job = make_job("train", config)
    train_stage.main(job)
    assert all(path.stat().st_nlink == 2 for path in Path(job.paths.checkpoint(job.run.path, 0)).parent.iterdir())


def test_a_loss_that_is_not_finite_stops_training_and_names_the_first_such_step(make_job, config):
    config["optimizers"]["sgd"]["lr"] = 1e30
    config["training"]["epochs"] = 2
    job = make_job("train", config, "vit")
    with pytest.raises(RepdynError, match=r"NaN or infinite at step [2-4] \(epoch .*lower the learning rate"):
        train_stage.main(job)
    assert not Path(job.paths.history(job.run.path)).exists()


def test_two_optimizers_with_one_seed_start_from_the_same_weights_and_see_the_same_labels(make_job, config):
    config["training"]["epochs"] = 1
    starts = []
    for optimizer in ("sgd", "adam"):
        job = make_job("train", config, optimizer=optimizer)
        train_stage.main(job)
        files, history = outputs(job)
        header = int.from_bytes(files["step=0.safetensors"][:8], "little")
        starts.append((files["step=0.safetensors"][8 + header :], history.iloc[0].drop("lr").tolist()))
    assert starts[0] == starts[1]


class Blank:
    """A feed of four images that do not matter."""

    def batches(self, size):
        return torch.zeros(4, 1).split(size)


def test_history_measures_what_it_says():
    class Constant(torch.nn.Module):
        def forward(self, images):
            return torch.nn.functional.one_hot(torch.full((len(images),), 1), 3).float()

    split = trainer.Split(
        inputs=Blank(),
        labels=torch.tensor([1, 1, 0, 2]),
        given_labels=torch.tensor([1, 0, 1, 2]),
        mislabelled=torch.tensor([False, True, True, False]),
    )
    row = trainer.measure(Constant(), split, split)
    assert row["train_accuracy"] == 0.5
    assert row["clean_accuracy"] == 0.5
    assert row["mislabelled_accuracy"] == 0.5
    assert row["mislabelled_true_accuracy"] == 0.5
    assert row["test_accuracy"] == 0.5
    log_sum = torch.tensor([0.0, 1.0, 0.0]).logsumexp(0).item()
    assert row["test_loss"] == pytest.approx(log_sum - 0.5)


def test_without_label_noise_there_is_no_accuracy_on_mislabelled_examples(make_job, config):
    config["data"]["label_noise"] = 0.0
    config["training"]["epochs"] = 1
    job = make_job("train", config)
    train_stage.main(job)
    history = pd.read_parquet(job.paths.history(job.run.path))
    assert history.mislabelled_accuracy.isna().all()
    assert history.clean_accuracy.equals(history.train_accuracy)
