"""Entries of ``optimizers``, and the sections ``training`` and ``checkpoints``: how runs are trained here."""

from __future__ import annotations

import math
from typing import Annotated, Literal

from pydantic import Field, model_validator

from ..messages import listed
from ..names import Level, Name
from .base import LARGEST_IMAGE, MOST_CHECKPOINTS, MOST_EPOCHS, MOST_EVALUATIONS, Epochs, Kwargs, Section, is_empty


class RateSchedule(Section):
    """A learning rate schedule of timm."""

    sched: str
    """timm's name of the schedule, such as ``cosine`` or ``step``."""
    epochs: Epochs | None = None
    """Its length in epochs; by default all of training."""
    warmup_epochs: float = Field(default=0.0, ge=0.0, le=MOST_EPOCHS)
    """Over how many epochs the rate rises at first."""
    kwargs: Kwargs = Field(default={})
    """Further arguments of timm's scheduler, such as ``min_lr``."""

    def within(self, epochs: int) -> RateSchedule:
        """Fill in its length for a training of that many epochs; a schedule that needs no length gets none."""
        is_endless = self.sched in ("constant", "step", "multistep", "plateau") and "noise" not in self.kwargs
        return self.model_copy(update={"epochs": None if is_endless else (self.epochs or epochs)})


class Intervention(Section):
    """A change of training that is known beforehand, from an epoch on to the end; one of these."""

    epoch: Epochs
    """How many epochs are done when it begins."""
    rate: float | None = Field(default=None, gt=0.0, exclude_if=is_empty)
    """What the learning rate is multiplied by."""
    labels: Literal["redraw"] | None = Field(default=None, exclude_if=is_empty)
    """``redraw``: which examples are mislabelled, and as what, is drawn anew."""
    freeze: list[str] | None = Field(default=None, min_length=1, exclude_if=is_empty)
    """Module paths, with wildcards, whose parameters and batch-norm statistics stay as they are."""
    invert: bool = Field(default=False, exclude_if=is_empty)
    """Negates the standardised inputs that are trained on."""
    data: Level | None = Field(default=None, exclude_if=is_empty)
    """The level of the data whose examples training and testing go on with; runs on that level stay as they are."""

    @model_validator(mode="after")
    def _is_one_of_these(self) -> Intervention:
        kinds = [name for name in ("rate", "labels", "freeze", "invert", "data") if getattr(self, name)]
        if len(kinds) != 1:
            raise ValueError(
                "an intervention is one of `rate: 0.1`, `labels: redraw`, `freeze: [...]`, `invert: true` and `data: "
                f"LEVEL`, beside its `epoch`, and here {f'are {listed(kinds)}' if kinds else 'is none'}; write several "
                "as several"
            )
        return self


Interventions = Annotated[list[Intervention], Field(max_length=100)]


class Optimizer(Section):
    """An optimizer from timm or the user's code."""

    opt: str
    """timm's name (``momentum``, ``adam``, ``lion``), or an import path to one's own (``my_code:SignSgd``)."""
    lr: Annotated[float, Field(gt=0)] | dict[str, Annotated[float, Field(gt=0)]]
    """The learning rate: one number, or one for each architecture."""
    momentum: float = Field(default=0.9, ge=0.0, lt=1.0)
    """The momentum, for optimizers that have one."""
    weight_decay: float = Field(default=0.0, ge=0.0)
    """The weight decay; biases, norms and position embeddings are spared."""
    schedule: RateSchedule | None = None
    """How the learning rate changes; by default it is constant."""
    kwargs: Kwargs = Field(default={})
    """Further arguments of the optimizer."""
    family: Name | None = None
    """The optimizer that this is one rate of: contrasts are between families, and match the rates."""
    interventions: Interventions = Field(default=[], exclude_if=is_empty)
    """Changes at known epochs in the runs of this optimizer, beside those of ``training``."""

    def rate(self, arch: str) -> float:
        """The learning rate for an architecture."""
        return self.lr[arch] if isinstance(self.lr, dict) else self.lr

    def of_run(self, arch: str, epochs: int) -> Optimizer:
        """The optimizer of one run: a single rate, and the schedule's length filled in."""
        schedule = None if self.schedule is None else self.schedule.within(epochs)
        return self.model_copy(update={"lr": self.rate(arch), "schedule": schedule})


class Augmentation(Section):
    """Random crops of padded images, and horizontal flips."""

    padding: int = Field(default=4, ge=0, le=LARGEST_IMAGE)
    """Pixels that images are padded by before they are cropped to their size at random."""
    flip: bool = True
    """Whether images are flipped from left to right at random."""


class Training(Section):
    """How long to train, in which batches, how often to evaluate, and what is for speed but changes numbers.

    See ``training/stepping.py`` and ``models/memory_layouts.py``.
    """

    epochs: Epochs
    """How long each run trains. Raising it later continues training where it stopped, if the rate's schedule allows it.
    """
    batch_size: int = Field(default=64, ge=1, lt=2**31)
    """Examples in a batch."""
    evaluations_per_decade: int | None = Field(default=None, ge=1, le=10_000)
    """How often in each decade of epochs accuracies and losses are evaluated; by default after every epoch."""
    label_smoothing: float = Field(default=0.0, ge=0.0, lt=1.0)
    """The share of each target that is spread over all classes."""
    clip_norm: float | None = Field(default=None, gt=0.0)
    """The norm that gradients are clipped to; by default they are not."""
    augmentation: Augmentation | None = None
    """Random crops and flips of the images that are trained on; by default none."""
    precision: Literal["float32", "bfloat16", "float16"] = "float32"
    """The precision of training. Anything but ``float32`` is faster on a GPU, and changes numbers."""
    channels_last: bool = True
    """Whether training stores maps with channels last, which is faster for convolutions, and changes numbers."""
    compile: bool = False
    """Whether training is compiled by torch, which is faster once it runs, and changes numbers."""
    interventions: Interventions = Field(default=[], exclude_if=is_empty)
    """Changes at known epochs in all runs that are trained here."""

    @model_validator(mode="after")
    def _evaluations_are_countable(self) -> Training:
        if self.evaluations_per_decade is None and self.epochs > MOST_EVALUATIONS:
            raise ValueError(
                f"a history with a row for each of {self.epochs:,} epochs exceeds {MOST_EVALUATIONS:,} rows; set "
                "`evaluations_per_decade`"
            )
        return self


class Checkpoints(Section):
    """When checkpoints are taken: see ``training/checkpoint_schedule.py``."""

    schedule: Literal["log", "linear", "explicit"] = "log"
    """``log``: so many in each decade of epochs. ``linear``: every so many epochs. ``explicit``: at the epochs listed.
    Initialisation is always one.
    """
    per_decade: int = Field(default=10, ge=1, le=MOST_CHECKPOINTS)
    """For ``log``: how many in each decade of epochs."""
    first: float = Field(default=1.0, ge=1e-6, le=MOST_EPOCHS)
    """For ``log``: the epoch of the first after initialisation; below 1 it lies within the first epoch."""
    every: float = Field(default=10.0, ge=1e-6, le=MOST_EPOCHS)
    """For ``linear``: epochs from one to the next."""
    epochs: list[Annotated[float, Field(ge=0.0, le=MOST_EPOCHS)]] = Field(default=[], max_length=MOST_CHECKPOINTS)
    """For ``explicit``: the epochs, fractions too."""

    @model_validator(mode="after")
    def _explicit_needs_epochs(self) -> Checkpoints:
        if (self.schedule == "explicit") != bool(self.epochs):
            raise ValueError("`epochs` is a list for `schedule: explicit`, and for that schedule only")
        return self

    def at_most(self, epochs: int) -> int:
        """The number of checkpoints in that many epochs, if no two fall on one step, nor one after them on the last."""
        match self.schedule:
            case "log":
                return max(0, math.floor(self.per_decade * math.log10(epochs / self.first) + 1e-9) + 1)
            case "linear":
                return math.floor(epochs / self.every + 1e-9)
            case "explicit":
                return len(self.epochs)
