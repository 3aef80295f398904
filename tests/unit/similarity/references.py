"""Measures written out in float64, one pair at a time, straight from their definitions."""

import numpy as np
from scipy.spatial import distance
from scipy.stats import rankdata


def centred(X):
    X = X.astype(np.float64)
    X = np.ldexp(X, -np.frexp(np.abs(X).max())[1])  # exact, so that equal distances stay equal
    return X - X.mean(0)


def neighbours(X, k):
    """Sets of the k nearest neighbours of each example, ties to the lowest index."""
    d = distance.squareform(distance.pdist(centred(X), "sqeuclidean"))
    np.fill_diagonal(d, np.inf)
    return np.sort(np.argsort(d, axis=1, kind="stable")[:, :k], axis=1)


def knn(X, Y, k):
    pairs = zip(neighbours(X, k), neighbours(Y, k), strict=True)
    return np.mean([len(set(a) & set(b)) / k for a, b in pairs])


def rsa(X, Y):
    one, other = (rankdata(distance.pdist(centred(Z))) for Z in (X, Y))
    return np.corrcoef(one, other)[0, 1]


def subspace(X, Y, r):
    U, V = (np.linalg.svd(centred(Z), full_matrices=False)[0][:, :r] for Z in (X, Y))
    return np.square(U.T @ V).sum() / r


def procrustes(X, Y):
    X, Y = centred(X), centred(Y)
    return np.linalg.svd(X.T @ Y, compute_uv=False).sum() / (np.linalg.norm(X) * np.linalg.norm(Y))


def u_centred(K):
    """The Gram matrix of which ⟨·, ·⟩ is the unbiased HSIC times n (n − 3) (Székely & Rizzo 2014)."""
    n = len(K)
    rows = K.sum(axis=1, dtype=np.float64) - np.diagonal(K)
    found = K - ((rows[:, None] + rows) / (n - 2) - rows.sum() / ((n - 1) * (n - 2)))
    np.fill_diagonal(found, 0)
    return found


def residual(K, M):
    """A Gram matrix without its projection onto another."""
    return K - (K * M).sum() / (M * M).sum() * M


def deconfounded(X, Y, inputs):
    K, L, M = (centred(Z) @ centred(Z).T for Z in (X, Y, inputs))
    K, L = (residual(Z, M) for Z in (K, L))
    with np.errstate(invalid="ignore"):  # of the inputs themselves nothing is left
        return (K * L).sum() / (np.linalg.norm(K) * np.linalg.norm(L))
