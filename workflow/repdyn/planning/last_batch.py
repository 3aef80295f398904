"""Whether the last batch of an epoch disturbs batch norm.

In training, batch norm normalises a batch by the batch's own statistics. Those of a few examples are far from those of
the other batches, and at a constant rate such a step can undo a fit again and again (``docs/training.md`` has numbers).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..models import batch_norm

if TYPE_CHECKING:
    from torch import nn

SMALL = 0.5  # of a batch


def remark(model: nn.Module, examples: int, batch_size: int) -> str | None:
    """A remark where a network with batch norm sees a last batch of less than half the size of the others.

    Args:
        model: the network, which is left as it is.
        examples: that it is trained on.
        batch_size: of training.
    """
    last = examples % batch_size
    if not 0 < last < SMALL * batch_size or not batch_norm.find(model):
        return None
    return (
        f"the last batch of an epoch has {last} of {batch_size} examples, by whose statistics alone batch norm "
        f"normalises it, so training may lose its fit again; {divisor(examples, batch_size)}, as "
        f"`training.batch_size`, divides {examples}"
    )


def divisor(number: int, near: int) -> int:
    """The divisor of a number that is nearest to another number, by ratio."""
    divisors = [d for d in range(1, number + 1) if number % d == 0]
    return min(divisors, key=lambda d: max(d / near, near / d))
