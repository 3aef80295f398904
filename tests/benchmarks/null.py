"""How often is p at most .05 where there is nothing, and where there is something? For every measure.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/null.py [--draws 2000] [--rotations 2000]

A draw is two networks of two layers, seen on n = 50 examples: the layers of one are noisy linear maps of a common
representation, and the two networks have nothing in common, or half of the variance of their first layers. Printed are,
for each measure, the mean similarity of a pair of layers, how often its p is at most .05, and the same of the largest
similarity over all four pairs, once with the null of the largest (``max``) and once with the least p of the four
(``least``), which is no p of the largest. B = 39 permutations make p ≤ .05 an event of probability 2 / 40.

Shares of p ≤ .05 with nothing in common, least and largest of the nine settings (2,000 draws each):

                        one pair        max             least
    cka                 .046 to .058    .046 to .058    .117 to .169
    cka_debiased        .044 to .056    .049 to .059    .144 to .172
    cka_deconfounded    .047 to .057    .046 to .054    .111 to .173
    rsa                 .043 to .060    .047 to .053    .134 to .171
    knn                 .034 to .052    .038 to .054    .141 to .159
    subspace            .039 to .060    .043 to .056    .129 to .172
    procrustes          .041 to .059    .043 to .060    .115 to .166

Mean raw CKA of the same pairs is .09, .50, .91 and .99 at p / n = .1, 1, 10 and 100. `docs/comparisons.md` has power.

``--rotations`` is the number of draws for Procrustes, which takes most of the time. With 2,000 draws a share near .05
has a standard error of .005.
"""

import argparse

import numpy as np

from repdyn.config.sections import ChosenMeasure
from repdyn.similarity import null, permuted

N, LAYERS, B, BATCH = 50, 2, 39, 10
CHOSEN = [
    *(ChosenMeasure(name=name) for name in ("cka", "cka_debiased", "cka_deconfounded", "rsa")),
    ChosenMeasure(name="knn", neighbours=5),
    ChosenMeasure(name="subspace", components=3),
]
PROCRUSTES = [ChosenMeasure(name="procrustes")]
# p / n of the one network and of the other, and the law of the noise.
SETTINGS = {
    "p / n = .1": (0.1, 0.1, "normal"),
    "p / n = 1": (1, 1, "normal"),
    "p / n = 10": (10, 10, "normal"),
    "p / n = 100": (100, 100, "normal"),
    "p / n = .1 and 100": (0.1, 100, "normal"),
    "p / n = .1, t with 2 degrees of freedom": (0.1, 0.1, "heavy"),
    "p / n = 10, t with 2 degrees of freedom": (10, 10, "heavy"),
    "p / n = 1 and 10, t with 2 degrees of freedom": (1, 10, "heavy"),
    "p / n = 1, half of the units dead, few alive at a time": (1, 1, "sparse"),
}


class Arrays:
    """Representations in memory."""

    def __init__(self, X):
        self.X, self.examples, self.features = X, len(X[0]), [x.shape[1] for x in X]

    def read(self, e, start, stop):
        return self.X[e][:, start:stop]

    def name(self, e):
        return f"representation {e}"


def noise(random, law, *shape):
    """Independent entries."""
    if law == "heavy":
        return random.standard_t(2, size=shape).astype(np.float32)
    values = random.standard_normal(size=shape, dtype=np.float32)
    return np.maximum(values - 1.5, 0) if law == "sparse" else values


def network(random, law, p, common=None):
    """Two layers of a network: the second is a linear map of the first, and as much noise."""
    first = noise(random, law, N, p)
    if common is not None:
        map_ = random.standard_normal(size=(common.shape[1], p), dtype=np.float32) / np.sqrt(common.shape[1])
        first = (first + common @ map_) / np.sqrt(2, dtype=np.float32)
    map_ = random.standard_normal(size=(p, p), dtype=np.float32) / np.sqrt(p) if p <= 500 else 1
    second = (first @ map_ if p <= 500 else first) + noise(random, law, N, p)
    return [first, second]


def draws(seed, ratios, law, number, shared=False):
    """So many draws: the representations, all first networks before all second ones, and inputs."""
    random = np.random.default_rng(seed)
    first, second = [], []
    for _ in range(number):
        common = random.standard_normal(size=(N, 10), dtype=np.float32) if shared else None
        first += network(random, law, max(4, round(ratios[0] * N)), common)
        second += network(random, law, max(4, round(ratios[1] * N)), common)
    return first + second, random.standard_normal(size=(N, 64), dtype=np.float32)


def values(seed, ratios, law, chosen, number, shared=False):
    """Similarities of draws: name -> (number, orders, layers, layers)."""
    X, inputs = draws(seed, ratios, law, number, shared)
    half = len(X) // 2
    sides = permuted.Sides(range(half), range(half, 2 * half))
    wanted = np.kron(np.eye(number), np.ones((LAYERS, LAYERS))).astype(bool)
    orders = null.orders(N, B, seed)
    found = permuted.similarities(Arrays(X), chosen, orders, 1e10, inputs=inputs, sides=sides, wanted=wanted)
    blocks = [slice(LAYERS * i, LAYERS * (i + 1)) for i in range(number)]
    return {name: np.stack([S[:, block, block] for block in blocks]) for name, S in found.items()}


def shares(ratios, law, chosen, number, shared=False, batch=BATCH):
    """For each measure: mean similarity, and shares of p ≤ .05 of a pair, of the largest, and of the least p."""
    seen = {measure.name: [] for measure in chosen}
    for seed in range(number // batch):
        for name, found in values(seed, ratios, law, chosen, batch, shared).items():
            for one in found:
                p = null.p_values(one)
                seen[name].append([one[0, 0, 0], p[0, 0], null.p_values(null.maxima(one)), np.min(p)])
    for name, rows in seen.items():
        similarity, *p = np.transpose(rows)
        assert not np.isnan(p).any(), name
        yield name, similarity.mean(), *((each <= 0.05 + 1e-9).mean() for each in p)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--draws", type=int, default=2000)
    parser.add_argument("--rotations", type=int, default=2000)
    options = parser.parse_args()
    for shared in (False, True):
        print("half of the variance in common" if shared else "nothing in common", flush=True)
        for title, (one, other, law) in SETTINGS.items():
            print(f"{title:58s} similarity     p    max  least")
            for chosen, most, batch in ((CHOSEN, options.draws, BATCH), (PROCRUSTES, options.rotations, 1)):
                number = most // 10 if shared else most
                for name, mean, *found in shares((one, other), law, chosen, number, shared, batch):
                    print(f"    {name:54s} {mean:10.3f} " + " ".join(f"{share:6.3f}" for share in found), flush=True)


if __name__ == "__main__":
    main()
