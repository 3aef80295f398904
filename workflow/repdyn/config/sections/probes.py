"""The sections ``probes`` and ``planes``: what reads classes from layers, and where."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import Section, Seed


class Logistic(Section):
    """How L-BFGS solves logistic probes."""

    tolerance: float = Field(default=1e-6, gt=0.0)
    """It ends once no component of the mean gradient exceeds this …"""
    iterations: int = Field(default=2000, ge=1, le=1_000_000)
    """… and after so many iterations at the latest."""


class Sgd(Section):
    """How stochastic gradient descent solves probes."""

    epochs: int = Field(default=30, ge=1, le=1_000_000)
    """Passes over the examples."""
    batch_size: int = Field(default=64, ge=1, lt=2**31)
    """Examples in a batch."""
    lr: float = Field(default=1.0, gt=0.0)
    """The learning rate, which is divided by the number of live units."""
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    """The momentum."""


class Probes(Section):
    """The linear classifier that is trained on every layer: see ``probes/fit.py``."""

    kind: Literal["ridge", "logistic", "sgd"] = "ridge"
    """``ridge``: least squares in closed form, so that two probes differ only if the representations do. ``logistic``
    and ``sgd``: cross-entropy.
    """
    penalty: float = Field(default=0.1, ge=1e-12, le=1e12)
    """The penalty on the weights' squared norm, relative to the mean eigenvalue of the Gram matrix."""
    logistic: Logistic = Logistic()
    """For ``logistic``: how it is solved."""
    sgd: Sgd = Sgd()
    """For ``sgd``: how it is solved."""
    seed: Seed = 0
    """Draws the halves of the examples for the noise floor, and everything random in ``sgd``."""


class Planes(Section):
    """The planes through triplets of images on which decision regions are compared (DRS): see ``regions/planes.py``."""

    count: int = Field(default=500, ge=1, le=1_000_000)
    """How many planes each of the sets test, clean and mislabelled has, on which regions are compared."""
    resolution: int = Field(default=50, ge=2, le=100_000)
    """Points a side of these planes."""
    margin: float = Field(default=0.1, ge=0.0, le=1_000.0)
    """By how much of its length each side of the box around the three images is widened, at both ends."""
    pictures: int = Field(default=1, ge=1, le=1_000_000)
    """How many further planes each set has for figures."""
    picture_resolution: int = Field(default=60, ge=2, le=100_000)
    """Points a side of those."""
    picture_margin: float = Field(default=0.5, ge=0.0, le=1_000.0)
    """Their margin."""
    distinct_classes: bool = True
    """Whether the three images of a plane are of three classes; data with two classes need it off."""
    seed: Seed = 0
    """Draws the images."""
