"""The sections ``activations`` and ``change``: what is taken from networks, after training and during it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from .base import Section


class Reduction(Section):
    """How to reduce large maps and tokens: see ``models/pooling.py``."""

    pool: int | None = Field(default=None, ge=1)
    """Maps larger than ``pool`` × ``pool`` are averaged down to that; by default they are whole."""
    tokens: Literal["all", "class", "mean"] = "all"
    """Of a transformer's tokens: ``all``, the ``class`` token, or the ``mean`` of the patches."""


class Activations(Section):
    """Which examples' activations to store, how reduced, and in which precision.

    Batch norm: see ``models/batch_norm.py``.
    """

    similarity_examples: int = Field(default=500, ge=4)
    """How many examples CKA and other measures compare checkpoints on."""
    similarity_from: Literal["train", "test"] = "test"
    """Which part these are of."""
    probe_examples: int | None = Field(default=None, ge=10)
    """How many training examples probes are trained on; by default all."""
    reduction: Reduction = Reduction()
    """How large activations are reduced before they are stored, for CKA, probes and decision regions alike."""
    dtype: Literal["float16", "float32"] = "float16"
    """How whole activations are stored; a layer that exceeds float16's range or precision is in float32 anyway."""
    whole: list[str] = Field(default=[], exclude_if=lambda layers: not layers)
    """Names of wide layers, with wildcards if wanted, that are stored unit by unit, not as coordinates of examples."""
    batch_norm: Literal["reestimated", "stored"] = "reestimated"
    """``reestimated``: everything is measured with batch-norm statistics of training images at each checkpoint.
    ``stored``: with those kept while training, which lag behind the weights.
    """
    batch_norm_images: int = Field(default=1000, ge=2)
    """How many training images statistics are re-estimated from, or all if there are fewer."""


class Change(Section):
    """What is measured of the change of layers between evaluated epochs, while a run trains (``training/measured.py``).

    None of it can change without training again.
    """

    examples: int = Field(default=200, ge=0, le=100_000)
    """How many examples that no run trains on are compared, or all if there are fewer; 0 measures nothing."""
    reduction: Reduction = Reduction()
    """How their activations are reduced; by default they are compared whole."""

    @field_validator("examples")
    @classmethod
    def _some_or_none(cls, examples: int) -> int:
        if 0 < examples < 10:
            raise ValueError(f"`examples` ({examples}) must be at least 10, or 0 to measure no change")
        return examples
