"""The arithmetic of ``gram.py`` in torch, for a GPU: the same steps in the same precision.

Products are float32, with TF32 off unless asked for. TF32 keeps 10 bits of each factor; ``tests/benchmarks/cka.py``
measures its effect on CKA. Sums over pairs are float64, as on the CPU.
"""

from __future__ import annotations

import torch

from ..runtime import devices
from ..types import Array
from . import distances, gram, nearest, subspace

CHUNK = 2**20  # entries of each Gram that are converted to float64 at a time
CHUNKS = 2**25  # entries of all Grams together, or features, that are converted to float64 at a time, 256 MiB


class Torch:
    """A ``gram.Backend`` on one device."""

    def __init__(self, device: torch.device, tf32: bool = False) -> None:
        self.device, self.tf32 = device, tf32

    def centred(self, X: Array, exponent: int) -> tuple[torch.Tensor, float, float]:
        """See ``gram.Backend``; some features at a time, because a float64 sum makes a float64 copy."""
        Xc = torch.tensor(X, device=self.device)  # a copy on any device, which is centred in place
        if Xc.dtype != torch.float64:
            Xc = Xc.float()
        if exponent:
            Xc = torch.ldexp(Xc, torch.tensor(-exponent, device=self.device))
        total, spread = torch.zeros(2, dtype=torch.float64, device=self.device)
        for part in Xc.split(max(1, CHUNKS // len(X)), dim=1):
            total += part.square().sum(dtype=torch.float64)
            # The mean is float64, but the difference is rounded, so subtract it twice.
            for _ in range(2):
                part.sub_(part.mean(dim=0, dtype=torch.float64).to(part.dtype))
            spread += part.square().sum(dtype=torch.float64)
        return Xc.float(), float(total), float(spread)

    def zeros(self, *shape: int) -> torch.Tensor:
        """See ``gram.Backend``."""
        return torch.zeros(shape, dtype=torch.float32, device=self.device)

    def stack(self, *shape: int) -> torch.Tensor:
        """See ``gram.Backend``; torch reuses freed memory."""
        return torch.empty(shape, dtype=torch.float32, device=self.device)

    def gram(self, X: torch.Tensor, start: int, out: torch.Tensor) -> None:
        """See ``gram.Backend``."""
        before = torch.backends.cuda.matmul.allow_tf32
        torch.backends.cuda.matmul.allow_tf32 = self.tf32
        try:
            out.copy_(X[start : start + len(out)] @ X[start:].T)
        finally:
            torch.backends.cuda.matmul.allow_tf32 = before

    def inner(self, S: torch.Tensor) -> Array:
        """See ``gram.Backend``."""
        E, rows, width = S.shape
        G = torch.zeros((E, E), dtype=torch.float64, device=self.device)
        step = gram.rows_at_a_time(E, width, CHUNK, CHUNKS)
        for r in range(0, rows, step):
            upper = S[:, r : r + step, r:].double()
            square = upper[:, :, : upper.shape[1]].reshape(E, -1)
            upper = upper.reshape(E, -1)
            G += 2 * (upper @ upper.T) - square @ square.T
        found: Array = G.cpu().numpy()
        return found

    def diagonals(self, S: torch.Tensor) -> Array:
        """See ``gram.Backend``."""
        found: Array = torch.diagonal(S, dim1=1, dim2=2).double().cpu().numpy()
        return found

    def sums(self, S: torch.Tensor) -> Array:
        """See ``gram.Backend``."""
        E, rows, width = S.shape
        total = torch.zeros((E, width), dtype=torch.float64, device=self.device)
        step = gram.rows_at_a_time(E, width, CHUNK, CHUNKS)
        for r in range(0, rows, step):
            upper = S[:, r : r + step, r:]
            height = upper.shape[1]
            total[:, r : r + height] += upper.sum(dim=2, dtype=torch.float64)
            total[:, r + height :] += upper[:, :, height:].sum(dim=1, dtype=torch.float64)
        found: Array = total.cpu().numpy()
        return found

    def array(self, S: torch.Tensor) -> Array:
        """See ``gram.Backend``."""
        found: Array = S.cpu().numpy()
        return found

    def entries(self, K: torch.Tensor, rows: Array, columns: Array) -> Array:
        """See ``gram.Backend``."""
        places = (torch.from_numpy(index).to(self.device) for index in (rows, columns))
        found: Array = K[tuple(places)].double().cpu().numpy()
        return found

    def write(self, K: torch.Tensor, values: Array) -> None:
        """See ``gram.Backend``."""
        K.copy_(torch.from_numpy(values))

    def candidates(self, K: torch.Tensor, k: int, slack: float) -> nearest.Candidates | None:
        """See ``gram.Backend``."""
        n, left = len(K), nearest.OPEN * len(K) ** 2
        norms = torch.diagonal(K) * (slack / 2)
        sure, unsure = [], [torch.empty(0, dtype=torch.int64, device=self.device)]
        for start in range(0, n, max(1, CHUNKS // n)):
            d = _distances(K, start, min(n, start + max(1, CHUNKS // n)))
            rows = torch.arange(len(d), device=self.device)
            d[rows, start + rows] = torch.inf
            margin = norms[start : start + len(d), None] + norms
            least, most = d - margin, d + margin
            possible = least <= torch.topk(most, k, dim=1, largest=False).values[:, -1:]
            certain = most < torch.topk(least, k, dim=1, largest=False).values[:, -1:]
            certain |= possible & (possible.sum(dim=1, keepdim=True) == k)
            places = (possible & ~certain).flatten().nonzero()[:, 0]
            left -= len(places)
            if left < 0:
                return None
            unsure.append(places + start * n)
            sure.append(certain.flatten().nonzero()[:, 0] + start * n)
        return nearest.Candidates(n, k, torch.cat(sure).cpu().numpy(), torch.cat(unsure).cpu().numpy())

    def rank(self, K: torch.Tensor) -> None:
        """See ``gram.Backend``."""
        n = len(K)
        above = torch.ones((n, n), dtype=torch.bool, device=self.device).triu_(1)
        values, places = torch.sort(_distances(K, 0, n)[above])
        if values[-1] - values[0] <= distances.ZERO * values[-1]:
            K.zero_()
            return
        _, group, counts = torch.unique_consecutive(values, return_inverse=True, return_counts=True)
        del values
        ends = counts.cumsum(0).double()
        # Of ranks ends − counts … ends − 1, less (N − 1) / 2.
        means = (ends - counts / 2 - len(places) / 2).float()
        flat = torch.empty(len(places), dtype=torch.float32, device=self.device)
        flat[places] = means[group]
        K.zero_()
        K[above] = flat
        K += K.T.clone()

    def components(self, K: torch.Tensor, r: int) -> tuple[Array, float]:
        """See ``gram.Backend``."""
        n = len(K)
        if n <= r:
            return subspace.undefined(n, r), 0.0
        values, vectors = torch.linalg.eigh(K.double())
        values, vectors = values[-r - 1 :].flip(0), vectors[:, -r:].flip(1)
        return subspace.resolved(values.cpu().numpy(), vectors.cpu().numpy(), r)

    def components_of_features(self, X: torch.Tensor, r: int) -> tuple[Array, float]:
        """See ``gram.Backend``."""
        n, p = X.shape
        if min(n, p) < r:
            return subspace.undefined(n, r), 0.0
        X = X.double()
        values, vectors = torch.linalg.eigh(X.T @ X)
        values = torch.cat([values.new_zeros(1), values])[-r - 1 :].flip(0)
        V = torch.linalg.qr(X @ vectors[:, -r:].flip(1))[0]
        return subspace.resolved(values.cpu().numpy(), V.cpu().numpy(), r)

    def dot(self, K: torch.Tensor, L: torch.Tensor) -> float:
        """See ``gram.Backend``."""
        parts = zip(K.reshape(-1).split(CHUNKS), L.reshape(-1).split(CHUNKS), strict=True)
        return sum(float(one.double() @ other.double()) for one, other in parts)


def _distances(K: torch.Tensor, start: int, stop: int) -> torch.Tensor:
    """Half the squared distances of examples ``start`` to ``stop`` to all, as in ``distances.halved``."""
    norms = torch.diagonal(K) / 2
    sums = norms[start:stop, None] + norms
    d = sums - K[start:stop]
    d[d <= distances.ZERO * sums] = 0
    return d


def choose(device: str, budget: float, tf32: bool) -> tuple[gram.Backend, float]:
    """The GPU and the bytes it may use (at most 80 % of its free memory), or the CPU if there is no GPU."""
    found = devices.prepare(device)
    if found.type != "cuda":
        return gram.Numpy(), budget
    free, _ = torch.cuda.mem_get_info(found)
    return Torch(found, tf32), min(budget, 0.8 * free)
