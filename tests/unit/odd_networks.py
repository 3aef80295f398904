"""Small networks, each with one thing that people's networks have and that measuring must get right, or refuse."""

import random

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Base(nn.Module):
    """Flatten, a hidden layer, whatever a case puts in the middle, a head."""

    width = 12

    def __init__(self, in_chans, num_classes, img_size, **given):
        super().__init__()
        self.hidden = nn.Linear(in_chans * img_size**2, self.width)
        self.head = nn.Linear(self.width, num_classes)
        self.make(**given)

    def make(self):
        """What a case has beside these."""

    def middle(self, x):
        return x

    def forward(self, x):
        return self.head(self.middle(torch.relu(self.hidden(x.flatten(1)))))


# ---- that can be measured -----------------------------------------------------------------------------------------


class RandomFeatures(Base):
    """Fixed random features that are no part of the state."""

    def make(self):
        self.register_buffer("frequencies", torch.randn(self.width, self.width), persistent=False)
        self.features = nn.Identity()

    def middle(self, x):
        return self.features(torch.cos(x @ self.frequencies))


class RandomOrder(Base):
    """A permutation and signs that only Python and NumPy know, drawn from their global random numbers."""

    def make(self):
        self.order = random.sample(range(self.width), self.width)
        self.signs = np.random.choice([-1.0, 1.0], self.width).astype(np.float32)  # noqa: NPY002
        self.features = nn.Identity()

    def middle(self, x):
        return self.features(x[:, self.order] * torch.from_numpy(self.signs))


class SameLayerTwice(Base):
    """Two observed layers with the same activations at every checkpoint, as a stage of 1 x 1 maps and its pooling."""

    def make(self):
        self.block, self.pool = nn.Linear(self.width, self.width), nn.Identity()

    def middle(self, x):
        return self.pool(self.block(x))


class SameAtFirst(SameLayerTwice):
    """A residual branch that is zero at initialisation, and two layers that are zero for every image."""

    def make(self):
        super().make()
        self.branch = nn.Linear(self.width, self.width)
        nn.init.zeros_(self.branch.weight)
        nn.init.zeros_(self.branch.bias)
        self.nothing, self.nothing_else = nn.Identity(), nn.Identity()

    def middle(self, x):
        hidden = self.block(x)
        return self.pool(hidden + self.branch(hidden)) + self.nothing_else(self.nothing(hidden * 0))


class TiedWeights(Base):
    """Two modules that share a weight, as autoencoders and language models have."""

    def make(self):
        self.first, self.second = nn.Linear(self.width, self.width), nn.Linear(self.width, self.width)
        self.second.weight = self.first.weight

    def middle(self, x):
        return torch.tanh(self.second(torch.tanh(self.first(x))))


class SharedBlock(Base):
    """One block under two names, called three times."""

    def make(self):
        block = nn.Sequential(nn.Linear(self.width, self.width), nn.Tanh())
        self.blocks = nn.ModuleList([block, block])

    def middle(self, x):
        return self.blocks[1](self.blocks[0](self.blocks[0](x)))


class Called(Base):
    """A layer of any name."""

    def make(self, name):
        self.name = name
        self.add_module(name, nn.Linear(self.width, self.width))

    def middle(self, x):
        return torch.relu(self.get_submodule(self.name)(x))


class ManyNames(Base):
    """Names that are alike but for capitals, look like a step, hold a quote, hold each other."""

    names = ("norm", "Norm", "norm (layer)", "hidden/4", "$a$ 'b'", "_über")

    def make(self):
        self.parts = nn.Sequential(nn.Linear(self.width, self.width))
        for name in self.names:
            self.add_module(name, nn.Linear(self.width, self.width))

    def middle(self, x):
        x = self.parts(x)
        for name in self.names:
            x = torch.tanh(self.get_submodule(name)(x))
        return x


class Lazy(Base):
    """A layer that learns its size from the first batch."""

    def make(self):
        self.lazy = nn.LazyLinear(self.width)

    def middle(self, x):
        return torch.relu(self.lazy(x))


class FirstForward(Base):
    """A weight that is made, at random, in the first forward pass."""

    def make(self):
        self.features, self.late = nn.Identity(), None

    def middle(self, x):
        if self.late is None:
            self.late = nn.Parameter(torch.randn(self.width, self.width, device=x.device) / 3)
        return self.features(torch.tanh(x @ self.late))


class Bfloat16(Base):
    """A network that computes in bfloat16 throughout."""

    dtype = torch.bfloat16

    def make(self):
        self.to(self.dtype)

    def forward(self, x):
        return super().forward(x.to(self.dtype))


class Float16(Bfloat16):
    dtype = torch.float16


class Float64(Bfloat16):
    dtype = torch.float64


class ComplexWeights(Base):
    """Computes with complex numbers between real ones."""

    def make(self):
        self.inner = nn.Linear(self.width, self.width, dtype=torch.complex64)
        self.features = nn.Identity()

    def middle(self, x):
        return self.features(self.inner(x.to(torch.complex64)).abs())


class CachedBias(Base):
    """Computes in evaluation mode with what it derived from its weights once, as LeViT and TinyViT do."""

    def make(self):
        self.bias, self.features, self.cached = nn.Parameter(torch.randn(4)), nn.Identity(), None

    def train(self, mode=True):
        super().train(mode)
        if mode:
            self.cached = None
        return self

    def middle(self, x):
        index = torch.arange(self.width) % 4
        if self.training:
            return self.features(x * self.bias[index])
        with torch.no_grad():
            self.cached = self.bias[index] if self.cached is None else self.cached
        return self.features(x * self.cached)


class Positions(Base):
    """Trains with a table that it made in evaluation."""

    def make(self):
        self.features, self.table = nn.Identity(), None

    def middle(self, x):
        if not self.training:
            self.table = torch.linspace(0.5, 1, self.width)
        return self.features(x * self.table)


class OwnDropout(Base):
    """Drops units in training by Python's and NumPy's random numbers."""

    def make(self):
        self.features = nn.Identity()

    def middle(self, x):
        if self.training:
            kept = np.random.random(self.width) < 0.8  # noqa: NPY002
            x = x * torch.from_numpy(kept) * random.uniform(0.9, 1.1)
        return self.features(x)


class Numbers(Base):
    """Decides by its numbers how to go on."""

    def make(self):
        self.features = nn.Identity()

    def middle(self, x):
        return self.features(x if x.abs().max().item() < 1e6 else x / 1e6)


# ---- that cannot --------------------------------------------------------------------------------------------------


class Observes(Base):
    """Shows the middle to a layer, whose output it does not use."""

    def make(self, look):
        self.shown = Shown(LOOKS[look])

    def middle(self, x):
        self.shown(x)
        return x


class Shown(nn.Module):
    def __init__(self, look):
        super().__init__()
        self.look = look

    def forward(self, x):
        return self.look(x)


LOOKS = {
    "integer": lambda x: x.argmax(1, keepdim=True),
    "boolean": lambda x: x > 0,
    "complex": lambda x: torch.complex(x, x),
    "sparse": lambda x: x.to_sparse(),
    "nested": lambda x: torch.nested.nested_tensor(list(x), layout=torch.jagged),
    "nothing": lambda x: x[:, :0],
    "none": lambda _: None,
    "infinite": lambda x: x / 0,
    "width": lambda x: x[:, : 5 if len(x) < 3 else 10],
    "alone": lambda x: x.squeeze(0),
    "batch": lambda x: x - x.mean(0),
    "scaled": lambda x: x / x.std(),
}


class NoRunningStatistics(Base):
    """Batch norm that keeps no running statistics."""

    def make(self):
        self.norm = nn.BatchNorm1d(self.width, track_running_stats=False)

    def middle(self, x):
        return self.norm(x)


class SometimesCalled(Base):
    """A layer that is left out for a single image."""

    def make(self):
        self.features = nn.Identity()

    def middle(self, x):
        return self.features(x) if len(x) > 1 else x


class OnlyBatches(Base):
    def forward(self, x):
        return super().forward(x.squeeze())


class AlwaysDrops(Base):
    def middle(self, x):
        return F.dropout(x)


class Recurrent(Base):
    """Adds what it made of the batch before."""

    before = 0.0

    def middle(self, x):
        x = x + self.before
        self.before = x.detach().mean()
        return x


class OwnChance(Base):
    """Draws a permutation from random numbers that nobody seeds."""

    def make(self):
        self.order = np.random.default_rng().permutation(self.width)

    def middle(self, x):
        return x[:, self.order]


class OwnAverage(Base):
    """Centres by an average over training batches that it keeps to itself."""

    def make(self):
        self.register_buffer("average", torch.zeros(self.width), persistent=False)

    def middle(self, x):
        if self.training:
            self.average = 0.9 * self.average + 0.1 * x.detach().mean(0)
        return x - self.average


class Grows(Base):
    """Keeps more with every training batch."""

    def make(self):
        self.register_buffer("seen", torch.zeros(0))

    def middle(self, x):
        if self.training:
            self.seen = torch.cat([self.seen, x.detach().mean()[None]])
        return x


class Extra(Base):
    """Holds what is no tensor in its state."""

    def get_extra_state(self):
        return {"version": 2}

    def set_extra_state(self, state):
        pass
