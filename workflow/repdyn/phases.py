"""Events, phases and scores of a run, from its history and its checkpoint-by-checkpoint matrices.

Measures: ``cka``, ``cka_debiased``, and ``regions:test``, ``regions:clean``, ``regions:mislabelled`` for decision
regions on each set of planes. Phases are found in each layer under each measure (``changepoints.py``); events are
epochs (``events.py``).

Scores of a layer under a measure:

| score | formula | range |
|---|---|---|
| phases | number of phases | 1 … 6 |
| distinguishability_D | of D = 2, 3 phases, beyond drift of the same total change | ≤ 1; drift 0, clean blocks 1 |
| novelty | largest, over moments, of similarity within the 4 points on either side minus across (Foote 2000) | −1 … 1 |
| transition_fitted | 2 × (share of moments less novel than that of sustained perfect fit, ties half) − 1 | −1 … 1 |
| alignment_fitted | 1 − d / mean d, d from sustained perfect fit to the nearest boundary, its mean over moments | ≤ 1 |
| alignment_onset, _end, _dip | the same of onset and end of memorization, and of the dip of test accuracy | ≤ 1 |
| change_descent | 1 − similarity of the test dip to the last checkpoint, where there is a dip | 0 … 1 |
| change_memorization | 1 − mean similarity of checkpoints before onset to those after sustained perfect fit | 0 … 1 |
| change_fitted | 1 − mean similarity among the checkpoints after sustained perfect fit | 0 … 1 |
| change_early | 1 − similarity of initialisation to the last checkpoint before onset | 0 … 1 |

Scores of a run under a measure, over its layers without the first (a stem or embedding) and without the output:

| score | formula | range |
|---|---|---|
| synchrony | mean over pairs of layers of the CKA of their double-centred matrices | −1 … 1 |
| progress_gap | mean over pairs of the mean absolute difference of their cumulative shares of change | 0 … 1 |
| depth_trend_descent | Spearman correlation of depth and change_descent | −1 … 1 |
| depth_trend_memorization | the same of depth and change_memorization, which needs no dip | −1 … 1 |
| boundary_spread | standard deviation over layers, in decades of epochs, of where the best two phases meet | ≥ 0 |
| boundary_distance | mean distance, in decades of epochs, of perfect fit to each layer's nearest phase boundary | ≥ 0 |

Transition and alignment are 0, on average, for a moment that falls anywhere on the log axis. For moments in its middle,
as perfect fit is, that holds only if novelty is no larger there and boundaries are no nearer. So what both are at every
moment is a table of its own, from which ``crossover.py`` tells what perfect fit of another run would have scored.
Distinguishability, novelty, transition and synchrony are of the matrix at even distances of log epoch, its points
(``trajectories.py``), so that the schedule makes no phases; the changes are of the checkpoints themselves.
``cka_debiased`` is a measure too: U-centred Grams have an inner product, of which it is the cosine. Kappa is none: its
correction differs from pair to pair, so that it is not a kernel, and agreement, which is, is the paper's measure.

The changes may leave 0 … 1 under ``cka_debiased``, as that does. Change through memorization starts from all that came
before it, initialisation included: it holds what little of the pattern was learned late, too.

Missing is null: an event that does not take place, a score that needs it, a layer without phases.
Time: next to nothing. No score was chosen after looking at the runs that it is reported for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats

from . import changepoints, events, tables
from . import trajectories as paths_in_time
from .layer_names import OUTPUT
from .progress import LOG
from .records.cka import CKA
from .records.phases import MOMENTS, SCORES, SEGMENTS
from .records.regions import SIMILARITY
from .records.train import HISTORY

if TYPE_CHECKING:
    from .jobs import Job

Array = np.ndarray[Any, np.dtype[Any]]
Score = tuple[str | None, str | None, str, float | None]

# Events that boundaries may fall on, as scores call them.
ALIGNED = {
    "fitted": "perfect_fit_sustained",
    "onset": "memorization_onset",
    "end": "memorization_end",
    "dip": "test_dip",
}
REACH = 4  # points on either side that novelty looks at
LEAST_CHECKPOINTS = 4


class Trajectory:
    """One layer under one measure: its matrix, without checkpoints that have no similarity."""

    def __init__(self, layer: str, depth: int, measure: str, rows: pd.DataFrame, value: str) -> None:
        self.layer, self.depth, self.measure = layer, depth, measure
        matrix = rows.pivot(index="step_a", columns="step_b", values=value)
        defined = matrix.index[np.diagonal(matrix.notna())]
        self.S: Array = matrix.loc[defined, defined].to_numpy(dtype=float)
        self.steps: Array = defined.to_numpy()
        self.epochs: Array = rows.drop_duplicates("step_a").set_index("step_a")["epoch_a"].loc[defined].to_numpy()
        if len(self.steps) >= LEAST_CHECKPOINTS:
            self.position: Array = paths_in_time.positions(self.epochs)
            self.grid: Array = paths_in_time.even_grid(self.position)
            self.even: Array = paths_in_time.even(self.S, self.position)


def trajectories(cka: pd.DataFrame, regions: pd.DataFrame) -> Iterator[Trajectory]:
    """Every layer under every measure, in order of measure and depth."""
    parts = [(name, cka, name) for name in ("cka", "cka_debiased") if name in cka]
    parts += [(f"regions:{name}", part, "similarity") for name, part in regions.groupby("planes", sort=True)]
    for measure, frame, value in parts:
        for depth, layer in sorted(set(zip(frame["depth"].tolist(), frame["layer"].tolist(), strict=True))):
            rows = frame[frame["layer"] == layer]
            yield Trajectory(layer, depth, measure, rows, value)


def novelties(S: Array, reach: int = REACH) -> Array:
    """Foote's novelty of every moment between two points: similarity within ``reach`` on either side minus across."""
    E = len(S)
    found = []
    for point in range(reach, E - reach + 1):
        before, after = slice(point - reach, point), slice(point, point + reach)
        found.append((S[before, before].mean() + S[after, after].mean()) / 2 - S[before, after].mean())
    return np.array(found)


def novelty(S: Array) -> float | None:
    """The largest novelty, None where there are too few points for one."""
    found = novelties(S)
    return float(found.max()) if len(found) else None


def transition(S: Array, grid: Array, moment: float | None) -> float | None:
    """How novel a moment is among all: 1 if more than any, −1 if less; 0 on average for an unrelated moment.

    Args:
        S: (points, points).
        grid: (points,) in decades of epochs.
        moment: an epoch; None, initialisation, or so near an end that it has no novelty, gives None.
    """
    return lead(novelties(S), between(grid)[REACH - 1 : len(grid) - REACH], moment)


def between(grid: Array) -> Array:
    """Moments half way between neighbouring points of a grid, (points - 1,)."""
    middles: Array = (grid[:-1] + grid[1:]) / 2
    return middles


def lead(novelty: Array, at: Array, moment: float | None) -> float | None:
    """:func:`transition` from the novelty of evenly spaced moments ``at``, both (n,), in decades of epochs."""
    if not moment or len(novelty) < 2:
        return None
    away = np.abs(at - np.log10(moment))
    nearest = int(away.argmin())
    if away[nearest] > (at[1] - at[0]) / 2 + 1e-9:
        return None
    ahead = novelty[nearest] - np.delete(novelty, nearest)
    # Differences of rounding are ties.
    return float(np.sign(np.where(np.abs(ahead) < 1e-9, 0.0, ahead)).mean())


def alignment(boundaries: Array, position: Array, moment: float | None) -> float | None:
    """How near a moment is to the nearest boundary: 1 at it, 0 as near as moments are on average, below if farther."""
    if not moment or not len(boundaries) or not position[0] <= np.log10(moment) <= position[-1]:
        return None
    moments = np.linspace(position[0], position[-1], 1001)
    expected = np.abs(moments[:, None] - boundaries).min(1).mean()
    return float(1 - np.abs(np.log10(moment) - boundaries).min() / expected)


def curves(t: Trajectory, boundaries: Array) -> pd.DataFrame:
    """The rows of ``MOMENTS`` of a layer: what transition and alignment are read from, at every moment.

    Args:
        t: the layer under a measure.
        boundaries: between its phases, in decades of epochs.
    """
    at = between(t.grid)
    novelty = np.full(len(at), np.nan)
    found = novelties(t.even)
    novelty[REACH - 1 : REACH - 1 + len(found)] = found
    aligned = [alignment(boundaries, t.position, moment) for moment in 10**at]
    columns = {"layer": t.layer, "depth": t.depth, "measure": t.measure, "epoch": 10**at, "novelty": novelty}
    return pd.DataFrame(columns | {"alignment": np.array(aligned, dtype=float)})


def changes(
    S: Array, epochs: Array, onset: float | None, fitted: float | None, dip: float | None = None
) -> dict[str, float | None]:
    """How much a layer changes early, through memorization, after perfect fit, and from the test dip on."""
    before = epochs < onset if onset is not None else np.zeros(len(epochs), dtype=bool)
    after = epochs >= fitted if fitted is not None else np.zeros(len(epochs), dtype=bool)
    descent = np.flatnonzero(epochs >= dip)[:1] if dip is not None else np.array([], dtype=int)
    among = S[np.ix_(after, after)][np.triu_indices(int(after.sum()), 1)]
    return {
        # Where initialisation has no similarity, the first checkpoint that has one is no substitute.
        "change_early": float(1 - S[0, np.flatnonzero(before)[-1]]) if before.any() and epochs[0] == 0 else None,
        "change_memorization": float(1 - S[np.ix_(before, after)].mean()) if before.any() and after.any() else None,
        "change_fitted": float(1 - among.mean()) if len(among) else None,
        "change_descent": float(1 - S[descent[0], -1]) if len(descent) else None,
    }


def synchrony(S: Array, T: Array) -> float | None:
    """CKA between two layers' double-centred matrices: do they change at the same times? None if one never does."""
    one, other = _double_centred(S), _double_centred(T)
    norms = np.linalg.norm(one) * np.linalg.norm(other)
    return float((one * other).sum() / norms) if norms > 0 else None


def _double_centred(S: Array) -> Array:
    centred: Array = S - S.mean(0) - S.mean(1)[:, None] + S.mean()
    return centred


def progress(t: Trajectory) -> Array | None:
    """Cumulative share of all change up to each point of the even grid, from 0 to 1.

    Change is 1 − similarity of neighbouring checkpoints, and even between them.
    """
    steps = 1 - np.diagonal(t.S, 1)
    total = steps.sum()
    if not total > 0:
        return None
    shares: Array = np.interp(t.grid, t.position, np.concatenate([[0.0], steps.cumsum() / total]))
    return shares


def _progress_gap(one: Trajectory, other: Trajectory) -> float | None:
    shares = progress(one), progress(other)
    return None if shares[0] is None or shares[1] is None else float(np.abs(shares[0] - shares[1]).mean())


def _boundary_distance(boundaries: Array, fitted: float | None) -> float | None:
    if not fitted or not len(boundaries):
        return None
    return float(np.abs(boundaries - np.log10(fitted)).min())


def boundary(t: Trajectory) -> float:
    """Where the best two phases of a trajectory meet, in decades of epochs."""
    (_, first), _ = changepoints.segmentations(t.even, 2)[2]
    return float(t.grid[first - 1] + t.grid[first]) / 2


def _mean(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def together(
    measure: str, layers: list[Trajectory], boundaries: Mapping[str, Array], fitted: float | None
) -> list[Score]:
    """The scores of a run under one measure; boundaries of phases, by layer, are in decades of epochs."""
    inner = [layer for layer in layers if layer.depth > 0 and layer.layer != OUTPUT]
    enough = [layer for layer in inner if len(layer.steps) >= LEAST_CHECKPOINTS]
    pairs = [(a, b) for a, b in itertools.combinations(enough, 2) if np.array_equal(a.steps, b.steps)]
    distances = [_boundary_distance(boundaries[layer.layer], fitted) for layer in inner]
    spread = float(np.std([boundary(layer) for layer in enough])) if len(enough) > 1 else None
    return [
        (None, measure, "synchrony", _mean([synchrony(a.even, b.even) for a, b in pairs])),
        (None, measure, "progress_gap", _mean([_progress_gap(*pair) for pair in pairs])),
        (None, measure, "boundary_spread", spread),
        (None, measure, "boundary_distance", _mean(distances)),
    ]


def depth_trend(layers: list[Trajectory], change: Mapping[str, float | None]) -> float | None:
    """Spearman correlation of depth and change over the layers but the first and the output; None for fewer than 3."""
    inner = [(t.depth, change.get(t.layer)) for t in layers if t.depth > 0 and t.layer != OUTPUT]
    there = [(depth, value) for depth, value in inner if value is not None]
    if len(there) < 3 or len({value for _, value in there}) < 2:
        return None
    return float(stats.spearmanr(*zip(*there, strict=True)).statistic)


def analyse(
    history: Mapping[str, Array], cka: pd.DataFrame, regions: pd.DataFrame, settings: Mapping[str, Any]
) -> tuple[pd.DataFrame, list[Score], pd.DataFrame]:
    """Segments, scores and moments of a run.

    Args:
        history: its columns as arrays.
        cka: its CKA table.
        regions: its table of region similarity.
        settings: the config's ``phases``.
    """
    found = events.events(history, settings)
    onset, fitted = found["memorization_onset"], found["perfect_fit_sustained"]
    scores: list[Score] = [(None, None, name, value) for name, value in found.items()]
    segments: list[tuple[Any, ...]] = []
    moments: list[pd.DataFrame] = []
    for measure, group in itertools.groupby(trajectories(cka, regions), key=lambda t: t.measure):
        layers, boundaries = list(group), {}
        change: dict[str, dict[str, float | None]] = {}
        for t in layers:
            if len(t.steps) < LEAST_CHECKPOINTS:
                LOG.warning("%s has %s at %d checkpoints only: no phases", t.layer, measure, len(t.steps))
                boundaries[t.layer] = np.array([])
                scores.append((t.layer, measure, "phases", None))
                continue
            of_grid, of_D = changepoints.phases(t.even)
            starts = paths_in_time.starts(of_grid, t.grid, t.position)
            boundaries[t.layer] = (t.position[starts[1:]] + t.position[np.array(starts[1:], dtype=int) - 1]) / 2
            ends = [*(start - 1 for start in starts[1:]), len(t.steps) - 1]
            segments += [
                (t.layer, t.depth, measure, i, t.steps[a], t.steps[b], t.epochs[a], t.epochs[b])
                for i, (a, b) in enumerate(zip(starts, ends, strict=True))
            ]
            values = {"phases": float(len(starts)), "novelty": novelty(t.even)}
            moments.append(curves(t, boundaries[t.layer]))
            values["transition_fitted"] = transition(t.even, t.grid, fitted)
            values |= {
                f"alignment_{name}": alignment(boundaries[t.layer], t.position, found[event])
                for name, event in ALIGNED.items()
            }
            values |= {f"distinguishability_{D}": of_D.get(D) for D in (2, 3)}
            change[t.layer] = changes(t.S, t.epochs, onset, fitted, found["test_dip"])
            values |= change[t.layer]
            scores += [(t.layer, measure, name, value) for name, value in values.items()]
        scores += together(measure, layers, boundaries, fitted)
        for name in ("descent", "memorization"):
            of_layers = {layer: values[f"change_{name}"] for layer, values in change.items()}
            scores.append((None, measure, f"depth_trend_{name}", depth_trend(layers, of_layers)))
    at_moments = pd.concat(moments, ignore_index=True) if moments else pd.DataFrame(columns=MOMENTS.names)
    return pd.DataFrame(segments, columns=SEGMENTS.names), scores, at_moments


def main(job: Job) -> None:
    """Write segments, scores and moments of a run."""
    history = tables.read(*job.place(HISTORY)).to_pandas()
    cka = tables.read(*job.place(CKA)).to_pandas()
    regions = tables.read(*job.place(SIMILARITY)).to_pandas()
    arrays = {name: history[name].to_numpy(dtype=float) for name in history}
    segments, scores, moments = analyse(arrays, cka, regions, job.made_with("phases")["phases"])
    for record, frame in ((SEGMENTS, segments), (MOMENTS, moments)):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        tables.write(job.path(record), table, record.schema, job.metadata(record))
    columns = dict(zip(SCORES.names, map(list, zip(*scores, strict=True)), strict=True))
    tables.write(job.path(SCORES), columns, SCORES.schema, job.metadata(SCORES))
    for _, _, name, value in scores[:5]:
        LOG.info("%s: %s", name.replace("_", " "), "did not take place" if value is None else f"epoch {value:g}")
