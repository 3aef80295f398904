"""Optimizers of one's own, of every kind that people write: what trains, and what could not be interrupted.

Small, and named as the packages name theirs, where they are made after such.
"""

from __future__ import annotations

import random

import torch


class ScheduleFree(torch.optim.Optimizer):
    """SGD at weights y between z, which takes the steps, and x, their mean, which is measured (Defazio et al. 2024)."""

    def __init__(self, params, lr, momentum=0.9):
        super().__init__(params, {"lr": lr, "momentum": momentum, "k": 0, "train_mode": False})

    def _to(self, train_mode, weight):
        for group in self.param_groups:
            if group["train_mode"] != train_mode:
                for p in group["params"]:
                    if "z" in self.state[p]:
                        p.lerp_(self.state[p]["z"], weight=weight(group["momentum"]))
            group["train_mode"] = train_mode

    @torch.no_grad()
    def eval(self):
        self._to(False, lambda momentum: 1 - 1 / momentum)

    @torch.no_grad()
    def train(self):
        self._to(True, lambda momentum: 1 - momentum)

    @torch.no_grad()
    def step(self, closure=None):
        assert closure is None
        for group in self.param_groups:
            assert group["train_mode"], "not in train mode"
            group["k"] += 1
            for p in group["params"]:
                z = self.state[p].setdefault("z", p.clone())
                p.lerp_(z, weight=1 / group["k"])
                p.add_(p.grad, alpha=group["lr"] * (group["momentum"] * (1 - 1 / group["k"]) - 1))
                z.sub_(p.grad, alpha=group["lr"])


class ScheduleFreeWrapper:
    """The same around any optimizer; no optimizer itself, and with a mode that its state leaves out."""

    def __init__(self, base, momentum=0.9):
        self.base, self.momentum, self.train_mode = base, momentum, False

    param_groups = property(lambda self: self.base.param_groups)
    state = property(lambda self: self.base.state)

    def zero_grad(self):
        self.base.zero_grad()

    def state_dict(self):
        return self.base.state_dict()

    def load_state_dict(self, state):
        self.base.load_state_dict(state)

    def _to(self, train_mode, weight):
        if self.train_mode != train_mode:
            for group in self.param_groups:
                for p in group["params"]:
                    if "z" in self.state[p]:
                        p.lerp_(self.state[p]["z"], weight=weight)
        self.train_mode = train_mode

    @torch.no_grad()
    def eval(self):
        self._to(False, 1 - 1 / self.momentum)

    @torch.no_grad()
    def train(self):
        self._to(True, 1 - self.momentum)

    @torch.no_grad()
    def step(self):
        assert self.train_mode, "not in train mode"
        means = []
        for group in self.param_groups:
            group["k"] = group.get("k", 0) + 1
            for p in group["params"]:
                z = self.state[p].setdefault("z", p.clone())
                means.append((p, z, p.lerp(z, weight=1 - 1 / self.momentum), 1 / group["k"]))
                p.copy_(z)
        self.base.step()
        for p, z, mean, weight in means:
            z.copy_(p)
            p.copy_(mean.lerp(z, weight=weight).lerp(z, weight=1 - self.momentum))


def schedule_free_wrapper(params, lr):
    return ScheduleFreeWrapper(torch.optim.SGD(params, lr=lr))


class SAM(torch.optim.Optimizer):
    """Sharpness-aware minimization (Foret et al. 2021), as it is mostly found: the state leaves out the base's."""

    def __init__(self, params, base_optimizer, rho=0.05, **kwargs):
        super().__init__(params, {"rho": rho, **kwargs})
        self.base_optimizer = base_optimizer(self.param_groups, **kwargs)
        self.param_groups = self.base_optimizer.param_groups

    def load_state_dict(self, state_dict):
        super().load_state_dict(state_dict)
        self.base_optimizer.param_groups = self.param_groups

    @torch.no_grad()
    def step(self, closure=None):
        assert closure is not None, "Sharpness Aware Minimization requires closure, but it was not provided"
        closure = torch.enable_grad()(closure)
        trained = [(p, group) for group in self.param_groups for p in group["params"] if p.grad is not None]
        norm = torch.stack([p.grad.norm() for p, _ in trained]).norm()
        for p, group in trained:
            self.state[p]["old_p"] = p.clone()
            p.add_(p.grad * (group["rho"] / (norm + 1e-12)))
        self.zero_grad()
        closure()
        for p, _ in trained:
            p.copy_(self.state[p]["old_p"])
        self.base_optimizer.step()


def sam(params, lr, momentum):
    return SAM(params, torch.optim.SGD, lr=lr, momentum=momentum)


def two_groups(model, lr, weight_decay):
    """Matrices at one rate, the rest at another."""
    matrices = [p for p in model.parameters() if p.ndim >= 2]
    others = [p for p in model.parameters() if p.ndim < 2]
    return torch.optim.AdamW(
        [{"params": matrices, "lr": lr, "weight_decay": weight_decay}, {"params": others, "lr": lr / 10}]
    )


class TwoOptimizers:
    """One for matrices, one for the rest, behind one face."""

    def __init__(self, model, lr):
        matrices = [p for p in model.parameters() if p.ndim >= 2]
        others = [p for p in model.parameters() if p.ndim < 2]
        self.optimizers = [torch.optim.SGD(matrices, lr=lr, momentum=0.9), torch.optim.Adam(others, lr=lr)]

    @property
    def param_groups(self):
        return [group for optimizer in self.optimizers for group in optimizer.param_groups]

    def zero_grad(self):
        for optimizer in self.optimizers:
            optimizer.zero_grad()

    def step(self):
        for optimizer in self.optimizers:
            optimizer.step()

    def state_dict(self):
        return {"optimizers": [optimizer.state_dict() for optimizer in self.optimizers]}

    def load_state_dict(self, state):
        for optimizer, inner in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(inner)


class SecondOrder(torch.optim.Optimizer):
    """Gradients divided by the size of a product of the Hessian with a random vector."""

    is_second_order = True

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.generator = torch.Generator().manual_seed(0)

    def step(self):
        params = [p for group in self.param_groups for p in group["params"]]
        vectors = [torch.randn(p.shape, generator=self.generator) for p in params]
        curvature = torch.autograd.grad([p.grad for p in params], params, vectors)
        with torch.no_grad():
            for p, h in zip(params, curvature, strict=True):
                p.sub_(self.param_groups[0]["lr"] * p.grad.detach() / (1 + h.abs()))


class MasterWeights(torch.optim.Optimizer):
    """Momentum kept in double precision, whatever the parameters are."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            for p in group["params"]:
                momentum = self.state[p].setdefault("momentum", torch.zeros_like(p, dtype=torch.float64))
                momentum.mul_(0.9).add_(p.grad)
                p.sub_(group["lr"] * momentum)


class Plain(torch.optim.Optimizer):
    """SGD, to be changed."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})
        self.steps = 0

    def rate(self, group):
        return group["lr"]

    @torch.no_grad()
    def step(self):
        self.steps += 1
        for group in self.param_groups:
            for p in group["params"]:
                p.sub_(self.rate(group) * p.grad)


class CountsOutsideItsState(Plain):
    def rate(self, group):
        return group["lr"] / self.steps


class DrawsFromPython(Plain):
    def rate(self, group):
        return group["lr"] * random.random()


class KeepsAnObject(Plain):
    def step(self):
        super().step()
        self.state[self.param_groups[0]["params"][0]]["who"] = random.Random(0)


class NotANumberFromTheStart(Plain):
    def rate(self, group):
        return group["lr"] * float("nan")


class NotANumberInTheEnd(Plain):
    """Of two epochs of four steps."""

    def step(self):
        for group in self.param_groups:
            group["k"] = group.get("k", 0) + 1
        super().step()

    def rate(self, group):
        return float("nan") if group["k"] == 8 else group["lr"]


class OfCopies(Plain):
    def __init__(self, params, lr):
        super().__init__([p.detach().clone().requires_grad_() for group in params for p in group["params"]], lr)

    def step(self):
        pass


class PutsOthersInPlace(Plain):
    @torch.no_grad()
    def step(self):
        for group in self.param_groups:
            group["params"] = [p - group["lr"] * p.grad for p in group["params"]]


class WithoutRate(Plain):
    def __init__(self, params, lr):
        super().__init__(params, lr)
        for group in self.param_groups:
            del group["lr"]


class NoOptimizer:
    def __init__(self, params, lr):
        self.param_groups, self.lr = params, lr


class KeepsWhatItDoesNotTake(Plain):
    def load_state_dict(self, state):
        raise NotImplementedError("not yet")


def without_decay(model, lr):
    return torch.optim.SGD(model.parameters(), lr=lr)


def only_the_head(model, lr):
    return torch.optim.SGD(list(model.parameters())[-2:], lr=lr)
