"""Optimizers of one's own train, and go on after a kill, or are refused before: nothing in between."""

from copy import deepcopy
from pathlib import Path

import pandas as pd
import pytest
import torch
from killing import Killed, kill_at, outputs
from timm.optim import get_optimizer_info, list_optimizers
from torch import nn
from torch.nn import functional as F

from repdyn.config import study as studies
from repdyn.config.sections import Optimizer, Training
from repdyn.data import datasets, subsets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.planning import check, trial
from repdyn.stages import train as train_stage
from repdyn.training import checkpoints, optimizers, stepping, trainer
from repdyn.types import Inputs

COSINE = {"sched": "cosine", "epochs": 4, "warmup_epochs": 0.0, "kwargs": {}}


def entry(opt, **changes):
    path = opt if ":" in opt or opt in list_optimizers() else f"own_optimizers:{opt}"
    return {"opt": path, "lr": 0.01} | changes


def optimizer_of(opt, **changes):
    return Optimizer(**entry(opt, **changes))


def settings_of(opt, training=(), **changes):
    """What steps need of a run's settings."""
    return Training(epochs=4, channels_last=False, **dict(training)), optimizer_of(opt, **changes)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ReLU(), nn.Flatten(), nn.Dropout(0.1), nn.Linear(72, 3)
    )


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(1)
    return torch.randn(4, 1, 8, 8, generator=generator), torch.randint(0, 3, (4,), generator=generator)


def stepper(model, opt, **changes):
    return stepping.Stepper(model, *settings_of(opt, **changes), torch.device("cpu"), steps_per_epoch=2)


TRAINABLE = [
    "ScheduleFree",
    "schedule_free_wrapper",
    "sam",
    "two_groups",
    "TwoOptimizers",
    "SecondOrder",
    "MasterWeights",
    "DrawsFromPython",
    "torch.optim:LBFGS",
    "lookahead_adahessian",
]


@pytest.mark.parametrize("opt", TRAINABLE)
def test_an_interrupted_run_ends_with_the_bytes_of_an_uninterrupted_one(opt, make_job, config, monkeypatch):
    config["training"] |= {"epochs": 3}
    config["archs"]["vit"]["kwargs"]["drop_rate"] = 0.1
    config["optimizers"] = {"sgd": {"opt": opt if opt.startswith("lookahead") else entry(opt)["opt"], "lr": 0.01}}
    config["optimizers"]["sgd"]["schedule"] = {"sched": "cosine"}
    config["execution"] = {"save_state_seconds": 0}
    config["archs"] = {"vit": config["archs"]["vit"]}
    check.main(studies.parse(config))
    job = make_job("train", config, "vit")
    train_stage.main(job)
    expected, history = outputs(job)

    again = make_job("train", config | {"name": "killed"}, "vit")
    for step in (6, 10):
        with monkeypatch.context() as patch, pytest.raises(Killed):
            kill_at(patch, step)
            train_stage.main(again)
    train_stage.main(again)
    found, found_history = outputs(again)
    assert found == expected
    pd.testing.assert_frame_equal(found_history, history)


KNOWN = [name for name in list_optimizers() if not isinstance(get_optimizer_info(name).opt_class, str)]


# Kron compiles each of its functions for each shape, which takes minutes.
@pytest.mark.parametrize("opt", [name for name in KNOWN if not name.startswith("kron")])
def test_every_optimizer_of_timm_goes_on_from_its_state(opt, batch):
    for name in (opt, f"lookahead_{opt}"):
        steps, optimizer = settings_of("adam", schedule=COSINE)
        optimizer = optimizer.model_copy(update={"opt": name})
        trial.take_step(network(), batch[0], steps, optimizer)
        trial.interrupt(network(), batch[0], steps, optimizer)


@pytest.mark.parametrize(
    ("opt", "sentence"),
    [
        ("CountsOutsideItsState", "does not go on from a saved state .* gives 0.weight other weights"),
        ("KeepsAnObject", "state of `own_optimizers:KeepsAnObject` cannot be saved .* objects of other classes"),
        ("KeepsWhatItDoesNotTake", "does not take the state that it gave: NotImplementedError: not yet"),
        ("NotANumberFromTheStart", "makes 0.weight NaN or infinite in its first step"),
        ("OfCopies", "holds none of the model's parameters"),
        ("PutsOthersInPlace", "holds none of the model's parameters"),
        ("WithoutRate", "has parameter groups without `lr`"),
        ("NoOptimizer", "has no step, zero_grad, state_dict, load_state_dict; it must make"),
    ],
)
def test_what_could_not_be_trained_or_interrupted_is_refused(opt, sentence, batch):
    with pytest.raises(RepdynError, match=sentence):
        trial.take_step(network(), batch[0], *settings_of(opt))
        trial.interrupt(network(), batch[0], *settings_of(opt))


def test_a_trial_leaves_the_model_and_random_numbers_as_they_were(batch):
    model = network()
    before, random = deepcopy(model.state_dict()), torch.get_rng_state()
    trial.interrupt(model, batch[0], *settings_of("sam"))
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random)


def test_parameters_that_an_optimizer_leaves_out_are_named(batch, caplog):
    with caplog.at_level("WARNING", logger="repdyn"):
        trial.take_step(network(), batch[0], *settings_of("only_the_head"))
    assert "leaves 4 of 6 tensors as they are: 0.weight" in caplog.text


def test_gradients_of_what_is_left_out_do_not_add_up_in_the_clipped_norm(batch):
    ends = []
    for count in (1, 2):
        model = network().eval()
        step = stepper(model, "only_the_head", lr=1e-30, training={"clip_norm": 1.0})
        for _ in range(count):
            step(*batch)
        ends.append(torch.cat([p.grad.flatten() for p in model.parameters()]))
    assert torch.equal(*ends)


# ---- weights that are measured, and weights that are trained


def test_what_is_measured_and_kept_is_the_mean_of_a_schedule_free_run(make_job, config):
    config["training"] |= {"epochs": 3}
    config["checkpoints"] = {"schedule": "explicit", "epochs": [1, 2, 3]}
    config["optimizers"]["sgd"] = entry("ScheduleFree", lr=0.3)
    job = make_job("train", config, "vit")
    train_stage.main(job)
    examples = subsets.load(job.study.data, job.data_root, 0)
    split = trainer.Split.of(examples.test, torch.device("cpu"))
    model = architectures.build(job.study.archs["vit"], datasets.inputs(job.study.data), examples.classes, seed=0)
    history = pd.read_parquet(job.paths.history(job.run.path)).set_index("step")
    for step in (4, 8, 12):
        checkpoints.load(job.paths.checkpoint(job.run.path, step), model)
        assert trainer.evaluate(model, split)[0] == history.test_loss[step]


def test_the_measured_weights_are_the_mean_and_measuring_leaves_no_trace(batch):
    model = network().eval()
    step = stepper(model, "ScheduleFree", lr=0.3)
    for _ in range(5):
        step(*batch)
    trained = [p.detach().clone() for p in model.parameters()]
    with step.measuring():
        measured = [p.detach().clone() for p in model.parameters()]
    assert all(torch.equal(p, before) for p, before in zip(model.parameters(), trained, strict=True)), "to the bit"
    for p, y, x in zip(model.parameters(), trained, measured, strict=True):
        z = step.optimizer.state[p]["z"]
        torch.testing.assert_close(y, 0.9 * x + 0.1 * z)
        assert not torch.equal(x, y)


def test_how_often_a_run_is_measured_changes_none_of_its_weights(make_job, config):
    config["training"] |= {"epochs": 4}
    config["optimizers"]["sgd"] = entry("ScheduleFree")
    ends = []
    for name, density in (("often", None), ("rarely", 1)):
        config["training"]["evaluations_per_decade"] = density
        job = make_job("train", config | {"name": name}, "vit")
        train_stage.main(job)
        ends.append(list(job_weights(job)))
    assert all(torch.equal(one, other) for one, other in zip(*ends, strict=True))


def job_weights(job):
    last = max(Path(job.paths.checkpoint(job.run.path, 0)).parent.iterdir(), key=lambda p: int(p.stem.split("=")[1]))
    return checkpoints.read(last).values()


# ---- closures


def test_lbfgs_takes_the_steps_of_torch_s_own_loop(batch):
    ours, theirs = network().eval(), network().eval()
    step = stepper(ours, "torch.optim:LBFGS", lr=0.5)
    optimizer = torch.optim.LBFGS(theirs.parameters(), lr=0.5)

    def closure():
        optimizer.zero_grad()
        loss = F.cross_entropy(theirs(batch[0]), batch[1])
        loss.backward()
        return loss

    losses = [(step(*batch).item(), optimizer.step(closure).item()) for _ in range(3)]
    assert [one for one, _ in losses] == [other for _, other in losses]
    assert losses[-1] < losses[0]


def test_sharpness_aware_minimization_descends_by_the_clipped_gradient_found_uphill(batch):
    ours, theirs = network().eval(), network().eval()
    loss = stepper(ours, "sam", momentum=0.0, training={"clip_norm": 0.5})(*batch)

    def gradient():
        theirs.zero_grad()
        loss = F.cross_entropy(theirs(batch[0]), batch[1])
        loss.backward()
        nn.utils.clip_grad_norm_(theirs.parameters(), 0.5)
        return loss.item(), [p.grad.clone() for p in theirs.parameters()]

    first, uphill = gradient()
    assert loss.item() == first
    norm = torch.stack([g.norm() for g in uphill]).norm()
    start = [p.detach().clone() for p in theirs.parameters()]
    with torch.no_grad():
        for p, g in zip(theirs.parameters(), uphill, strict=True):
            p.add_(0.05 * g / norm)
    _, there = gradient()
    for p, before, g in zip(ours.parameters(), start, there, strict=True):
        torch.testing.assert_close(p, before - 0.01 * g)


@pytest.mark.parametrize(
    ("opt", "expected"),
    [
        ("torch.optim:LBFGS", True),  # by its signature
        ("sam", True),  # for it fails without
        ("ScheduleFree", False),
        ("torch.optim:Adam", False),
        ("SecondOrder", False),
        ("TwoOptimizers", False),  # has no such parameter
        ("adahessian", False),
    ],
)
def test_a_closure_is_given_to_those_that_need_one(opt, expected):
    model = network()
    before = deepcopy(model.state_dict())
    settings = optimizer_of(opt)
    assert optimizers.needs_closure(optimizers.create(model, settings), model, settings) is expected
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())


@pytest.mark.parametrize(("opt", "why"), [("sam", "computes its gradients anew"), ("adahessian", "differentiates its")])
def test_scaled_losses_and_several_gradients_a_step_do_not_go_together(opt, why, batch):
    with pytest.raises(RepdynError, match=f"{why}.*precision: float16`; use bfloat16 or float32"):
        trial.take_step(network(), batch[0], *settings_of(opt, training={"precision": "float16"}))


# ---- arguments


def test_a_function_of_the_model_divides_the_parameters_itself():
    groups = optimizers.create(network(), optimizer_of("two_groups", weight_decay=0.1)).param_groups
    assert [(len(group["params"]), group["lr"], group["weight_decay"]) for group in groups] == [
        (2, 0.01, 0.1),
        (4, 0.001, 0.01),  # AdamW's own
    ]


def test_all_parameters_are_one_group_in_the_model_s_order_where_none_is_decayed_more_than_others():
    model = network()
    (group,) = optimizers.create(model, optimizer_of("Plain")).param_groups
    assert [id(p) for p in group["params"]] == [id(p) for p in model.parameters()]
    assert group["weight_decay"] == 0.0
    (group,) = optimizers.create(model, optimizer_of("torch.optim:AdamW", kwargs={"weight_decay": 0.3})).param_groups
    assert group["weight_decay"] == 0.3


@pytest.mark.parametrize(
    ("opt", "changes", "sentence"),
    [
        (
            "without_decay",
            {"weight_decay": 0.1},
            "`weight_decay` is 0.1, but `own_optimizers:without_decay`, which takes",
        ),
        ("torch.optim:AdamW", {"weight_decay": 0.1, "kwargs": {"weight_decay": 0.2}}, "give one of them"),
        ("torch.optim:LBFGS", {"weight_decay": 0.1}, "LBFGS doesn't support per-parameter options"),
        ("Plain", {"kwargs": {"speed": 1}}, "cannot be created with kwargs {'speed': 1}: TypeError"),
    ],
)
def test_arguments_that_would_have_no_effect_are_refused(opt, changes, sentence):
    with pytest.raises(RepdynError, match=sentence):
        optimizers.create(network(), optimizer_of(opt, **changes))


# ---- numbers of other kinds


class Complex(nn.Module):
    """A linear layer of complex weights, observed by the size of what it gives."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.weight = nn.Parameter(torch.randn(64, 3, dtype=torch.complex64) / 8)

    def forward(self, images):
        return (images.flatten(1).to(torch.complex64) @ self.weight).abs()


@pytest.mark.parametrize("opt", ["momentum", "adam", "adamw"])
def test_complex_weights_are_trained(opt, batch):
    model = Complex()
    trial.interrupt(model, batch[0], *settings_of(opt))
    step = stepper(model, opt)
    losses = [step(*batch).item() for _ in range(10)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("kwargs", [{"foreach": True}, {"differentiable": True}])
def test_another_way_of_computing_than_one_kernel_for_all_can_be_asked_for(kwargs):
    group = optimizers.create(network(), optimizer_of("adam", kwargs=kwargs)).param_groups[0]
    assert not group["fused"]
    assert kwargs.items() <= group.items()


def test_attention_is_differentiated_twice(config):
    config["optimizers"] = {"sgd": {"opt": "adahessian", "lr": 0.01}}
    study = studies.parse(config)
    optimizer = study.optimizer(study.run("vit", "sgd", 0))
    model = architectures.build(study.archs["vit"], Inputs((1, 8, 8)), 10, seed=0)
    step = stepping.Stepper(model, study.training, optimizer, torch.device("cpu"), steps_per_epoch=4)
    images = torch.randn(4, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    losses = [step(images, torch.arange(4)).item() for _ in range(5)]
    assert losses[-1] < losses[0]


def test_weights_that_the_last_step_makes_nan_are_neither_measured_nor_saved(make_job, config):
    config["training"]["epochs"] = 2
    config["checkpoints"] = {"schedule": "explicit", "epochs": [1, 2]}
    config["optimizers"]["sgd"] = entry("NotANumberInTheEnd")
    job = make_job("train", config, "vit")
    with pytest.raises(RepdynError, match=r"The weights are NaN or infinite after step 8 \(epoch 2.00\)"):
        train_stage.main(job)
    assert not Path(job.paths.history(job.run.path)).exists()
    assert {path.name for path in Path(job.paths.state(job.run.path)).glob("*/step=*")} == {
        "step=0.safetensors",
        "step=4.safetensors",
    }
