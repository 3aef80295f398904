"""Networks of linear maps whose classes and parts have the names that a test needs."""

import torch
from torch import nn

WIDTH = 8


class Chain(nn.Module):
    """Calls its parts one after another, those of lists too."""

    def forward(self, x):
        for part in self.parts(self.children()):
            x = part(x)
        return x

    def parts(self, children):
        for child in children:
            yield from self.parts(child) if isinstance(child, nn.ModuleList) else [child]


def of(kind, *, base=Chain, **parts):
    """A module of a class of that name."""
    module = type(kind, (base,), {})()
    for name, part in parts.items():
        module.add_module(name, part)
    return module


def linear():
    return nn.Linear(WIDTH, WIDTH)


def norm():
    return nn.LayerNorm(WIDTH)


def several(make, count=3):
    return nn.ModuleList([make() for _ in range(count)])


class Unit(nn.Module):
    """What no name or list of lists tells, without a nonlinearity that is a module."""

    def __init__(self):
        super().__init__()
        self.norms, self.maps = nn.ModuleList([norm(), norm()]), nn.ModuleList([linear() for _ in range(4)])

    def forward(self, x):
        for one in (*self.norms, *self.maps):
            x = torch.relu(one(x)) + x
        return x


def coarse(units=4):
    encoder = of("Encoder", units=several(Unit, units))
    return of("Net", embed=linear(), encoder=encoder, norm=norm(), head=linear())
