"""What is planned to change in the course of training does, then and not before, with and without interruption."""

import copy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from killing import Killed, kill_at, outputs

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.data import label_noise, subsets
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.planning import interventions as planning
from repdyn.records.train import STATE
from repdyn.stages import train as train_stage
from repdyn.training import checkpoints
from repdyn.training.resume import StateFolder
from repdyn.training.trainer import Trainer

FREEZE = {"epoch": 2, "freeze": ["layer1.*", "blocks.0"]}
KINDS = [{"epoch": 2, "rate": 0.1}, {"epoch": 2, "labels": "redraw"}, FREEZE, {"epoch": 2, "invert": True}]


@pytest.fixture
def short(config):
    config["training"]["epochs"] = 5
    config["checkpoints"] = {"schedule": "linear", "every": 1}
    config["change"] = {"examples": 20}
    return config


def planned(config, *interventions, name="planned"):
    return config | {"name": name, "training": config["training"] | {"interventions": list(interventions)}}


def weights(job):
    """Epoch -> weights and buffers."""
    steps = {epoch: 4 * epoch for epoch in range(6)}  # 120 examples in batches of 32
    return {e: checkpoints.read(job.paths.checkpoint(job.run.path, step)) for e, step in steps.items()}


def same(one, other):
    return all(torch.equal(tensor, other[name]) for name, tensor in one.items())


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: next(key for key in kind if key != "epoch"))
def test_a_run_equals_the_one_without_until_the_intervention_and_differs_from_then_on(make_job, short, kind):
    jobs = [make_job("train", planned(short, *some, name=f"of{len(some)}")) for some in ([], [kind])]
    for job in jobs:
        train_stage.main(job)
    without, with_it = map(weights, jobs)
    assert [same(without[epoch], with_it[epoch]) for epoch in range(6)] == [True, True, True, False, False, False]


@pytest.mark.parametrize("arch", ["resnet", "vit"])
def test_an_interrupted_run_with_all_kinds_ends_with_the_bytes_of_an_uninterrupted_one(
    make_job, short, arch, monkeypatch, caplog
):
    short["execution"] = {"save_state_seconds": 0}
    short["optimizers"]["sgd"]["schedule"] = {"sched": "cosine"}
    all_kinds = [kind | {"epoch": epoch} for epoch, kind in zip((1, 2, 2, 3), KINDS, strict=True)]
    job = make_job("train", planned(short, *all_kinds, {"epoch": 3, "labels": "redraw"}), arch)
    train_stage.main(job)
    expected, history = outputs(job)
    again = make_job("train", planned(short, *all_kinds, {"epoch": 3, "labels": "redraw"}, name="killed"), arch)
    for step in (6, 9, 13, 17):  # before, between and after them
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, step)
            train_stage.main(again)
    train_stage.main(again)
    assert "starts from the beginning" not in caplog.text
    found, found_history = outputs(again)
    assert found == expected
    pd.testing.assert_frame_equal(found_history, history)


@pytest.mark.parametrize(
    ("schedule", "before"),
    [
        (None, lambda e: np.full(len(e), 0.05)),
        ({"sched": "cosine"}, lambda e: 0.05 * (1 + np.cos(np.pi * e / 5)) / 2),
        ({"sched": "plateau", "kwargs": {"patience_epochs": 9}}, lambda e: np.full(len(e), 0.05)),
    ],
)
def test_the_rate_is_multiplied_from_there_on_whatever_the_schedule(make_job, short, schedule, before):
    short["optimizers"]["sgd"]["schedule"] = schedule
    job = make_job("train", planned(short, {"epoch": 2, "rate": 0.1}, {"epoch": 3, "rate": 0.5}), "vit")
    train_stage.main(job)
    history = pd.read_parquet(job.paths.history(job.run.path))
    factor = np.array([1, 1, 0.1, 0.05, 0.05])
    np.testing.assert_allclose(history.lr[:5], factor * before(history.epoch.to_numpy()[:5]), rtol=1e-9)


def trainer_of(job, folder):
    examples = subsets.load(job.data, job.data_root, job.run.seed)
    return Trainer(job.study, job.run, examples, StateFolder(Path(folder), job.origin(STATE), "test"))


def test_labels_drawn_anew_are_others_as_many_and_what_the_history_is_of(make_job, short, tmp_path):
    job = make_job("train", planned(short, {"epoch": 2, "labels": "redraw"}, {"epoch": 3, "labels": "redraw"}), "vit")
    trainer = trainer_of(job, tmp_path)
    seen = []
    train = trainer._train_epoch
    trainer._train_epoch = lambda epoch, about: (seen.append(trainer.train), train(epoch, about))
    trainer.run({})
    first, second, third = seen[0], seen[2], seen[3]
    assert seen[1] is first and seen[4] is third
    for one, other in ((first, second), (first, third), (second, third)):
        assert (one.mislabelled != other.mislabelled).any()
    for each in (first, second, third):
        assert each.mislabelled.sum() == 24
        assert torch.equal(each.mislabelled, each.given_labels != each.labels)
        assert torch.equal(each.labels, first.labels)
    labels = first.labels.numpy()
    wrong = label_noise.mislabelled(labels, job.data, 0, 1)
    assert np.array_equal(second.given_labels, label_noise.given_labels(labels, wrong, 10, job.data, 0, 1))


@pytest.mark.parametrize("optimizer", [{}, {"opt": "adamw", "weight_decay": 0.1, "lr": 0.01}, {"opt": "lookahead_sgd"}])
def test_what_is_frozen_stands_still_to_the_bit_batch_norm_too_and_all_else_moves(make_job, short, optimizer):
    short["optimizers"]["sgd"] |= optimizer
    job = make_job("train", planned(short, FREEZE), "resnet")
    train_stage.main(job)
    found = weights(job)
    for name, before in found[2].items():
        still = name.startswith("layer1.")
        assert same({name: before}, found[5]) == still, name
        assert not same({name: before}, found[1])
    changes = pd.read_parquet(job.paths.change(job.run.path))
    after = changes[(changes.layer == "layer1.0") & (changes.epoch_a >= 2)]
    assert (after["weights"] == 0).all()
    # What comes before it still moves, and with it what it makes of an image.
    assert (after["cka"] < 1).all()


def test_inverted_inputs_are_trained_on_and_measured_and_tests_stay(make_job, short, tmp_path):
    job = make_job("train", planned(short, {"epoch": 2, "invert": True}), "vit")
    trainer = trainer_of(job, tmp_path)
    shown = []
    step = trainer.take_step.__call__
    trainer.take_step.__class__ = type(
        "Watched", (type(trainer.take_step),), {"__call__": lambda _, x, y: (shown.append(x), step(x, y))[1]}
    )
    trainer.run({})
    held = torch.cat(list(trainer.train.inputs.batches(500)))
    sums = [torch.cat(shown[4 * epoch : 4 * epoch + 4]).double().sum() for epoch in range(5)]
    for epoch, total in enumerate(sums):
        assert total == pytest.approx(float(held.double().sum()) * (1 if epoch < 2 else -1), rel=1e-4)
    assert trainer.train.inverted and not trainer.test.inverted


def test_a_copied_state_branches_off_a_run_with_an_intervention(make_job, short, tmp_path):
    """As a benchmark needs it: one run, and its branches at an epoch."""
    whole = trainer_of(make_job("train", planned(short, {"epoch": 3, "rate": 0.1}), "vit"), tmp_path / "whole")
    whole.run({})
    stem = trainer_of(
        make_job("train", planned(short | {"training": {"epochs": 3, "batch_size": 32}}), "vit"), tmp_path / "stem"
    )
    stem.run({})
    state = copy.deepcopy(stem.state_dict())
    branch = trainer_of(make_job("train", planned(short, {"epoch": 3, "rate": 0.1}), "vit"), tmp_path / "branch")
    branch.load_state_dict(state)
    _, changes = branch.run({})
    assert same(branch.model.state_dict(), whole.model.state_dict())
    assert changes == whole.change.rows
    assert not same(branch.model.state_dict(), stem.model.state_dict())


def test_a_study_without_interventions_is_made_with_what_it_was_and_one_with_them_is_not(config):
    study, with_it = (studies.parse(planned(config, *some)) for some in ([], [KINDS[0]]))
    run = study.run("vit", "sgd", 0)
    assert "interventions" not in repr(study.hyperparameters("train", run))
    assert study.hyperparameters("checkpoints", run) != with_it.hyperparameters("checkpoints", run)


def test_an_optimizer_may_have_interventions_of_its_own(config):
    config["optimizers"]["drop"] = config["optimizers"]["sgd"] | {"interventions": [{"epoch": 9, "rate": 0.1}]}
    study = studies.parse(planned(config, {"epoch": 12, "labels": "redraw"}))
    of = {name: [each.epoch for each in study.interventions(study.run("vit", name, 0))] for name in study.optimizers}
    assert of == {"sgd": [12], "adam": [12], "drop": [9, 12]}
    assert [key for key, _ in study.planned_interventions] == [
        "training.interventions",
        "optimizers.drop.interventions",
    ]


@pytest.mark.parametrize(
    ("intervention", "said"),
    [
        ({"epoch": 20, "rate": 0.1}, "`training.interventions` has one at epoch 20, but training ends after 20"),
        ({"epoch": 2}, "an intervention is one of `rate: 0.1`.* and here is none"),
        ({"epoch": 2, "rate": 0.1, "invert": True}, "and here are rate, invert"),
        ({"epoch": 2, "rate": 0}, "`training.interventions.0.rate` is 0"),
        ({"epoch": 2, "labels": "shuffle"}, "labels` is 'shuffle'"),
        ({"epoch": 0, "rate": 0.1}, "epoch` is 0"),
    ],
)
def test_an_impossible_intervention_is_refused_in_a_sentence(config, intervention, said):
    with pytest.raises(RepdynError, match=said):
        studies.parse(planned(config, intervention))


def test_labels_cannot_be_drawn_anew_where_none_are_wrong(config):
    config["data"]["label_noise"] = 0.0
    with pytest.raises(RepdynError, match=r"draws wrong labels anew, but `data\.label_noise` is 0"):
        studies.parse(planned(config, {"epoch": 2, "labels": "redraw"}))


LEVELS = {"noisy": {"label_noise": 0.2}, "clean": {}, "few": {"train_size": 60}}


def of_levels(config, *interventions, levels=("noisy", "clean"), name="planned"):
    data = config["data"] | {"label_noise": 0.0}
    return planned(config, *interventions, name=name) | {"data": {level: data | LEVELS[level] for level in levels}}


def on(config, tmp_path, level):
    study = studies.parse(config)
    return Job("train", study, Paths(str(tmp_path / study.name)), study.run("vit", "sgd", 0, level))


def test_training_goes_on_with_another_level_of_the_data_and_a_run_on_that_level_as_it_was(short, tmp_path):
    intervention = {"epoch": 2, "data": "clean"}
    found = {}
    for name, some in (("without", []), ("with", [intervention])):
        for level in ("noisy", "clean"):
            job = on(of_levels(short, *some, name=name), tmp_path, level)
            train_stage.main(job)
            found[name, level] = weights(job)
            if (name, level) == ("with", "noisy"):
                history = pd.read_parquet(job.paths.history(job.run.path))
    changed = [same(found["without", "noisy"][epoch], found["with", "noisy"][epoch]) for epoch in range(6)]
    assert changed == [True, True, True, False, False, False]
    assert all(same(found["without", "clean"][epoch], found["with", "clean"][epoch]) for epoch in range(6))
    assert history["mislabelled_accuracy"].notna().tolist() == [True, True, True, False, False, False]


def test_a_run_that_went_on_with_other_data_ends_with_the_bytes_of_an_uninterrupted_one(short, tmp_path, monkeypatch):
    short["execution"] = {"save_state_seconds": 0}
    plan = ({"epoch": 2, "data": "clean"}, {"epoch": 3, "invert": True}, {"epoch": 4, "data": "noisy"})
    job = on(of_levels(short, *plan), tmp_path, "noisy")
    train_stage.main(job)
    expected, _ = outputs(job)
    again = on(of_levels(short, *plan, name="killed"), tmp_path, "noisy")
    for step in (9, 13, 17):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, step)
            train_stage.main(again)
    train_stage.main(again)
    assert outputs(again)[0] == expected


def test_the_data_that_a_run_goes_on_with_decide_it_and_only_it(short):
    before = studies.parse(of_levels(short, {"epoch": 2, "data": "clean"}))
    content = of_levels(short, {"epoch": 2, "data": "clean"})
    content["data"]["clean"]["seed"] = 5
    after = studies.parse(content)
    run = before.run("vit", "sgd", 0, "noisy")
    assert before.hyperparameters("train", run) != after.hyperparameters("train", run)
    assert "later_data" not in studies.parse(of_levels(short)).hyperparameters("train", run)


def test_training_cannot_go_on_with_data_that_are_not_there_or_not_alike(short):
    with pytest.raises(RepdynError, match=r"goes on with data dirty, but there are: noisy, clean"):
        studies.parse(of_levels(short, {"epoch": 2, "data": "dirty"}))
    with pytest.raises(RepdynError, match=r"goes on with data clean, but there are: none with a name"):
        studies.parse(planned(short, {"epoch": 2, "data": "clean"}))
    study = studies.parse(of_levels(short, {"epoch": 2, "data": "few"}, levels=("noisy", "few")))
    with pytest.raises(RepdynError, match=r"data few, of 60 training and 60 test examples, but noisy has 120 and 60"):
        planning.check(study)
