"""Networks whose layers have examples in another dimension than the first, as torch's transformers by default."""

import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.config.sections import Architecture, Reduction
from repdyn.errors import RepdynError
from repdyn.models import architectures, observation
from repdyn.models.pooling import Reducer
from repdyn.pipeline import jobs
from repdyn.planning import check
from repdyn.representations import extract
from repdyn.types import Inputs

INPUTS = Inputs((1, 8, 8))
TOKENS, WIDTH = 4, 6
CPU = torch.device("cpu")


class Rows(nn.Module):
    """An encoder of four tokens, (tokens, examples, channels) inside, or (examples, tokens, channels)."""

    def __init__(self, in_chans, num_classes, img_size, batch_first=False):
        super().__init__()
        self.batch_first = batch_first
        self.embed = nn.Linear(in_chans * img_size**2 // TOKENS, WIDTH)
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(WIDTH, 2, 8, dropout=0.0, batch_first=batch_first) for _ in range(2)
        )
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, images):
        tokens = self.embed(images.reshape(len(images), TOKENS, -1))
        tokens = tokens if self.batch_first else tokens.transpose(0, 1)
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(tokens.mean(1 if self.batch_first else 0))


def arch(batch_first=False, layers=("blocks.*",), **settings):
    return {"model": f"{__name__}:Rows", "kwargs": {"batch_first": batch_first}, "layers": list(layers), **settings}


def seen(settings, images, **reduction):
    model = architectures.build(settings, INPUTS, 10, seed=0).eval()
    reduce = Reducer(Reduction(**reduction), model, settings.batch_dimension)
    found = observation.observe(settings, Reduction(**reduction), INPUTS, 10, settings.layers)
    activations = extract.forward(model, found.paths | {"output": ""}, images, CPU, reduce)
    assert {layer.name: layer.features for layer in found.layers} == {
        name: values.shape[1] for name, values in activations.items() if name != "output"
    }
    return activations


@pytest.mark.parametrize("reduction", [{}, {"tokens": "mean"}])
def test_a_layer_gives_the_same_wherever_its_examples_are(reduction):
    images = INPUTS.sample(5, seed=0).numpy()
    first = seen(Architecture(**arch(batch_first=True)), images, **reduction)
    second = seen(Architecture(**arch(batch_dimension=1)), images, **reduction)
    assert first.keys() == second.keys() == {"blocks.0", "blocks.1", "output"}
    for layer, expected in first.items():
        torch.testing.assert_close(second[layer], expected, msg=layer)


def test_such_a_network_passes_the_check_and_one_that_does_not_say_so_is_told_what_to_write(config):
    config["archs"] = {"mine": arch(batch_dimension=1)}
    check.main(studies.parse(config))
    config["archs"] = {"mine": arch()}
    sentence = (
        r"`archs.mine`: `layers`: blocks.0 gives \(4, 2, 6\) for a batch of 2 images, but its first dimension must be "
        "that of the images, with numbers for each; if these are in dimension 1, write it as `batch_dimension`"
    )
    with pytest.raises(RepdynError, match=sentence):
        check.main(studies.parse(config))


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_a_dimension_in_which_examples_are_not_is_refused(config, dimension):
    config["archs"] = {"mine": arch(batch_first=True, batch_dimension=dimension)}
    sentence = rf"its dimension {dimension} \(`batch_dimension`\) must be that of the images.*dimension 0, write"
    with pytest.raises(RepdynError, match=sentence):
        check.main(studies.parse(config))


def test_as_many_tokens_as_images_do_not_hide_that_examples_are_elsewhere(config, monkeypatch):
    monkeypatch.setattr(f"{__name__}.TOKENS", 2)
    config["archs"] = {"mine": arch()}
    with pytest.raises(RepdynError, match="say in which: `batch_dimension`"):
        check.main(studies.parse(config))


def test_the_dimension_decides_how_a_run_is_observed_also_while_it_trains(config):
    study = studies.parse(config)
    config["archs"]["vit"]["batch_dimension"] = 1
    changed = studies.parse(config)
    run, other = study.run("vit", "sgd", 0), study.run("resnet", "sgd", 0)

    def reruns(stage, of):
        return jobs.fingerprint(study, stage, of) != jobs.fingerprint(changed, stage, of)

    assert reruns("train", run)  # which measures the change of layers
    assert not reruns("train", other) and not reruns("activations", other)
    assert reruns("activations", run)
    assert reruns("findings", None)
    assert "batch_dimension" not in study.hyperparameters("findings")["archs"]["vit"]  # 0 goes without saying
    assert changed.hyperparameters("findings")["archs"]["vit"]["batch_dimension"] == 1
