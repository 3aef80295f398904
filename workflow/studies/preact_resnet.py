"""The ResNet-18 of ``somepalli-descent.yaml`` and ``width.yaml``: with the activation before the convolution.

He et al. 2016 (arXiv 1603.05027), in the form for CIFAR-10 that Nakkiran et al. 2019 and Somepalli et al. 2022 use: a
3 × 3 stem without norm, four stages of two blocks with k, 2k, 4k and 8k channels, and no norm before the average. The
blocks are timm's, whose ``resnetv2_18`` has a stem for 224 × 224 images and a norm at the end.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import Any

import torch
from timm.layers import BatchNormAct2d
from timm.models.resnetv2 import PreActBasic
from torch import nn


def _block(before: int, after: int, stride: int) -> nn.Module:
    def shortcut(before: int, after: int, stride: int, **_: Any) -> nn.Module:
        return nn.Conv2d(before, after, 1, stride, bias=False)

    convolution = partial(nn.Conv2d, padding=1, bias=False)
    return PreActBasic(
        before, after, stride=stride, conv_layer=convolution, norm_layer=BatchNormAct2d, proj_layer=shortcut
    )


class PreActResNet18(nn.Module):
    """The network; ``width`` is k."""

    def __init__(self, in_chans: int, num_classes: int, width: int = 64) -> None:
        super().__init__()
        channels = [width, width, 2 * width, 4 * width, 8 * width]
        self.stem = nn.Conv2d(in_chans, width, 3, padding=1, bias=False)
        self.stages = nn.ModuleList(
            nn.Sequential(_block(before, after, 1 + (stage > 0)), _block(after, after, 1))
            for stage, (before, after) in enumerate(itertools.pairwise(channels))
        )
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(channels[-1], num_classes)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Logits, (n, classes), of images (n, channels, h, w)."""
        x = self.stem(images)
        for stage in self.stages:
            x = stage(x)
        logits: torch.Tensor = self.head(self.pool(x).flatten(1))
        return logits
