"""CKA of all pairs of checkpoints beside bare matrix products and beside other packages.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/cka.py [--quick]

Everything runs in one process, in turns; times are medians over rounds, ratios are to ``bare products``. Peak memory is
each one's own, beyond the features, in a process of its own. Packages are those that PyPI has; what is not installed is
left out. pytorch-cka, ckatorch and repsim come with the requirements of the tests, the others by

    pip install rsatoolbox==0.3.2 cka-pytorch==1.1.3 torch-cka==0.21

Of those that only GitHub has, the approach is written out here: the pairwise functions of the notebook by Kornblith et
al. (google-research/representation_similarity), feature side and Grams, and Grams kept and compared pair by pair, as in
netrep and repsim (wrongu). These do the least that such an approach needs (biased only, centred, no checks), so they
are lower bounds. What compares pair by pair is timed on a few and scaled to the number of pairs, marked ~: that is
E (E + 1) / 2, or all E² where a package takes two models and compares every layer with every other (torch-cka and
cka-pytorch, which here get models whose layers pass on the features). Ours gives both estimators.

    plain products   E products X Xᵀ and one S Sᵀ of whole flattened float32 Grams, with nothing around them
    bare products    those of the chosen formulation: E symmetric X Xᵀ, one S Sᵀ of half Grams in float64
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from repdyn.similarity import cka, gram

# pytorch-cka is imported as `cka`, which this script's folder would hide.
sys.path = [path for path in sys.path if Path(path).resolve() != Path(__file__).resolve().parent]

Array = np.ndarray[Any, np.dtype[Any]]
BUDGET = 2 * 2**30
BACKEND = gram.Numpy()  # as in the stage, where it serves all layers
FEW = 2  # pairs timed of what goes pair by pair


class InMemory:
    """A source of representations that lie in memory."""

    def __init__(self, X: list[Array]) -> None:
        self.X, self.examples, self.features = X, len(X[0]), [x.shape[1] for x in X]

    def read(self, e: int, start: int, stop: int) -> Array:
        return self.X[e][:, start:stop]

    def name(self, e: int) -> str:
        return f"representation {e}"


def trajectory(n: int, p: int, E: int, seed: int = 0) -> list[Array]:
    """Features that drift from one random matrix to another, with means as after a ReLU."""
    random = np.random.default_rng(seed)
    start, end = (np.maximum(random.normal(size=(n, p)).astype(np.float32), 0) for _ in range(2))
    return [start + (end - start) * np.float32(e / E) for e in range(E)]


def ours(X: list[Array]) -> Array:
    return cka.similarities(InMemory(X), BUDGET, BACKEND).biased


def plain(X: list[Array]) -> Array:
    E, n = len(X), len(X[0])
    S = np.empty((E, n, n), dtype=np.float32)
    for e in range(E):
        np.matmul(X[e], X[e].T, out=S[e])
    S = S.reshape(E, -1)
    return S @ S.T


def bare(X: list[Array]) -> float:
    """Seconds of the products alone."""
    E, n = len(X), len(X[0])
    K = np.empty((n, n), dtype=np.float32)
    half = np.ones((E, 2**15))
    begin = time.perf_counter()
    for x in X:
        np.matmul(x, x.T, out=K)
    for _ in range(0, n * n // 2, half.shape[1]):
        half @ half.T
    return time.perf_counter() - begin


def centred(x: Array) -> Array:
    return x - x.mean(axis=0)


def kornblith_features(x: Array, y: Array) -> float:
    x, y = centred(x), centred(y)
    return np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))


def kornblith_grams(x: Array, y: Array) -> float:
    K, L = (k - k.mean(0) - k.mean(1)[:, None] + k.mean() for k in (x @ x.T, y @ y.T))
    return (K.ravel() @ L.ravel()) / (np.linalg.norm(K) * np.linalg.norm(L))


def cached_grams(X: list[Array]) -> Array:
    K = [centred(x) @ centred(x).T for x in X]
    norms = [np.linalg.norm(k) for k in K]
    found = np.eye(len(X))
    for i, j in itertools.combinations(range(len(X)), 2):
        found[i, j] = found[j, i] = (K[i].ravel() @ K[j].ravel()) / (norms[i] * norms[j])
    return found


def pytorch_cka(X: list[Array]) -> Any:
    import torch
    from cka import cka_from_features

    return cka_from_features([torch.from_numpy(centred(x)) for x in X], [torch.from_numpy(centred(x)) for x in X])


def ckatorch(x: Array, y: Array) -> Any:
    import torch
    from ckatorch.core import cka_base

    return cka_base(torch.from_numpy(x), torch.from_numpy(y))


def repsim(x: Array, y: Array) -> Any:
    import repsim

    return repsim.cka([x, y], kernel_type="linear", estimator="gretton")


def rsatoolbox(X: list[Array]) -> Any:
    from rsatoolbox.data import Dataset
    from rsatoolbox.rdm import calc_rdm, compare

    rdms = calc_rdm([Dataset(centred(x)) for x in X], method="euclidean")
    return compare(rdms, rdms, method="cosine_cov")


def passing(X: list[Array]) -> tuple[Any, list[str], Any]:
    """A model with a layer for each representation, which it passes on; the layers' names; a loader of one batch."""
    import torch

    class Passing(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.anchor = torch.nn.Parameter(torch.zeros(1))
            self.layers = torch.nn.ModuleList(torch.nn.Identity() for _ in X)

        def forward(self, x: Any) -> Any:
            return [layer(x[:, e]) for e, layer in enumerate(self.layers)]

    features = torch.from_numpy(np.stack([centred(x) for x in X], axis=1))
    dataset = torch.utils.data.TensorDataset(features, torch.zeros(len(features)))
    loader = torch.utils.data.DataLoader(dataset, batch_size=len(features))
    return Passing, [f"layers.{e}" for e in range(len(X))], loader


def torch_cka(X: list[Array]) -> Any:
    import torch_cka as package

    Model, names, loader = passing(X)
    found = package.CKA(Model(), Model(), model1_layers=names, model2_layers=names, device="cpu")
    found.compare(loader, loader)
    return found.hsic_matrix


def cka_pytorch(X: list[Array]) -> Any:
    from cka_pytorch import CKACalculator

    Model, names, loader = passing(X)
    found = CKACalculator(Model(), Model(), names, names, hook_recursive=False, verbose=False)
    return found.calculate_cka_matrix(loader, num_epochs=1)


WHOLE: dict[str, Callable[[list[Array]], Any]] = {
    "repdyn": ours,
    "plain products": plain,
    "Grams kept, pair by pair": cached_grams,
}
PAIRWISE: dict[str, Callable[[Array, Array], Any]] = {
    "Kornblith, features": kornblith_features,
    "Kornblith, Grams": kornblith_grams,
}
# Package -> what it is imported as, and how it is used.
PACKAGES = {
    "pytorch-cka, centred first": ("cka", pytorch_cka),
    "rsatoolbox, centred first": ("rsatoolbox", rsatoolbox),
}
PAIRWISE_PACKAGES = {"ckatorch": ckatorch, "repsim": repsim}
SQUARE = {"torch-cka": ("torch_cka", torch_cka), "cka-pytorch": ("cka_pytorch", cka_pytorch)}
WHOLE |= {name: use for name, (module, use) in PACKAGES.items() if importlib.util.find_spec(module)}
PAIRWISE |= {name: use for name, use in PAIRWISE_PACKAGES.items() if importlib.util.find_spec(name)}
SQUARE = {name: (module, use) for name, (module, use) in SQUARE.items() if importlib.util.find_spec(module)}


def seconds(name: str, X: list[Array]) -> float:
    """How long one way takes for all pairs."""
    if name == "bare products":
        return bare(X)
    begin = time.perf_counter()
    if name in WHOLE:
        WHOLE[name](X)
        return time.perf_counter() - begin
    if name in SQUARE:
        SQUARE[name][1](X[:FEW])
        return (time.perf_counter() - begin) / FEW**2 * len(X) ** 2
    calls = 1 if name == "repsim" else FEW
    for e in range(calls):
        PAIRWISE[name](X[e], X[e + 1])
    # repsim computes the diagonal too, so one call is worth three pairs.
    pairs = 3 if name == "repsim" else FEW
    return (time.perf_counter() - begin) / pairs * len(X) * (len(X) + 1) / 2


def peak(name: str, case: tuple[int, int, int], pipe: Any) -> None:
    """Send the MiB of memory that one way needs beyond the features and a small problem's."""
    seconds(name, trajectory(50, 20, FEW + 1))
    X = trajectory(*case)
    Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")  # the peak so far is forgotten
    before = resident("VmRSS")
    seconds(name, X)
    pipe.send(resident("VmHWM") - before)


def resident(field: str) -> float:
    """MiB of this process as the Linux kernel counts them: now (VmRSS) or at most (VmHWM)."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return float(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def memory(name: str, case: tuple[int, int, int]) -> float:
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=peak, args=(name, case, sender))
    process.start()
    sender.close()
    found: float = receiver.recv()
    process.join()
    return found


def compare(case: tuple[int, int, int], names: list[str], rounds: int, slow: set[str]) -> None:
    """Print the table of one case; what is slow is timed in the first round alone."""
    for name in names:
        seconds(name, trajectory(50, 20, FEW + 1))  # imports, first calls
    X = trajectory(*case)
    times: dict[str, list[float]] = {name: [] for name in names}
    for round_ in range(rounds):
        for name in names:
            if round_ == 0 or name not in slow:
                times[name].append(seconds(name, X))
    del X
    base = statistics.median(times["bare products"])
    n, p, E = case
    print(f"\n{E} checkpoints of ({n} × {p}), {rounds} rounds")
    print(f"{'':28}{'seconds':>10}{'ratio':>9}{'MiB':>8}")
    for name in sorted(names, key=lambda name: statistics.median(times[name])):
        took = statistics.median(times[name])
        mark = "~" if name in PAIRWISE or name in SQUARE else ""
        used = "" if name == "bare products" else f"{memory(name, case):8.0f}"
        print(f"{name:28}{mark + format(took, '.2f'):>10}{took / base:9.2f}{used}", flush=True)


def tensor_float(x: Array) -> Array:
    """Float32 rounded to the 10 bits that TF32 keeps, as a GPU does before it multiplies."""
    bits = np.ascontiguousarray(x, dtype=np.float32).view(np.uint32)
    return ((bits + np.uint32(0x0FFF) + ((bits >> np.uint32(13)) & np.uint32(1))) & np.uint32(0xFFFFE000)).view(
        np.float32
    )


def effect_of_tf32() -> None:
    """Print what TF32 would change: factors rounded to 10 bits after centring, products float32."""
    print("\nlargest change of CKA by TF32 (emulated), 20 checkpoints")
    for n, p in ((500, 64), (500, 512), (500, 4096)):
        X = [centred(x) for x in trajectory(n, p, 20)]
        one, other = (cka.similarities(InMemory(Y), BUDGET) for Y in (X, [tensor_float(x) for x in X]))
        changes = (np.abs(a - b).max() for a, b in ((one.biased, other.biased), (one.debiased, other.debiased)))
        print(
            f"{n} × {p:5}: "
            + ", ".join(f"{change:.0e} {kind}" for change, kind in zip(changes, ("biased", "debiased"), strict=True))
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a tenth of the size")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    everything = ["bare products", *WHOLE, *PAIRWISE, *SQUARE]
    cases = [(2000, 512, 20), (1000, 16384, 20), (1000, 512, 20), (1000, 512, 100)]
    if arguments.quick:
        cases = [(200, 50, 20), (100, 1600, 20), (100, 50, 20), (100, 50, 100)]
    for case in cases:
        # Whole Kornblith features at p = 16384 take a minute and a gibibyte a pair.
        names = [name for name in everything if not (case[1] > 10_000 and name == "Kornblith, features")]
        compare(case, names, arguments.rounds, slow={*PAIRWISE, *SQUARE})
    effect_of_tf32()


if __name__ == "__main__":
    main()
