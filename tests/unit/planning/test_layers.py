import pytest
from torch import nn

from repdyn.config import study as studies
from repdyn.data import datasets
from repdyn.errors import RepdynError
from repdyn.models import architectures
from repdyn.planning import layers


class Net(nn.Module):
    """A layer that is called twice, and one that has a name that tables reserve."""

    def __init__(self, in_chans, num_classes, img_size):
        super().__init__()
        self.first, self.Label = nn.Linear(in_chans * img_size**2, 1500), nn.Linear(1500, 8, bias=False)
        self.between, self.last = nn.Identity(), nn.Linear(8, num_classes)

    def forward(self, images):
        return self.last(self.between(self.Label(self.between(self.first(images.flatten(1))))))


def printed(config, capsys, **settings):
    config["archs"] = {"mine": {"model": f"{__name__}:Net", "layers": ["first", "Label", "between"]} | settings}
    layers.main(studies.parse(config))
    return capsys.readouterr().out


def test_a_layer_that_is_called_twice_is_said_where_layers_are_shown(config, capsys):
    said = printed(config, capsys)
    assert "between is called 2 times in a forward pass; its last call is observed." in said
    assert "first is called" not in said


def test_layers_are_lines_in_order_of_depth_with_shapes_and_numbers(config, capsys):
    heading, *lines = printed(config, capsys).splitlines()
    parameters = 64 * 1500 + 1500 + 1500 * 8 + 8 * 10 + 10
    assert heading == f"mine: {__name__}:Net, {parameters:,} parameters, images of 1 × 8 × 8"
    table = lines[: lines.index("")]
    assert table == [
        "  depth  layer          part  class     output  kept  features  parameters",
        "      0  first          stem  Linear    1500    1500     1,500      97,500",
        "      1  Label (layer)  body  Linear    8       8            8      12,000",
        "      2  between        body  Identity  8       8            8           0",
    ]
    rest = "\n".join(lines[len(table) :])
    assert "\n  The module `Label` is called Label (layer) in tables, which reserve the word `label`.\n" in rest


def test_every_architecture_has_its_layers_and_what_is_kept_of_them(config, capsys):
    config["activations"]["reduction"] = {"pool": 2}
    study = studies.parse(config)
    layers.main(study)
    out = capsys.readouterr().out
    for arch in ("resnet", "vit"):
        model = architectures.build(study.archs[arch], datasets.inputs(study.data), 10, seed=0)
        assert f"{arch}: {study.archs[arch].model}, {sum(p.numel() for p in model.parameters()):,} parameters" in out
    stem = next(line.split("  ") for line in out.splitlines() if line.split()[1:2] == ["stem"])
    assert [cell.strip() for cell in stem if "×" in cell] == ["4 × 8 × 8", "4 × 2 × 2"]


def test_data_that_networks_cannot_tell_apart_are_shown_once(config, capsys):
    data = config["data"] | {"image_size": 16}
    layers.main(studies.parse(config | {"data": {"a": config["data"], "b": config["data"] | {"seed": 3}, "c": data}}))
    shown = [line.rpartition(", ")[2] for line in capsys.readouterr().out.splitlines() if line.startswith("resnet: ")]
    assert shown == ["images of 1 × 8 × 8", "images of 1 × 16 × 16"]


def test_a_layer_that_is_not_there_is_named_with_its_architecture(config, capsys):
    with pytest.raises(RepdynError, match=r"^`archs\.mine`: .*`nothing`"):
        printed(config, capsys, layers=["nothing"])
