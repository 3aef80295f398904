"""How images and weights lie in memory: channels first or channels last, decided here and nowhere else.

torch and oneDNN choose the kernels of a convolution by strides: it runs channels last if its images *or* its weights
have the strides of that order, and so does what follows. Where a dimension is 1 (a grey image, a map of one pixel),
both orders are the same bytes, which several strides describe; ``contiguous()`` keeps whichever there are, ``permute``
leaves those of channels last. So a tensor is given the very strides of one order: a network's weights when it is made
ready, and its images at its door, from wherever they come.

Cost: a comparison of four numbers a forward pass, and a copy of the images where strides differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from ..config.sections import Training

# Channels that oneDNN handles at once, at most (with AVX-512; eight with AVX2).
_BLOCK_OF_CHANNELS = 16


def choose(settings: Training, model: nn.Module, device: torch.device) -> torch.memory_format:
    """In which order a network is trained fastest: channels last, for convolutions on GPUs and on CPUs.

    On CPUs a network of narrow strided shortcuts, such as a ResNet of width 8, is trained with channels first whatever
    ``channels_last`` says, because its numbers cannot be trusted otherwise.

    Args:
        settings: the ``training`` section.
        model: the network.
        device: where it is trained.
    """
    is_wanted = settings.channels_last
    if device.type == "cpu" and any(map(_fails_with_channels_last, model.modules())):
        is_wanted = False
    return torch.channels_last if is_wanted else torch.contiguous_format


def lay_out(model: nn.Module, memory_format: torch.memory_format) -> None:
    """Lay out a network's weights, and from now on the images that enter it; called again, it changes both.

    Convolutions that fail with channels last get their own input in the order of the network, too: what a network
    permutes by itself comes to them in another one.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = laid_out(tensor.data, memory_format)

    def at_the_door(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(laid_out(x, memory_format) if isinstance(x, torch.Tensor) else x for x in inputs)

    for module in (model, *filter(_fails_with_channels_last, model.modules())):
        module.register_forward_pre_hook(at_the_door)


def laid_out(tensor: torch.Tensor, memory_format: torch.memory_format) -> torch.Tensor:
    """A tensor with the strides of an order and no others: itself, or a copy.

    Args:
        tensor: images, maps or weights, (n, channels, height, width); what has other dimensions has no such order and
            is returned as it is.
        memory_format: ``torch.channels_last`` or ``torch.contiguous_format``, channels first.
    """
    if tensor.dim() != 4 or tensor.layout != torch.strided:
        return tensor
    _, channels, height, width = tensor.shape
    if memory_format == torch.channels_last:
        strides = (height * width * channels, 1, width * channels, channels)
    else:
        strides = (channels * height * width, height * width, width, 1)
    return tensor if tensor.stride() == strides else tensor.clone(memory_format=memory_format)


def _fails_with_channels_last(module: nn.Module) -> bool:
    """Whether oneDNN (3.12, in torch 2.14) computes nonsense for these weights where channels are last.

    Of a strided 1 × 1 convolution of fewer channels than a block has, the gradient of the weights writes past its
    buffer: it crashes, hangs, or is wrong (github.com/uxlfoundation/oneDNN/issues/6035). Of one channel with a stride
    in width alone, maps that become one pixel wide are never written, with AVX-512. Nothing else was found: neither in
    other forward passes or other gradients, nor in convolutions of one or three dimensions, nor in transposed ones.
    """
    if not isinstance(module, nn.Conv2d):
        return False
    down, across = map(int, module.stride)
    is_narrow = module.in_channels // module.groups < _BLOCK_OF_CHANNELS
    if module.kernel_size == (1, 1) and is_narrow and max(down, across) > 1:
        return True
    return module.in_channels == 1 and down == 1 < across
