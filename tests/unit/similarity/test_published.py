"""Measures as published code has them, written out from its description, one pair and one example at a time.

Each oracle follows the steps of the package that it names, in float64, and not those of this library.
"""

import numpy as np
import pytest
import torch
from calibrated_similarity import calibrate, calibrate_layers
from measuring import HARD
from scipy.spatial import distance
from scipy.stats import rankdata
from synthetic import PLENTY, Arrays, outlying, spread

from repdyn.config.sections import ChosenMeasure
from repdyn.similarity import measured, null, permuted

NEIGHBOURS = 7


def rsatoolbox(X, Y):
    """``calc_rdm(method="euclidean")`` and ``compare(method="spearman")`` of rsatoolbox (van den Bosch et al. 2025)."""

    def dissimilarities(Z):
        return np.concatenate([np.square(Z[i] - Z[i + 1 :]).mean(axis=1) for i in range(len(Z))])

    one, other = (rankdata(dissimilarities(Z)) for Z in (X, Y))
    one, other = one - one.mean(), other - other.mean()
    return one @ other / np.sqrt((one @ one) * (other @ other))


def resi_rsa(X, Y):
    """``RSA`` of ReSi (Klabunde et al. 2024) with ``inner="euclidean"``: Pearson's correlation of ranks."""
    return np.corrcoef(*(rankdata(distance.pdist(Z)) for Z in (X, Y)))[0, 1]


def platonic(X, Y):
    """``mutual_knn`` of platonic-rep (Huh et al. 2024), with Euclidean distances in place of inner products."""

    def mask(Z):
        found = np.zeros((len(Z), len(Z)))
        for i in range(len(Z)):
            away = np.square(Z[i] - Z).sum(axis=1)
            away[i] = np.inf
            found[i, np.argsort(away, kind="stable")[:NEIGHBOURS]] = 1
        return found

    return ((mask(X) * mask(Y)).sum(axis=1) / NEIGHBOURS).mean()


def resi_jaccard(X, Y):
    """``JaccardSimilarity`` of ReSi with Euclidean neighbours; m in common of k are m / (2 k − m) here."""
    shares = []
    for i in range(len(X)):
        one, other = (np.linalg.norm(Z - Z[i], axis=1) for Z in (X, Y))
        one[i] = other[i] = np.inf
        a, b = ({*np.argsort(d, kind="stable")[:NEIGHBOURS].tolist()} for d in (one, other))
        jaccard = len(a & b) / len(a | b)
        shares.append(2 * jaccard / (1 + jaccard))
    return np.mean(shares)


def netrep(X, Y):
    """The cosine of the angular distance of ``LinearMetric(alpha=1)`` of netrep (Williams et al. 2021)."""
    p = max(X.shape[1], Y.shape[1])
    X, Y = (np.pad(Z - Z.mean(axis=0), [(0, 0), (0, p - Z.shape[1])]) for Z in (X, Y))
    U, _, V = np.linalg.svd(X.T @ Y)
    one, other = (X @ U).ravel(), (Y @ V.T).ravel()
    return one @ other / (np.linalg.norm(one) * np.linalg.norm(other))


def resi_procrustes(X, Y):
    """The similarity 1 − d² / 2 of ReSi's distance d between centred features of unit norm (Ding et al. 2021)."""
    X, Y = (Z - Z.mean(axis=0) for Z in (X, Y))
    X, Y = (Z / np.linalg.norm(Z) for Z in (X, Y))
    turn = np.linalg.svd(X.T @ Y, full_matrices=False)
    return 1 - np.square(X @ turn[0] @ turn[2] - Y).sum() / 2


def resi_cka(X, Y):
    """``CKA`` of ReSi: features are centred and Grams centred again."""
    K, L = (Z @ Z.T for Z in (X - X.mean(axis=0), Y - Y.mean(axis=0)))
    K, L = (M - M.mean(axis=0)[:, None] for M in (K, L))
    return np.trace(K @ L) / np.sqrt(np.trace(K @ K) * np.trace(L @ L))


def platonic_unbiased_cka(X, Y):
    """``unbiased_cka`` of platonic-rep, eq. 5 of Song et al. 2012, without its 1e-6 in the denominator."""

    def hsic(K, L):
        m = len(K)
        K, L = K - np.diag(np.diag(K)), L - np.diag(np.diag(L))
        return (K * L.T).sum() + K.sum() * L.sum() / ((m - 1) * (m - 2)) - 2 * (K @ L).sum() / (m - 2)

    K, L = (Z @ Z.T for Z in (X - X.mean(axis=0), Y - Y.mean(axis=0)))
    return hsic(K, L) / np.sqrt(hsic(K, K) * hsic(L, L))


PUBLISHED = {
    rsatoolbox: "rsa",
    resi_rsa: "rsa",
    platonic: "knn",
    resi_jaccard: "knn",
    netrep: "procrustes",
    resi_procrustes: "procrustes",
    resi_cka: "cka",
    platonic_unbiased_cka: "cka_debiased",
}
INPUTS = {name: HARD[name] for name in HARD if name != "scale 1e-30"} | {"one example far out": outlying}


@pytest.mark.parametrize("change", INPUTS)
@pytest.mark.parametrize(("n", "p"), [(40, 90), (264, 20)])
def test_measures_are_those_of_published_code(change, n, p):
    X = [INPUTS[change](x).astype(np.float16 if change == "float16" else np.float32) for x in spread(n, p, E=2)]
    chosen = [ChosenMeasure(name=name) for name in ("cka", "cka_debiased", "rsa", "procrustes")]
    chosen.append(ChosenMeasure(name="knn", neighbours=NEIGHBOURS))
    found = measured.similarities(Arrays(X), chosen, PLENTY).matrices
    # As exact as float64 can hold them: without the means, which float64 would lose digits to, and of size 1.
    one, other = (Z.astype(np.float64) - Z.astype(np.float64).mean(axis=0) for Z in X)
    one, other = (Z / np.abs(Z).max() for Z in (one, other))
    for published, name in PUBLISHED.items():
        assert found[name][0, 1] == pytest.approx(published(one, other), abs=1e-6), published.__name__


def in_turn(orders):
    """A function that gives the orders of a null to calibrated-similarity, one after the other."""
    following = iter(orders[1:])
    return lambda *_: torch.from_numpy(next(following))


@pytest.mark.parametrize("p", [5, 200])
def test_p_and_calibrated_values_are_those_of_the_package_of_the_papers_authors(p):
    random = np.random.default_rng(p)
    shared = random.normal(size=(30, 3))
    X = [shared @ random.normal(size=(3, p)) * 0.4 + random.normal(size=(30, p)) for _ in range(4)]
    orders, sides = null.orders(30, 39, 0), permuted.Sides([0, 1], [2, 3])
    values = permuted.similarities(Arrays(X), [ChosenMeasure(name="cka")], orders, PLENTY, sides=sides)["cka"]

    def cka(one, other):
        one, other = one - one.mean(0), other - other.mean(0)
        K, L = one @ one.T, other @ other.T
        return (K * L).sum() / (K.norm() * L.norm())

    tensors = [torch.from_numpy(x) for x in X]
    for i, j in np.ndindex(2, 2):
        expected = calibrate(tensors[i], tensors[2 + j], cka, K=39, perm_fn=in_turn(orders))
        assert null.p_values(values)[i, j] == pytest.approx(float(expected[1]), rel=1e-6)
        assert null.calibrated(values)[i, j] == pytest.approx(float(expected[0]), abs=2e-6)
    largest = null.maxima(values)
    expected = calibrate_layers(tensors[:2], tensors[2:], cka, K=39, perm_fn=in_turn(orders))
    assert null.p_values(largest) == pytest.approx(float(expected[1]), rel=1e-6)
    assert null.calibrated(largest) == pytest.approx(float(expected[0]), abs=2e-6)
