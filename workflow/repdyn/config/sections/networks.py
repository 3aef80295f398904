"""An entry of the section ``archs``: a network, and what is observed of it."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, field_validator

from ..messages import shown
from .base import Kwargs, Section


class Architecture(Section):
    """A model from timm, torchvision or the user's code, and what is observed of it.

    See ``models/architectures.py``, ``models/observed_layers.py`` and ``models/outputs.py``.
    """

    model: str
    """timm's name (``resnet18``), torchvision's (``torchvision:resnet18``), or an import path to one's own
    (``my_code:Net``).
    """
    kwargs: Kwargs = Field(default={})
    """Arguments that the model gets, unchanged."""
    stem: Literal["native", "small"] = "native"
    """``native``: as the model has it. ``small``: for small images, a ResNet's first convolution is 3 × 3, without
    stride or pooling.
    """
    width: int | None = Field(default=None, ge=1, le=4_096)
    """The number of channels of the first stage of a ResNet with a small stem; or the argument ``width`` of a model of
    one's own.
    """
    layers: list[str] | None = Field(default=None, min_length=1)
    """Module paths, with wildcards (``blocks.*``), of the layers that stages after training observe; by default the
    stem, every block, and the final norm or pooling.
    """
    change_layers: list[str] | None = Field(default=None, min_length=1, exclude_if=lambda layers: layers is None)
    """Module paths, with wildcards, of the layers whose change is measured while training; by default those that are
    observed by default.
    """
    logits: str | None = Field(default=None, exclude_if=lambda logits: logits is None)
    """An import path to a function that finds the logits in what the model returns, where that is neither a tensor nor
    has them as ``logits``.
    """
    batch_dimension: int = Field(default=0, ge=0, le=7, exclude_if=lambda dimension: dimension == 0)
    """In which dimension of the observed layers' outputs the examples are: 1 for (tokens, examples, channels)."""

    @field_validator("logits")
    @classmethod
    def _logits_are_found_by_a_function(cls, logits: str | None) -> str | None:
        if logits is not None and ":" not in logits:
            raise ValueError(f"{shown(logits)} is no import path; write `my_code:logits`, or leave it out")
        return logits
