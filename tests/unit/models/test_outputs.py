"""Networks whose forward returns more than logits, or something else."""

from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.config.sections import Architecture
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.models.outputs import found
from repdyn.pipeline import jobs
from repdyn.planning import check
from repdyn.representations import extract
from repdyn.types import Inputs

INPUTS = Inputs((1, 8, 8))
WithAuxiliary = namedtuple("WithAuxiliary", "logits auxiliary")  # as torchvision's Inception in training


class Plain(nn.Module):
    """Logits and hidden activations, in whatever a subclass makes of them."""

    def __init__(self, in_chans, num_classes, img_size):
        super().__init__()
        self.hidden, self.head = nn.Linear(in_chans * img_size**2, 8), nn.Linear(8, num_classes)

    def forward(self, images):
        hidden = torch.tanh(self.hidden(images.flatten(1)))
        return self.given(self.head(hidden), hidden)

    def given(self, logits, _hidden):
        return logits


class Dictionary(Plain):
    def given(self, logits, hidden):
        return {"hidden_states": hidden, "logits": logits}


class ModelOutput(OrderedDict):
    """As in Hugging Face: a mapping whose items are attributes, too."""


class HuggingFace(Plain):
    def given(self, logits, _hidden):
        return ModelOutput(loss=None, logits=logits)


class Object(Plain):
    def given(self, logits, hidden):
        return SimpleNamespace(logits=logits, hidden=hidden)


class OnlyWhileTraining(Plain):
    def given(self, logits, hidden):
        return WithAuxiliary(logits, hidden) if self.training else logits


class Pair(Plain):
    def given(self, logits, hidden):
        return hidden, logits


class WithoutLogits(Plain):
    def given(self, logits, hidden):
        return {"last_hidden_state": hidden, "pooler_output": logits}


def second(output):
    return output[1]


def pooler(output):
    return output["pooler_output"]


def third(output):
    return output[2]


def not_a_tensor(output):
    return [output]


def build(model, logits=None):
    settings = Architecture(model=f"{__name__}:{model}", logits=logits and f"{__name__}:{logits}")
    return architectures.build(settings, INPUTS, 10, seed=0)


OTHERS = [
    ("Dictionary", None),
    ("HuggingFace", None),
    ("Object", None),
    ("OnlyWhileTraining", None),
    ("Pair", "second"),
    ("WithoutLogits", "pooler"),
]


@pytest.mark.parametrize(("model", "logits"), OTHERS)
@pytest.mark.parametrize("training", [True, False])
def test_a_network_that_returns_more_gives_the_logits_of_one_that_returns_them(model, logits, training):
    plain, other = build("Plain").train(training), build(model, logits).train(training)
    images = INPUTS.sample(3, seed=1)
    assert torch.equal(other(images), plain(images))
    assert other.state_dict().keys() == plain.state_dict().keys()


def test_an_observer_of_the_whole_network_sees_the_logits():
    model, images = build("Dictionary").eval(), INPUTS.sample(3, seed=1).numpy()
    seen = extract.forward(model, {"hidden": "hidden", "output": ""}, images, torch.device("cpu"))
    assert torch.equal(seen["output"], model(torch.from_numpy(images)))


@pytest.mark.parametrize(("model", "logits"), OTHERS)
def test_a_study_of_such_a_network_passes_the_check(config, model, logits):
    arch = {"model": f"{__name__}:{model}", "layers": ["hidden", "head"]}
    config["archs"] = {"mine": arch if logits is None else arch | {"logits": f"{__name__}:{logits}"}}
    check.main(studies.parse(config))


@pytest.mark.parametrize(
    ("model", "logits", "sentence"),
    [
        ("Pair", None, "the model returns a tuple of Tensor, Tensor, but must return a tensor of logits, or hold one"),
        ("WithoutLogits", None, 'a dict of last_hidden_state, pooler_output, but .* `logits: "my_code:logits"`'),
        ("Pair", "third", "`logits`: `.*:third` failed on what the model returns, a tuple of .*: IndexError"),
        ("Pair", "not_a_tensor", "`logits`: `.*:not_a_tensor` returns a list of tuple, but must return a tensor"),
        ("Plain", "nothing", "has no `nothing`"),
    ],
)
def test_a_network_whose_logits_are_not_found_is_refused(config, model, logits, sentence):
    arch = {"model": f"{__name__}:{model}", "layers": ["hidden", "head"]}
    config["archs"] = {"mine": arch if logits is None else arch | {"logits": f"{__name__}:{logits}"}}
    with pytest.raises(RepdynError, match=f"`archs.mine`: .*{sentence}"):
        check.main(studies.parse(config))


def test_a_function_without_a_module_is_refused(config):
    config["archs"]["resnet"]["logits"] = "logits"
    with pytest.raises(RepdynError, match=r"`archs.resnet.logits`: 'logits' is no import path; write `my_code:logits`"):
        studies.parse(config)


def test_a_network_for_examples_without_classes_may_return_anything():
    settings = Architecture(model=f"{__name__}:WithoutLogits", kwargs={"num_classes": 3})
    model = architectures.build(settings, INPUTS, None, seed=0)
    assert set(model(INPUTS.sample(2, seed=0))) == {"last_hidden_state", "pooler_output"}


def test_a_network_that_asks_for_classes_where_there_are_none_is_told_to_say_its_outputs():
    settings = Architecture(model=f"{__name__}:Plain", layers=["hidden"])
    with pytest.raises(RepdynError, match="takes `num_classes`, and the data have no classes; say in `kwargs` how"):
        architectures.build(settings, INPUTS, None, seed=0)
    said = settings.model_copy(update={"kwargs": {"num_classes": 3}})
    assert architectures.build(said, INPUTS, None, seed=0)(torch.zeros(2, 1, 8, 8)).shape == (2, 3)


@pytest.mark.parametrize("output", [{"logits": None}, {}, (), None, 3])
def test_what_holds_no_tensor_called_logits_holds_none(output):
    with pytest.raises(RepdynError, match="the model returns a"):
        found(output)


def test_the_function_is_code_that_decides_reruns_and_settings_without_it_are_as_they_were(config):
    study = studies.parse(config)
    run = study.run("vit", "sgd", 0)
    assert "logits" not in study.hyperparameters("train", run)["arch"]
    config["archs"]["vit"]["logits"] = f"{__name__}:second"
    changed = studies.parse(config)
    for stage in ("train", "activations", "regions"):
        assert jobs.import_paths(changed, stage, run)[:1] == [f"{__name__}:second"]
        assert changed.hyperparameters(stage, run)["arch"]["logits"] == f"{__name__}:second"
