import pytest
import torch
from torch import nn

from repdyn.config import study as studies
from repdyn.data import datasets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.planning import check, model_size
from repdyn.runtime import memory


@pytest.fixture
def study(config):
    return studies.parse(config)


def test_shapes_without_numbers_are_those_of_the_networks(study):
    for arch, extent in model_size.of_study(study, study.data).items():
        model = architectures.build(study.archs[arch], datasets.inputs(study.data), 10, seed=0)
        state = model.state_dict().values()
        assert extent.stored == sum(tensor.numel() * tensor.element_size() for tensor in state)
        shapes = check.check_architecture(study, arch).shapes
        assert extent.features == {layer: torch.Size(shape).numel() for layer, shape in shapes.items()}
        assert extent.widest <= extent.outputs


class OverItsInput(nn.Sequential):
    def __init__(self, num_classes):
        layers = nn.Flatten(), nn.Linear(64, 8), nn.ReLU(inplace=True), nn.Identity(), nn.Linear(8, num_classes)
        super().__init__(*layers)


def test_what_is_written_over_its_input_takes_no_memory_of_its_own(config):
    config["archs"] = {"mine": {"model": f"{__name__}:OverItsInput", "layers": ["1", "2"]}}
    config["optimizers"] = {"sgd": {"opt": "momentum", "lr": 0.1}}
    study = studies.parse(config)
    extent = model_size.measure(study, "mine", study.data)
    assert (extent.outputs, extent.widest) == (8 + 10, 64)


def test_a_large_network_is_measured_without_its_weights(config):
    config["archs"] = {"huge": {"model": "vit_huge_patch14_224", "kwargs": {"patch_size": 4}}}
    config["optimizers"] = {"sgd": {"opt": "momentum", "lr": 0.1}}
    before = memory.peak()
    study = studies.parse(config)
    extent = model_size.of_study(study, study.data)["huge"]
    assert extent.stored > 2.5e9
    assert len(extent.features) == 1 + 32 + 1
    assert memory.peak() - before < 0.1 * extent.stored


def test_what_is_reduced_before_it_is_kept_is_planned_so(config):
    config["activations"]["reduction"] = {"pool": 2}
    study = studies.parse(config)
    assert model_size.measure(study, "resnet", study.data).features["stem"] == 4 * 2 * 2


class NeedsNumbers(OverItsInput):
    """Looks at its numbers, which tensors without data have not."""

    def forward(self, images):
        return super().forward(images.clamp(max=images.max().item()))


def alone(config, model, layers):
    config["archs"] = {"mine": {"model": f"{__name__}:{model}", "layers": layers}}
    config["optimizers"] = {"sgd": {"opt": "momentum", "lr": 0.1}}
    return studies.parse(config)


def test_a_network_that_needs_the_numbers_of_its_inputs_is_measured_with_them(config):
    study = alone(config, "NeedsNumbers", ["1", "2"])
    random = torch.get_rng_state()
    with pytest.raises(RepdynError, match="meta"):
        model_size._measure(study, "mine", study.data, "meta")
    found = model_size.measure(study, "mine", study.data)
    assert found == model_size.measure(alone(config, "OverItsInput", ["1", "2"]), "mine", study.data)
    assert (found.stored, found.tensors, found.norms) == (4 * (64 * 8 + 8 + 8 * 10 + 10), 4, 0)
    assert torch.equal(torch.get_rng_state(), random)


def test_a_network_that_cannot_be_built_is_named(config):
    study = studies.parse(config | {"archs": {"vit": config["archs"]["vit"], "new": {"model": "no_such_model"}}})
    with pytest.raises(RepdynError, match=r"^`archs\.new`: "):
        model_size.of_study(study, study.data)


@pytest.mark.parametrize(("statistics", "norms"), [("reestimated", True), ("stored", False)])
def test_norms_are_counted_where_their_statistics_are_estimated_anew(config, statistics, norms):
    config["activations"]["batch_norm"] = statistics
    study = studies.parse(config)
    model = architectures.build(study.archs["resnet"], datasets.inputs(study.data), 10, seed=0)
    there = sum(isinstance(module, nn.BatchNorm2d) for module in model.modules())
    found = {arch: extent.norms for arch, extent in model_size.of_study(study, study.data).items()}
    assert there > 4
    assert found == {"resnet": there * norms, "vit": 0}
