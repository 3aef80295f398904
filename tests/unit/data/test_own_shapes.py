"""Rectangles, signals, vectors, any number of channels and tokens are trained on and measured, stage by stage."""

import importlib

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from repdyn.catalogue.paths import Paths
from repdyn.config import study as studies
from repdyn.config.sections import Augmentation
from repdyn.data import augmentation, datasets, loader, numbers
from repdyn.errors import RepdynError
from repdyn.pipeline.jobs import Job
from repdyn.planning import check, plan

CPU = torch.device("cpu")
SHAPES = {
    "rectangle": (1, 6, 10),
    "two channels": (2, 8, 8),
    "five channels": (5, 6, 8),
    "signal": (2, 40),
    "vector": (12,),
    "tokens": (7,),
}


def load(kind):
    """Three well separated classes of inputs: bytes, floats or tokens."""
    random, shape = np.random.default_rng(0), SHAPES[kind]
    labels = np.arange(120) % 3
    x = 2 * random.normal(size=(3, *shape))[labels] + random.normal(size=(120, *shape))
    if kind in ("rectangle", "five channels"):
        x = np.clip(30 * x + 128, 0, 255).astype(np.uint8)
    if kind == "tokens":
        x = np.clip(2 * x + 10, 0, 20).astype(int)
    return {"train": (x[:80], labels[:80]), "test": (x[80:], labels[80:])}


class Plain(nn.Sequential):
    def __init__(self, input_shape, num_classes):
        super().__init__(nn.Flatten(), nn.Linear(int(np.prod(input_shape)), 16), nn.ReLU(), nn.Linear(16, num_classes))


class Signals(nn.Sequential):
    def __init__(self, in_chans, num_classes):
        super().__init__(
            nn.Conv1d(in_chans, 8, 5, 2), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten(), nn.Linear(32, num_classes)
        )


class Tokens(nn.Module):
    def __init__(self, vocab_size, num_classes):
        super().__init__()
        self.embedding, self.head = nn.Embedding(vocab_size, 16), nn.Linear(7 * 16, num_classes)

    def forward(self, tokens):
        return self.head(self.embedding(tokens).flatten(1))


ARCHS = {
    "signal": {"model": f"{__name__}:Signals", "layers": ["0"]},
    "vector": {"model": f"{__name__}:Plain", "layers": ["1"]},
    "tokens": {"model": f"{__name__}:Tokens", "layers": ["embedding"]},
}


@pytest.fixture
def make(config, tmp_path):
    def study_of(kind, **sections):
        arch = ARCHS.get(kind, config["archs"]["resnet"])
        data = {"dataset": f"{__name__}:load", "kwargs": {"kind": kind}}
        own = {
            "name": "mine", "data": data, "archs": {"net": arch},
            "optimizers": {"sgd": {"opt": "momentum", "lr": 0.02}},
            "activations": {"similarity_examples": 40}, "execution": {"data_root": str(tmp_path)},
        }  # fmt: skip
        return datasets.settled(studies.parse(config | own | sections))

    return study_of


@pytest.mark.parametrize("kind", SHAPES)
def test_inputs_of_any_shape_are_trained_on_and_measured(kind, make, tmp_path):
    study = make(kind)
    can_be_mixed = datasets.source(study.data).can_be_mixed
    stages = ["examples", "train", "activations", "cka", *(["planes", "probes", "regions"] if can_be_mixed else [])]
    run, paths = study.run("net", "sgd", 0), Paths(str(tmp_path / "mine"))
    for stage in stages:
        of = study.replicate(0) if stage in ("examples", "planes") else run
        importlib.import_module(f"repdyn.stages.{stage}").main(Job(stage, study, paths, of))
    history = pd.read_parquet(paths.history(run.path))
    assert history["test_accuracy"].iloc[-1] > 0.8
    cka = pd.read_parquet(paths.cka(run.path))
    assert cka["cka"].between(0, 1 + 1e-9).all() and (cka["cka"] < 1 - 1e-6).any()
    assert cka["cka_deconfounded"].notna().any()
    if can_be_mixed:
        similarity = pd.read_parquet(paths.region_similarity(run.path))
        assert similarity["similarity"].between(0, 1).all()


@pytest.mark.parametrize("kind", ["rectangle", "five channels", "signal", "vector"])
def test_a_study_of_any_shape_passes_the_check_and_can_be_planned(kind, make):
    study = make(kind)
    check.main(study)
    assert min(plan.of(study).checkpoints) > 2


def test_networks_for_images_and_augmentation_are_refused_for_what_are_no_images(make, config):
    for kind, sentence in (("signal", "numbers of 2 × 40"), ("tokens", "tokens of 7")):
        with pytest.raises(RepdynError, match=f"`archs.net`: `resnet18` takes images, but the examples are {sentence}"):
            check.main(make(kind, archs={"net": config["archs"]["resnet"]}))
    augmented = config["training"] | {"augmentation": {"padding": 1}}
    with pytest.raises(RepdynError, match=r"`training.augmentation` is for images, but `.*` has numbers of 12"):
        study = make("vector", training=augmented)
        check.check_examples(study, study.data)
    study = make("five channels", training=augmented)
    check.check_examples(study, study.data)


def test_augmentation_moves_rectangles_of_five_channels():
    images = torch.arange(2 * 5 * 4 * 6, dtype=torch.float32).reshape(2, 5, 4, 6)
    augment = augmentation.Augmenter(Augmentation(padding=1, flip=False), torch.zeros(5), 2)
    augment.draw(torch.Generator().manual_seed(0))
    moved = augment(images, torch.arange(2))
    assert moved.shape == images.shape and not torch.equal(moved, images)


@pytest.mark.parametrize("standardised", [False, True])
def test_batches_of_numbers_have_the_bits_of_the_numbers_themselves(standardised):
    stored = np.random.default_rng(0).normal(3, 2, size=(50, 2, 7)).astype(np.float32)
    index = np.random.default_rng(1).permutation(50)[:31]
    found = numbers.Numbers(stored, index, numbers.Scale.of(stored, index) if standardised else None)
    batches = list(loader.Feed(found, CPU).batches(8))
    assert [len(batch) for batch in batches] == [8, 8, 8, 7]
    np.testing.assert_array_equal(torch.cat(batches).numpy(), found[:])
    order = torch.randperm(31, generator=torch.Generator().manual_seed(0))
    shuffled = torch.cat(list(loader.Feed(found, CPU).batches(8, order)))
    np.testing.assert_array_equal(shuffled.numpy(), found[order.numpy()])
    np.testing.assert_array_equal(np.asarray(found.subset([3, 1])), found[[3, 1]])
    if standardised:
        np.testing.assert_allclose(found[:].mean(axis=(0, 2)), 0, atol=1e-5)


def test_batches_of_tokens_are_int64_however_they_are_stored():
    stored = np.random.default_rng(0).integers(0, 200, size=(50, 7)).astype(np.uint8)
    batch = next(loader.Feed(numbers.Numbers(stored, np.arange(20)), CPU).batches(20))
    assert batch.dtype == torch.int64
    np.testing.assert_array_equal(batch.numpy(), stored[:20])
