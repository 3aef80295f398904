from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from repdyn.config import sections
from repdyn.config import study as studies
from repdyn.data import subsets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.models.pooling import Reducer
from repdyn.planning import check
from repdyn.records.activations import ACTIVATIONS
from repdyn.representations import extract
from repdyn.representations.table import Representations
from repdyn.stages import activations as activations_stage
from repdyn.stages import cka as cka_stage
from repdyn.stages import planes as planes_stage
from repdyn.stages import probes as probes_stage
from repdyn.stages import regions as regions_stage
from repdyn.stages import train as train_stage
from repdyn.types import Inputs

DEFAULT = studies.load(Path(__file__).parents[3] / "config.yaml")
PLAIN = torch.nn.Identity()


def reduction(model=PLAIN, pool=None, tokens="all"):
    return Reducer(sections.Reduction(pool=pool, tokens=tokens), model, 0)


def linear_cka(X, Y):
    X, Y = (torch.as_tensor(Z).flatten(1).double() for Z in (X, Y))
    K, L = ((Z - Z.mean(0)) @ (Z - Z.mean(0)).T for Z in (X, Y))
    return ((K * L).sum() / (K.norm() * L.norm())).item()


@pytest.fixture
def random():
    return torch.Generator().manual_seed(0)


def test_on_constant_maps_and_equal_tokens_a_reduction_does_not_change_cka(random):
    X, Y = torch.randn(30, 5, generator=random), torch.randn(30, 7, generator=random)
    maps = [Z[:, :, None, None].expand(-1, -1, 6, 6) for Z in (X, Y)]
    tokens = [Z[:, None, :].expand(-1, 9, -1) for Z in (X, Y)]
    expected = linear_cka(X, Y)
    for reduced in (reduction(pool=1), reduction(pool=4)):
        assert linear_cka(*map(reduced, maps)) == pytest.approx(expected, abs=1e-6)
    assert linear_cka(*map(reduction(tokens="mean"), tokens)) == pytest.approx(expected, abs=1e-6)


def test_pooling_does_not_see_where_something_is():
    model = architectures.build(DEFAULT.archs["resnet"], Inputs((1, 8, 8)), 10, seed=0).eval()
    images = torch.from_numpy(subsets.load(DEFAULT.data, Path("data"), 0).test.inputs[:200])
    places = np.random.default_rng(0).integers(0, 8, size=200)
    moved = torch.stack([image.roll(int(place), dims=2) for image, place in zip(images, places, strict=True)])
    found = {}
    for pool in (None, 4, 1):
        stems = []
        with extract.tap(model, {"stem": "maxpool"}, reduction(pool=pool)) as outputs, torch.inference_mode():
            for seen in (images, moved):
                model(seen)
                stems.append(outputs["stem"])
        found[pool] = linear_cka(*stems)
    # Measured: .15 whole, .13 pooled to 4 × 4, .84 pooled to one number a channel.
    assert found[1] > 0.75
    assert max(found[None], found[4]) < 0.25


def test_pooling_averages_over_areas_of_larger_maps_and_leaves_others(random):
    maps = torch.randn(3, 2, 8, 8, generator=random)
    expected = maps.reshape(3, 2, 4, 2, 4, 2).mean(dim=(3, 5))
    torch.testing.assert_close(reduction(pool=4)(maps), expected)
    assert torch.equal(reduction(pool=8)(maps), maps)
    assert torch.equal(reduction(pool=9)(maps), maps)
    assert torch.equal(reduction()(maps), maps)


SWIN = {"embed_dim": 8, "depths": [1, 1], "num_heads": [2, 2]}
TORCHVISION_SWIN = SWIN | {"patch_size": [4, 4], "window_size": [4, 4]}


@pytest.mark.parametrize(
    ("model", "kwargs"),
    [
        ("swin_tiny_patch4_window7_224", SWIN | {"window_size": 4}),
        ("torchvision.models.swin_transformer:SwinTransformer", TORCHVISION_SWIN),
    ],
)
def test_maps_with_channels_last_are_pooled_over_their_own_axes(model, kwargs, random):
    network = architectures.build(sections.Architecture(model=model, kwargs=kwargs), Inputs((3, 32, 32)), 10, 0)
    maps = torch.randn(2, 8, 8, 16, generator=random)
    torch.testing.assert_close(reduction(network, pool=1)(maps), maps.mean(dim=(1, 2), keepdim=True))


def test_the_mean_is_of_the_patches_and_the_class_token_is_itself_and_a_parameter_before_it_joins(random):
    model = architectures.build(DEFAULT.archs["vit"], Inputs((1, 8, 8)), 10, seed=0)
    joined, embedded = torch.randn(2, 5, 48, generator=random), torch.randn(2, 4, 48, generator=random)
    torch.testing.assert_close(reduction(model, tokens="mean")(joined), joined[:, 1:].mean(1))
    torch.testing.assert_close(reduction(model, tokens="mean")(embedded), embedded.mean(1))
    assert torch.equal(reduction(model, tokens="class")(joined), joined[:, 0])
    assert torch.equal(reduction(model, tokens="class")(embedded), model.cls_token[0].expand(2, -1))


def test_a_class_token_that_is_not_there_is_named_before_anything_runs(config):
    config["activations"]["reduction"] = {"tokens": "class"}
    config["archs"]["vit"]["kwargs"] |= {"class_token": False, "global_pool": "avg"}
    with pytest.raises(RepdynError, match=r"`archs.vit`: `activations.reduction.tokens` is 'class', but .* no class"):
        check.main(studies.parse(config))


@pytest.mark.parametrize("arch", ["resnet", "vit"])
def test_tables_probes_and_regions_see_the_same_reduction(config, make_job, arch):
    config["activations"] |= {"reduction": {"pool": 1, "tokens": "class"}, "dtype": "float32"}
    config["training"]["epochs"] = 1
    jobs = {}
    for stage, module in (
        ("train", train_stage), ("activations", activations_stage), ("cka", cka_stage), ("probes", probes_stage),
        ("planes", planes_stage), ("regions", regions_stage),
    ):  # fmt: skip
        jobs[stage] = make_job(stage, config, arch)
        module.main(jobs[stage])
    job, run = jobs["activations"], jobs["activations"].run.path
    table = Representations(*job.place(ACTIVATIONS))
    widths = [4, 4, 4, 8, 8] if arch == "resnet" else [16] * 4
    assert [table.features(layer) for layer in table.layers] == widths
    labels = pd.read_parquet(job.paths.region_similarity(run))
    assert set(labels.layer) == {*table.layers, "output"}
    if arch == "vit":
        embedding = table.read("patch_embed", int(table.steps[-1]), "similarity")
        assert np.ptp(embedding, axis=0).max() == 0
        similarities = pd.read_parquet(job.paths.cka(run)).set_index("layer")
        assert similarities.loc["patch_embed"].cka.isna().all()
        assert similarities.loc["blocks.1"].cka.notna().all()
