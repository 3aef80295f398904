"""Models of one's own that would fail only in training, or in the stages after it, are refused before."""

import numpy as np
import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.errors import RepdynError
from repdyn.planning import check


class Net(nn.Module):
    def __init__(self, in_chans, num_classes, img_size):
        super().__init__()
        self.first, self.last = nn.Linear(in_chans * img_size**2, 8), nn.Linear(8, num_classes)
        self.relu, self.between = nn.ReLU(), nn.Identity()

    def forward(self, images):
        return self.last(self.relu(self.between(self.first(images.flatten(1)))))


class OtherWhenMeasured(Net):
    def forward(self, images):
        logits = super().forward(images)
        return logits if self.training else logits[:, :5]


class SkipsWhenMeasured(Net):
    def forward(self, images):
        hidden = self.first(images.flatten(1))
        return self.last(self.between(hidden) if self.training else hidden)


class NotANumber(Net):
    def forward(self, images):
        return super().forward(images) * float("nan")


class Integers(Net):
    def forward(self, images):
        return super().forward(images).long()


class Detached(Net):
    def forward(self, images):
        return super().forward(images).detach()


class Mean(nn.Module):
    def forward(self, hidden):
        return hidden.mean()


class Sideways(nn.Module):
    def forward(self, hidden):
        return hidden.T


class Dictionary(nn.Module):
    def forward(self, hidden):
        return {"hidden": hidden}


class Between(Net):
    def __init__(self, kind, **known):
        super().__init__(**known)
        self.between = kind()

    def forward(self, images):
        hidden = self.first(images.flatten(1))
        self.between(hidden)
        return self.last(hidden)


def scalar(in_chans, num_classes, img_size):
    return Between(Mean, in_chans=in_chans, num_classes=num_classes, img_size=img_size)


def sideways(in_chans, num_classes, img_size):
    return Between(Sideways, in_chans=in_chans, num_classes=num_classes, img_size=img_size)


def dictionary(in_chans, num_classes, img_size):
    return Between(Dictionary, in_chans=in_chans, num_classes=num_classes, img_size=img_size)


def study_of(config, model):
    config["archs"] = {"mine": {"model": f"{__name__}:{model}", "layers": ["first", "between"]}}
    return studies.parse(config)


def test_no_optimizer_is_blamed_for_what_another_made_of_the_network(config):
    # One step of the first leaves finite weights with which any second step is NaN.
    config["optimizers"] = {"rash": {"opt": "momentum", "lr": 1e30}, "sgd": {"opt": "momentum", "lr": 0.05}}
    check.main(studies.parse(config))


def test_patterns_of_whole_layers_name_layers_of_some_architecture(config):
    config["activations"]["whole"] = ["layer1.*", "blocks.0"]
    check.main(studies.parse(config))
    config["activations"]["whole"] = ["layer1.*", "layer9.*"]
    with pytest.raises(
        RepdynError, match=r"`activations\.whole`: no observed layer is called `layer9\.\*`; there are stem, "
    ):
        check.main(studies.parse(config))


def of_units(X):
    return X.max(axis=0)


def of_means(X):
    return X @ X.T


def of_distances(X):
    squares = np.square(X.astype(np.float64)).sum(axis=1)
    return squares[:, None] + squares - 2 * X @ X.T


@pytest.mark.parametrize("function", [of_units, of_means, of_distances])
def test_own_measures_that_need_units_are_refused_where_layers_are_held_as_coordinates(config, function):
    config["measures"] = [{"name": "mine", "vector": f"{__name__}:{function.__name__}"}]
    check.main(studies.parse(config))  # no layer is wide
    config["activations"] |= {"similarity_examples": 20, "probe_examples": 20}
    few = studies.parse(config)
    if function is of_distances:
        check.main(few)
    else:
        own = rf"`measures\.mine`: `[\w.]+:{function.__name__}`"
        sentence = rf"{own} gives .* for their principal coordinates, as which "
        with pytest.raises(RepdynError, match=sentence):
            check.main(few)
    config["activations"]["whole"] = ["*"]
    check.main(studies.parse(config))


def test_a_model_that_is_right_passes(config):
    random = torch.get_rng_state()
    check.main(study_of(config, "Net"))
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("OtherWhenMeasured", r"`archs.mine`: the model returns \(5,\) numbers an image instead of 10 logits"),
        ("SkipsWhenMeasured", "`archs.mine`: `layers`: between took no part in a forward pass in evaluation mode"),
        ("NotANumber", "`archs.mine`: the untrained model returns NaN or infinite logits"),
        ("Integers", "`archs.mine`: the model returns numbers of type torch.int64"),
        ("Detached", "`optimizers.sgd`: no gradient leads from the model's logits to its parameters"),
        ("scalar", r"`layers`: between gives \(\) for a batch of 2 images"),
        ("sideways", r"`layers`: between gives \(8, 2\) for a batch of 2 images, but its first dimension must be"),
        ("dictionary", "`layers`: between gives a dict, but only tensors can be observed"),
    ],
)
def test_a_model_that_would_fail_later_is_refused(config, model, sentence):
    with pytest.raises(RepdynError, match=sentence):
        check.main(study_of(config, model))


def of_epochs(config, **epochs):
    """A study of recorded runs: optimizer -> the epochs of the checkpoints of each seed."""
    optimizers = {}
    for optimizer, of_seeds in epochs.items():
        found = {
            f"arch={arch}/optimizer={optimizer}/seed={seed}": [
                {"step": 10 * epoch, "epoch": epoch, "file": f"{seed}/{epoch}"} for epoch in of_seed
            ]
            for arch in config["archs"] for seed, of_seed in enumerate(of_seeds)
        }  # fmt: skip
        optimizers[optimizer] = {"recorded": {"path": "{seed}/{epoch}", "steps_per_epoch": 10, "found": found}}
    return studies.parse(config | {"optimizers": optimizers})


@pytest.mark.parametrize(
    "epochs",
    [{"adam": ([0, 1, 2], [8, 16])}, {"adam": ([1, 2], [1, 2]), "sgd": ([8, 16], [8, 16])}],
)
def test_runs_that_figures_put_together_have_epochs_in_common(config, epochs):
    with pytest.raises(RepdynError, match=r"at no common epoch, so they .*, epoch 8 to 16.*; put them into studies of"):
        check.check_checkpoints(of_epochs(config, **epochs))
    check.check_checkpoints(of_epochs(config, adam=([0, 1, 2, 8], [8, 16]), sgd=([1, 7, 8], [8, 9])))
