"""Features of examples whose classes are Gaussian."""

import numpy as np


def blobs(n, p, classes, seed=0, spread=1.0):
    """Gaussian classes of unequal size, and features of unequal mean and scale."""
    generator = np.random.default_rng(seed)
    labels = generator.choice(classes, size=n, p=np.arange(1, classes + 1) / np.arange(1, classes + 1).sum())
    labels[:classes] = np.arange(classes)
    features = generator.normal(size=(classes, p))[labels] + spread * generator.normal(size=(n, p))
    return features * generator.uniform(0.1, 10, size=p) + generator.normal(size=p), labels
