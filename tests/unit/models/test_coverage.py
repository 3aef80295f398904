"""How much of a network its observed layers leave out, and what is proposed to be observed, too."""

import json

import pytest
import torch
from named_networks import WIDTH, Unit, coarse, linear, norm, of, several
from torch import nn

from repdyn.models import coverage, observed_layers


def test_where_little_is_observed_it_is_said_what_could_be():
    model = coarse().eval()
    found = observed_layers.observed(model, None)
    assert list(found) == ["embed", "encoder", "norm"]
    remark = coverage.remark(model, found, torch.randn(2, WIDTH))
    assert remark == (
        "24 of its 27 modules with weights lie between embed and encoder, two observed layers that follow one another; "
        'more can be listed under `layers`, for example ["encoder.units.*"]'
    )
    finer = observed_layers.observed(model, ["embed", "encoder.units.*", "norm"])
    assert coverage.remark(model, finer, torch.randn(2, WIDTH)) is None


@pytest.mark.parametrize(
    ("chosen", "where"),
    [
        (["head", "norm", "encoder"], "lie before encoder, the first observed layer"),
        (
            ["embed", "encoder.units.0.norms.0", "encoder.units.0.norms.1"],
            "lie after encoder.units.0.norms.1, the last",
        ),
    ],
)
def test_what_comes_before_the_first_layer_and_after_the_last_is_not_seen_either(chosen, where):
    model = coarse().eval()
    assert where in coverage.remark(model, observed_layers.observed(model, chosen), torch.randn(2, WIDTH))


def test_two_layers_are_few_of_a_network_that_has_more():
    images, maps = torch.randn(2, WIDTH), [linear() for _ in range(6)]
    plain = nn.Sequential(linear(), nn.Tanh(), linear(), nn.Tanh(), linear())
    more = nn.Sequential(*maps, *plain)
    assert coverage.remark(plain, observed_layers.observed(plain, None), images) is None
    remark = coverage.remark(more, observed_layers.observed(more, None), images)
    assert remark == 'only 7, 9 would be observed; more can be listed under `layers`, for example ["0", "3", "6"]'


def test_a_small_block_is_no_gap():
    model = of("Net", embed=linear(), blocks=several(lambda: of("Block", unit=Unit()), 1), norm=norm(), head=linear())
    assert coverage.remark(model.eval(), observed_layers.observed(model, None), torch.randn(2, WIDTH)) is None


def chain(count):
    """So many modules with weights, one after the other."""
    return nn.Sequential(*(linear() for _ in range(count)))


def gap(model, *layers):
    """Whether a gap is remarked on where some modules are observed."""
    found = coverage.remark(model.eval(), {name: name for name in layers}, torch.randn(2, WIDTH))
    return found is not None and "modules with weights lie" in found


@pytest.mark.parametrize(
    ("count", "layers", "is_gap"),
    [
        # A layer that has weights itself is the last module of the gap before it.
        (40, ("0", "1", "21"), False),  # 20 of 40
        (40, ("0", "1", "22"), True),
        (40, ("19", "20", "21"), False),
        (40, ("20", "21", "22"), True),
        (40, ("0", "1", "19"), False),
        (40, ("0", "1", "18"), True),
        # So much is no more than a block, even if it is nearly all.
        (18, ("0", "1", "17"), False),  # 16 of 18
        (19, ("0", "1", "18"), True),
    ],
)
def test_more_than_half_of_a_network_is_a_gap_and_a_single_block_is_not(count, layers, is_gap):
    assert gap(chain(count), *layers) == is_gap


class Again(nn.Module):
    """Calls its parts in an order that is not that of their names, some of them twice."""

    def __init__(self, order):
        super().__init__()
        self.order, self.parts = order, nn.ModuleDict({name: linear() for name in dict.fromkeys(order)})

    def forward(self, x):
        for name in self.order:
            x = self.parts[name](x)
        return x


def test_depth_is_that_of_calls_of_which_the_last_of_a_layer_counts_and_the_first_of_any_other():
    many = [f"m{k}" for k in range(20)]
    # The first layer is called again at the end, so that all lie before it.
    model = Again(["z", *many, "y", "z"])
    remark = coverage.remark(model.eval(), {"Z": "parts.z", "Y": "parts.y"}, torch.randn(2, WIDTH))
    assert remark is not None and remark.startswith("22 of its 22 modules with weights lie before Y, the first")
    # What is called again later was seen where it was called first.
    model = Again([*many[:10], "z", *many, "y"])
    remark = coverage.remark(model.eval(), {"Z": "parts.z", "Y": "parts.y"}, torch.randn(2, WIDTH))
    assert remark is not None and remark.startswith("only Z, Y would be observed")


def test_a_remark_leaves_no_hook_and_no_gradient():
    class Watched(nn.Linear):
        def forward(self, x):
            found = super().forward(x)
            needed.append(found.requires_grad)
            return found

    needed: list[bool] = []
    model = nn.Sequential(linear(), Watched(WIDTH, WIDTH)).eval()
    coverage.remark(model, {"0": "0"}, torch.randn(2, WIDTH))
    assert needed == [False]
    assert not any(module._forward_hooks for module in model.modules())


@pytest.mark.parametrize(
    ("model", "paths", "patterns"),
    [
        # The list that holds most of them, and of equals that with most parts.
        (of("A", few=several(linear, 2), many=several(linear, 4)), ["few.0", "few.1", "many.0", "many.3"], ["few.*"]),
        (of("B", few=several(linear, 2), many=several(linear, 4)), ["few.0", "many.0", "many.1"], ["many.*"]),
        (of("C", outer=several(lambda: of("In", list=several(linear, 2)))),
         [f"outer.{k}.list.{j}" for k in range(3) for j in range(2)], ["outer.*"]),
        # Lists within a list are not called; their last parts are.
        (of("D", threes=nn.ModuleList([several(linear, 3) for _ in range(2)])), ["threes.0.0", "threes.1.1"],
         ["threes.*.2"]),
        # No list holds two of them, so they are named themselves, three at most.
        (of("E", a=linear(), b=linear()), ["a", "b"], ["a", "b"]),
        (chain(9), [str(k) for k in range(9)], ["0", "3", "6"]),
        (of("F", one=several(linear, 3), two=several(linear, 3)), ["one.0", "two.0"], ["one.0", "two.0"]),
        (of("H", few=several(lambda: of("In", list=several(linear, 3)), 2), many=several(linear, 4)),
         [*(f"few.{k}.list.{j}" for k in range(2) for j in range(3)), *(f"many.{k}" for k in range(4))], ["few.*"]),
        # A name that another begins with is another.
        (of("I", x=several(linear, 11)), ["x.10"], ["x.10"]),
        (of("G", a=several(linear, 2), ab=several(linear, 2)), ["ab.0", "ab.1"], ["ab.*"]),
    ],
)  # fmt: skip
def test_the_example_names_the_list_that_holds_most_or_some_modules_themselves(model, paths, patterns):
    example = coverage.example(dict(model.named_modules()), paths)
    assert json.loads(example) == patterns
    assert observed_layers.observed(model, patterns)  # it can be written so
