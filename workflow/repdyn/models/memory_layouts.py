"""The memory layout of images and weights: channels first or channels last, decided only here.

torch and oneDNN choose the kernels of a convolution by strides. It runs channels last if its images *or* its weights
have the strides of that order, and so do the layers that follow. If a dimension is 1 (a grey image, a map of one
pixel), both orders are the same bytes, and several strides describe them: ``contiguous()`` keeps the present ones, and
``permute`` leaves those of channels last. So tensors get the exact strides of one order: a network's weights when it is
prepared, and its images when they enter it.

Cost: a comparison of four numbers in each forward pass, and a copy of the images if strides differ.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from ..config.sections import Training

# The most channels that oneDNN handles at once (with AVX-512; eight with AVX2).
_BLOCK_OF_CHANNELS = 16


def choose(settings: Training, model: nn.Module, device: torch.device) -> torch.memory_format:
    """The layout for training: channels last if ``channels_last`` asks for it, the fastest for convolutions.

    On CPUs a network of narrow strided shortcuts, such as a ResNet of width 8, is always trained with channels first,
    because its numbers would be wrong otherwise.

    Args:
        settings: the ``training`` section.
        model: the network.
        device: of the training.
    """
    is_wanted = settings.channels_last
    if device.type == "cpu" and any(map(_fails_with_channels_last, model.modules())):
        is_wanted = False
    return torch.channels_last if is_wanted else torch.contiguous_format


def lay_out(model: nn.Module, memory_format: torch.memory_format) -> None:
    """Lay out a network's weights, and from now on the images that enter it; call again to change both.

    The inputs of convolutions that fail with channels last are laid out too, because a network may permute its maps.
    """
    for tensor in (*model.parameters(), *model.buffers()):
        tensor.data = laid_out(tensor.data, memory_format)

    def at_the_door(_module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(laid_out(x, memory_format) if isinstance(x, torch.Tensor) else x for x in inputs)

    for module in (model, *filter(_fails_with_channels_last, model.modules())):
        module.register_forward_pre_hook(at_the_door)


def laid_out(tensor: torch.Tensor, memory_format: torch.memory_format) -> torch.Tensor:
    """A tensor with the exact strides of a memory format: itself, or a copy.

    Args:
        tensor: images, maps or weights, (n, channels, height, width); tensors of other dimensions are returned
            unchanged.
        memory_format: ``torch.channels_last`` or ``torch.contiguous_format`` (channels first).
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
    """Whether oneDNN (3.12, in torch 2.14) fails for these weights with channels last.

    For a strided 1 × 1 convolution with fewer channels than a block, the gradient of the weights writes past its
    buffer: it crashes, hangs, or is wrong (github.com/uxlfoundation/oneDNN/issues/6035). With one channel and a stride
    in width alone, AVX-512 never writes maps that become one pixel wide. No other failures were found, neither in other
    forward passes or gradients, nor in 1-D, 3-D or transposed convolutions.
    """
    if not isinstance(module, nn.Conv2d):
        return False
    down, across = map(int, module.stride)
    is_narrow = module.in_channels // module.groups < _BLOCK_OF_CHANNELS
    if module.kernel_size == (1, 1) and is_narrow and max(down, across) > 1:
        return True
    return module.in_channels == 1 and down == 1 < across
