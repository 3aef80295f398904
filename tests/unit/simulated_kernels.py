"""Kernels of simulated trajectories, and the tables that hold them."""

import numpy as np
import pandas as pd

EPOCHS = np.concatenate([[0.0], np.geomspace(0.25, 160, 29)])
STEPS = np.arange(30) * 7


def kernel(X):
    """The cosine kernel of a trajectory of points."""
    X = X / np.linalg.norm(X, axis=1, keepdims=True)
    return X @ X.T


def blocks(lengths, noise=0.0, drift=0.0, seed=0):
    """A trajectory that stays at orthogonal places, with noise and an even drift in other directions."""
    random = np.random.default_rng(seed)
    total = sum(lengths)
    X = np.repeat(np.eye(len(lengths), 400), lengths, axis=0)
    X[:, 50:] += noise * random.normal(size=(total, 350)) / np.sqrt(350)
    X[:, 49] += drift * np.linspace(0, 1, total)
    return kernel(X)


def line(length=30):
    """Even drift along a straight line, seen from far away, where the kernel's curvature is nothing."""
    X = np.ones((length, 2))
    X[:, 1] = 1e-3 * np.linspace(0, 1, length)
    return kernel(X)


def rows(S, layer, depth, value, **more):
    a, b = np.divmod(np.arange(S.size), len(S))
    frame = {
        "layer": layer, "depth": depth, "step_a": STEPS[a], "step_b": STEPS[b], "epoch_a": EPOCHS[a],
        "epoch_b": EPOCHS[b], value: S.ravel(),
    }  # fmt: skip
    return pd.DataFrame(frame | more)
