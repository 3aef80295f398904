"""Weights of a wide layer's probe from its coefficients: W = Zᵀ α, with Z of the examples that it was trained on.

A forward pass gives the activations of these examples at the checkpoint again, and so Z. Another network, other
examples or another order of them would give other weights without an error, so the scores on these examples must be
those that the probe had when it was trained.

Time: m² p multiplications for m examples of p features. Memory: m² float64, and a block of features.
"""

from __future__ import annotations

import numpy as np

from ..errors import RepdynError
from ..types import Array
from . import fit, low_rank
from .probe_weights import Coefficients, Probe

# Largest difference of scores, as a fraction of their spread. Another device or another size of batches changes float32
# activations by some 1e-5 of theirs; other examples change scores by all of their spread.
AGREES = 1e-3
# The same of the largest sum of magnitudes that give a score, which are much larger than it if the penalty is weak.
ROUNDING = 1e-5


def probe(coefficients: Coefficients, activations: Array, layer: str) -> Probe:
    """The probe on features.

    Args:
        coefficients: the stored probe.
        activations: (m, p), float32, of the examples that it was trained on, in their order.
        layer: its name, for the message.

    Raises:
        RepdynError: if the scores on the examples are not the stored ones.
    """
    mean, scale = fit.standardisation(activations)
    K, C, m = coefficients.weight.shape
    p = activations.shape[1]
    gram = low_rank.gram(fit.standardised(activations, mean, scale), m)
    dual = coefficients.weight.reshape(K * C, m).astype(np.float64)
    scores = (dual @ gram).reshape(K, C, m) + coefficients.bias[:, :, None]
    off = float(np.abs(scores - coefficients.scores).max())
    spread = float(np.ptp(coefficients.scores))
    if not off <= AGREES * spread + ROUNDING * float((np.abs(dual) @ np.abs(gram)).max()):
        raise RepdynError(
            f"The activations of layer `{layer}` are not those that its probe was trained on: scores differ by "
            f"{off:.2g}, of a spread of {spread:.2g}. If checkpoints or the device have changed, delete the run's "
            "activations and run Snakemake again."
        )
    exact, weight = coefficients.exact(gram), np.empty((K * C, p), dtype=np.float32)
    for part, Z in fit.standardised(activations, mean, scale):
        weight[:, part] = exact @ Z
    return Probe(
        weight=weight.reshape(K, C, p),
        bias=coefficients.bias,
        mean=mean.astype(np.float32),
        scale=scale.astype(np.float32),
        gradient=coefficients.gradient,
    )
