"""Reduction of large activations before they are stored: maps are averaged over areas, tokens selected or averaged.

Tables, probes and decision regions all use the same reduction. It changes what is compared: an average over positions
loses where something is. CKA between 200 digits and the same digits cyclically shifted, each by another number of
pixels, at the stem of a random ResNet: .15 whole, .13 pooled to 4 × 4, .84 pooled to one number a channel. A reduction
changes nothing in constant maps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn import functional as F

from ..errors import RepdynError

if TYPE_CHECKING:
    from ..config.sections import Reduction as Settings


class Reducer:
    """Reduces the activations of one network."""

    def __init__(self, settings: Settings, model: nn.Module, batch_dimension: int) -> None:
        """Find out how the network lays out its activations.

        Args:
            settings: the section ``activations.reduction``.
            model: timm's models, and the user's own, say ``output_fmt = "NHWC"`` if channels are last in their maps.
            batch_dimension: the dimension that examples are in.
        """
        self._batch_dimension = batch_dimension
        self._pool, self._tokens = settings.pool, settings.tokens
        in_torchvision = type(model).__module__ == "torchvision.models.swin_transformer"
        self._channels_last = in_torchvision or str(getattr(model, "output_fmt", "")) == "NHWC"
        token = getattr(model, "cls_token", getattr(model, "class_token", None))
        self._class_token = token.detach() if isinstance(token, torch.Tensor) else None
        self._prefix: int = getattr(model, "num_prefix_tokens", 0 if self._class_token is None else 1)
        self._patches = getattr(getattr(model, "patch_embed", None), "num_patches", None)

    def __call__(self, output: torch.Tensor) -> torch.Tensor:
        """Reduce a batch of a layer's outputs: maps (n, c, h, w), or (n, h, w, c), and tokens (n, tokens, c).

        Before the class token joins the patches, ``class`` gives the initial token, the same for all images.

        Returns:
            Numbers of n examples, which are first, whichever dimension of the layer's outputs they are in.

        Raises:
            RepdynError: if the class token is requested and there is none, or there are too few dimensions.
        """
        output = self.examples_first(output)
        if output.ndim == 4 and self._pool is not None:
            return self._pooled(output)
        if output.ndim != 3 or self._tokens == "all":
            return output
        prefix = 0 if output.shape[1] == self._patches else self._prefix
        if self._tokens == "mean":
            return output[:, prefix:].mean(dim=1)
        if self._class_token is None:
            raise RepdynError(
                "`activations.reduction.tokens` is 'class', but the network has no class token; use 'all' or 'mean'."
            )
        return output[:, 0] if prefix else self._class_token.reshape(1, -1).to(output).expand(len(output), -1)

    def examples_first(self, output: torch.Tensor) -> torch.Tensor:
        """A layer's outputs with the dimension of the examples moved to the front.

        Raises:
            RepdynError: if there is no such dimension.
        """
        if output.ndim <= self._batch_dimension:
            raise RepdynError(
                f"`batch_dimension` is {self._batch_dimension}, but an observed layer gives {tuple(output.shape)}; "
                "list only such layers under `layers` as have their examples in that dimension."
            )
        return output.movedim(self._batch_dimension, 0) if self._batch_dimension else output

    def _pooled(self, maps: torch.Tensor) -> torch.Tensor:
        channels_first = maps.permute(0, 3, 1, 2) if self._channels_last else maps
        height, width = (min(side, self._pool) for side in channels_first.shape[2:])
        if (height, width) == channels_first.shape[2:]:
            return maps
        pooled = F.adaptive_avg_pool2d(channels_first, (height, width))
        return pooled.permute(0, 2, 3, 1) if self._channels_last else pooled
