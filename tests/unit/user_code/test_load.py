"""One's own model and optimizer, by import path, from a module file beside a config; and what editing them reruns."""

import sys

import pandas as pd
import pytest
import torch
import yaml
from commands import RUN, run

from repdyn.config import study as studies
from repdyn.config.sections import Architecture, Optimizer
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.pipeline import jobs
from repdyn.training import optimizers
from repdyn.types import Inputs
from repdyn.user_code import load
from repdyn.user_code.digests import digest

MODULE = """
import torch
from torch import nn

from helpers import hidden


class MyNet(nn.Sequential):
    def __init__(self, in_chans, num_classes, img_size, width=8):
        first, last = nn.Linear(in_chans * img_size**2, width), nn.Linear(width, num_classes)
        super().__init__(nn.Flatten(), first, nn.ReLU(), *hidden(width), last)


class MySgd(torch.optim.SGD):
    def __init__(self, params, lr, momentum):
        super().__init__(params, lr=lr, momentum=momentum, nesterov=True)


NUMBER = 3


def number():
    return NUMBER


def broken():
    return {}["key"]
"""
HELPERS = """
from torch import nn


def hidden(width):
    return [nn.Linear(width, width), nn.ReLU()]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch, config):
    """A study whose model and optimizer lie beside its config."""
    (tmp_path / "mine.py").write_text(MODULE, encoding="utf-8")
    (tmp_path / "helpers.py").write_text(HELPERS, encoding="utf-8")
    config["archs"]["vit"] = {"model": "mine:MyNet", "kwargs": {"width": 12}}
    config["optimizers"]["sgd"] = {"opt": "mine:MySgd", "lr": 0.05}
    config["training"]["epochs"] = 12
    (tmp_path / "study.yaml").write_text(yaml.safe_dump(config), encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("mine", "helpers"):
        sys.modules.pop(name, None)


def test_a_model_and_an_optimizer_beside_the_config_are_trained(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    study = folder / "study.yaml"
    checked = run("check", "--study", study, folder=elsewhere)
    assert checked.returncode == 0
    assert checked.stderr.count("\n") == checked.stderr.count("is left out") == 1
    shown = run("layers", "--study", study, folder=elsewhere)
    assert shown.returncode == 0, shown.stderr
    assert "vit: mine:MyNet, 1,066 parameters, images of 1 × 8 × 8" in shown.stdout
    assert [line.split()[1:5] for line in shown.stdout.splitlines()[-3:-1]] == [
        ["2", "stem", "ReLU", "12"],
        ["4", "body", "ReLU", "12"],
    ]
    trained = run("train", "--study", study, *RUN, folder=elsewhere)
    assert trained.returncode == 0, trained.stderr
    history = pd.read_parquet(next(elsewhere.rglob("history.parquet")))
    assert history.train_loss.iloc[-1] < 0.9 * history.train_loss.iloc[0]


def test_code_lies_where_the_command_says_or_in_the_working_directory(folder, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (folder / "study.yaml").rename(elsewhere / "study.yaml")
    lost = run("check", "--study", elsewhere / "study.yaml", folder=elsewhere)
    assert "there is no module `mine` among the installed packages, beside the study's config or in the" in lost.stderr
    for where, code in ((elsewhere, ("--code", elsewhere, "--code", folder)), (folder, ())):
        checked = run("check", "--study", elsewhere / "study.yaml", *code, folder=where)
        assert checked.returncode == 0
        assert checked.stderr.count("\n") == checked.stderr.count("is left out") == 1


def test_a_model_that_is_called_like_a_module_of_python_s_is_refused_before_anything_runs(folder):
    (folder / "random.py").write_text("class Net: ...\n", encoding="utf-8")
    study = folder / "study.yaml"
    study.write_text(study.read_text(encoding="utf-8").replace("mine:MyNet", "random:Net"), encoding="utf-8")
    checked = run("check", "--study", study, folder=folder.parent)
    assert checked.returncode == 1
    assert f"`{folder / 'random.py'}` is called like a module of Python's own" in checked.stderr
    assert checked.stderr.count("\n") == 1


@pytest.mark.usefixtures("folder")
def test_a_model_of_one_s_own_is_told_what_the_data_decide():
    settings = Architecture(model="mine:MyNet", kwargs={"width": 5})
    model = architectures.build(settings, Inputs((3, 4, 4)), 7, 0)
    assert (model[1].in_features, model[1].out_features, model[-1].out_features) == (48, 5, 7)


@pytest.mark.usefixtures("folder")
def test_an_optimizer_of_one_s_own_decays_matrices_only():
    settings = Optimizer(opt="mine:MySgd", lr=0.1, momentum=0.8, weight_decay=0.01)
    model = torch.nn.Linear(3, 2)
    groups = optimizers.create(model, settings).param_groups
    assert {group["weight_decay"]: [p.shape for p in group["params"]] for group in groups} == {
        0.0: [model.bias.shape],
        0.01: [model.weight.shape],
    }
    assert all((group["lr"], group["momentum"]) == (0.1, 0.8) for group in groups)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("mine:MyNot", "`mine:MyNot`: `mine` has no `MyNot`; it has, for example, MyNet"),
        ("mien:MyNet", "there is no module `mien` among the installed packages, beside the study's config or in the"),
        ("mine.models:MyNet", "`mine.models:MyNet`: `mine.models` cannot be imported|there is no module `mine.models`"),
        ("mine:NUMBER", "`mine:NUMBER` is int, but must be a class or a function"),
        ("mine:", "`mine:` is no import path; write `package.module:Name`"),
        ("mine:broken", r"`mine:broken` cannot be built with kwargs {}: KeyError: 'key' \(.*mine.py, line \d+\)"),
        ("mine:hidden", "cannot be built with kwargs {}: TypeError: hidden.. missing 1 required positional argument"),
        ("mine:number", "`mine:number` makes a int, but must make a torch.nn.Module"),
    ],
)
def test_what_is_wrong_with_an_import_path_is_one_sentence(path, sentence):
    with pytest.raises(RepdynError, match=sentence) as raised:
        architectures.build(Architecture(model=path), Inputs((1, 8, 8)), 10, 0)
    assert "\n" not in str(raised.value)


def test_code_that_is_not_python_is_named_with_its_line(folder):
    (folder / "slip.py").write_text("x = 1\ndef f(:\n    pass\n", encoding="utf-8")
    with pytest.raises(RepdynError, match=r"`slip` cannot be imported: SyntaxError: .* \(.*slip.py, line 2\)"):
        load.load("slip:f")
    assert digest("slip:f") != digest("mine:MyNet")


@pytest.mark.parametrize(
    ("file", "old", "new", "changes"),
    [
        ("mine.py", "width=8", "width=9", True),
        ("helpers.py", "nn.ReLU()", "nn.Tanh()", True),
        ("mine.py", "NUMBER = 3", "NUMBER = 3  # a remark", False),
    ],
)
def test_an_edit_that_means_something_retrains_what_uses_it_and_nothing_else(folder, file, old, new, changes):
    study = studies.load(folder / "study.yaml")

    def digests(arch, optimizer="adam"):
        digest.cache_clear()
        run = study.run(arch, optimizer, 0)
        return {
            stage: jobs.fingerprint(study, stage, run)["code"] for stage in ("train", "activations", "regions", "cka")
        }

    before, others, own = digests("vit"), digests("resnet"), digests("resnet", "sgd")
    text = (folder / file).read_text(encoding="utf-8")
    assert old in text
    (folder / file).write_text(text.replace(old, new), encoding="utf-8")
    changed = {stage for stage, found in digests("vit").items() if found != before[stage]}
    assert changed == ({"train", "activations", "regions"} if changes else set())
    assert digests("resnet") == others
    assert {stage for stage, found in digests("resnet", "sgd").items() if found != own[stage]} == (
        {"train"} if changes else set()
    )
