"""Events, phases and scores of a run, from its history and its checkpoint-by-checkpoint matrices.

``catalogue`` declares measures, events and scores with their formulas. Phases are found in each layer under each
measure that is a kernel (``change_points.py``). Events are epochs (``events.py``). Scores of a run under a measure are
over the layers of its body: not its stem, its head or the network's output. Transition and alignment at every moment
are a table of their own.

Distinguishability, novelty, transition, stops and synchrony use the matrix at even distances of log epoch
(``trajectory.py``), so that the schedule creates no phases. Changes use the checkpoints themselves. Debiased CKA is a
kernel too: it is the cosine of U-centred Grams under their inner product.

Events that do not take place are null, and so are scores that need them and scores of layers without phases.
Time: negligible. No score was chosen after looking at the runs that it is reported for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ..catalogue import scores as names
from ..catalogue.events import INTERVENTION, MEMORIZATION_ONSET, PERFECT_FIT_SUSTAINED, TEST_DIP
from ..catalogue.measures import MEASURES, Measure
from ..records.cka import CKA
from ..records.phases import MOMENTS, SEGMENTS
from ..records.regions import SIMILARITY
from ..runtime.progress import LOG
from ..types import Array
from . import change_points, events
from . import trajectory as paths_in_time
from . import transition as stops
from .latent import latent_generalization

if TYPE_CHECKING:
    from ..config.sections import Phases

Score = tuple[str | None, int | None, str | None, str | None, str, float | None]
OF_SCORE = ["layer", "depth", "part", "measure", "score", "value"]  # its columns in ``SCORES``

REACH = 4  # points on either side that novelty compares
LEAST_CHECKPOINTS = 4
BODY = "body"  # the part of a network over whose layers a run is scored


class Trajectory:
    """One layer under one measure: its matrix, without checkpoints of undefined similarity."""

    def __init__(self, layer: str, depth: int, measure: Measure, rows: pd.DataFrame) -> None:
        """Read the matrix.

        Args:
            layer: its name.
            depth: observed layers from the input.
            measure: a kernel.
            rows: of the measure's table, for this layer and measure.

        Raises:
            ValueError: if the measure is no kernel.
        """
        if not measure.kernel:
            raise ValueError(f"{measure.name} is not a kernel, so it has no phases")
        self.layer, self.depth, self.measure = layer, depth, measure.name
        matrix = rows.pivot(index="step_a", columns="step_b", values=measure.column)
        defined = matrix.index[np.diagonal(matrix.notna())]
        self.S: Array = matrix.loc[defined, defined].to_numpy(dtype=float)
        self.steps: Array = defined.to_numpy()
        self.epochs: Array = rows.drop_duplicates("step_a").set_index("step_a")["epoch_a"].loc[defined].to_numpy()
        if len(self.steps) >= LEAST_CHECKPOINTS:
            self.position: Array = paths_in_time.positions(self.epochs)
            self.grid: Array = paths_in_time.even_grid(self.position)
            self.even: Array = paths_in_time.even(self.S, self.position)
            self.spacing = float(self.grid[1] - self.grid[0])  # decades of epochs


def trajectories(
    cka: pd.DataFrame, regions: pd.DataFrame, measures: Mapping[str, Measure] = MEASURES
) -> Iterator[Trajectory]:
    """Every layer under every kernel, in order of measure and depth.

    Args:
        cka: a run's table of measures of activations.
        regions: its table of region similarity.
        measures: those that the tables may have; those that are no kernels, or have no column, are passed over.
    """
    of_table = {CKA.name: cka, SIMILARITY.name: regions}
    for measure in measures.values():
        frame = measure.rows(of_table[measure.table])
        if not measure.kernel or measure.column not in frame:
            continue
        for depth, layer in sorted(set(zip(frame["depth"].tolist(), frame["layer"].tolist(), strict=True))):
            yield Trajectory(layer, depth, measure, frame[frame["layer"] == layer])


def novelties(S: Array, reach: int = REACH) -> Array:
    """Foote's novelty of every moment between two points: similarity within ``reach`` on either side minus across."""
    E = len(S)
    found = []
    for point in range(reach, E - reach + 1):
        before, after = slice(point - reach, point), slice(point, point + reach)
        found.append((S[before, before].mean() + S[after, after].mean()) / 2 - S[before, after].mean())
    return np.array(found)


def novelty(S: Array) -> float | None:
    """The largest novelty; None if there are too few points."""
    found = novelties(S)
    return float(found.max()) if len(found) else None


def transition(S: Array, grid: Array, moment: float | None) -> float | None:
    """The novelty rank of a moment: 1 if it is the most novel, −1 if the least; 0 on average for an unrelated moment.

    Args:
        S: (points, points).
        grid: (points,) in decades of epochs.
        moment: an epoch; returns None for None, initialisation, and moments too near an end to have novelty.
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
    """Nearness of a moment to the nearest boundary: 1 at it, 0 at the mean distance of all moments, below 0 beyond."""
    if not moment or not len(boundaries) or not position[0] <= np.log10(moment) <= position[-1]:
        return None
    moments = np.linspace(position[0], position[-1], 1001)
    expected = np.abs(moments[:, None] - boundaries).min(1).mean()
    return float(1 - np.abs(np.log10(moment) - boundaries).min() / expected)


def curves(t: Trajectory, boundaries: Array) -> pd.DataFrame:
    """A layer's rows of ``MOMENTS``, without its part: novelty, for transition, and alignment at every moment.

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
    """A layer's change before memorization, through it, after perfect fit, and from the test dip on."""
    before = epochs < onset if onset is not None else np.zeros(len(epochs), dtype=bool)
    after = epochs >= fitted if fitted is not None else np.zeros(len(epochs), dtype=bool)
    descent = np.flatnonzero(epochs >= dip)[:1] if dip is not None else np.array([], dtype=int)
    among = S[np.ix_(after, after)][np.triu_indices(int(after.sum()), 1)]
    return {
        # If initialisation has no similarity, the first checkpoint that has one is no substitute.
        names.CHANGE_EARLY: float(1 - S[0, np.flatnonzero(before)[-1]]) if before.any() and epochs[0] == 0 else None,
        names.CHANGE_MEMORIZATION: float(1 - S[np.ix_(before, after)].mean()) if before.any() and after.any() else None,
        names.CHANGE_FITTED: float(1 - among.mean()) if len(among) else None,
        names.CHANGE_DESCENT: float(1 - S[descent[0], -1]) if len(descent) else None,
    }


def synchrony(S: Array, T: Array) -> float | None:
    """Whether two layers change at the same times: CKA of their double-centred matrices; None if one never changes."""
    one, other = _double_centred(S), _double_centred(T)
    norms = np.linalg.norm(one) * np.linalg.norm(other)
    return float((one * other).sum() / norms) if norms > 0 else None


def _double_centred(S: Array) -> Array:
    centred: Array = S - S.mean(0) - S.mean(1)[:, None] + S.mean()
    return centred


def progress(t: Trajectory) -> Array | None:
    """Cumulative share of all change up to each point of the even grid, from 0 to 1; None without change.

    Change is 1 − similarity of neighbouring checkpoints, spread evenly between them.
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
    """The boundary between the best two phases of a trajectory, in decades of epochs."""
    (_, first), _ = change_points.segmentations(t.even, 2)[2]
    return float(t.grid[first - 1] + t.grid[first]) / 2


def _mean(values: list[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(np.mean(there)) if there else None


def together(
    measure: str, body: list[Trajectory], boundaries: Mapping[str, Array], fitted: float | None
) -> list[Score]:
    """A run's scores under one measure; ``boundaries`` of phases are by layer, in decades of epochs."""
    enough = [layer for layer in body if len(layer.steps) >= LEAST_CHECKPOINTS]
    pairs = [(a, b) for a, b in itertools.combinations(enough, 2) if np.array_equal(a.steps, b.steps)]
    distances = [_boundary_distance(boundaries[layer.layer], fitted) for layer in body]
    stop = _stop(enough)
    spread = float(np.std([boundary(layer) for layer in enough])) if len(enough) > 1 else None
    return [
        (None, None, None, measure, names.SYNCHRONY, _mean([synchrony(a.even, b.even) for a, b in pairs])),
        (None, None, None, measure, names.PROGRESS_GAP, _mean([_progress_gap(*pair) for pair in pairs])),
        (None, None, None, measure, names.BOUNDARY_SPREAD, spread),
        (None, None, None, measure, names.BOUNDARY_DISTANCE, _mean(distances)),
        (None, None, None, measure, names.STOP_EPOCH, stop.epoch),
        (None, None, None, measure, names.STOP_SIZE, stop.size),
    ]


def _stop(body: list[Trajectory]) -> stops.Stop:
    """When change of some layers stops; layers with fewer checkpoints than others are left out."""
    if not body:
        return stops.Stop(None, None)
    most = max(body, key=lambda t: len(t.steps)).steps
    longest = [t for t in body if np.array_equal(t.steps, most)]
    speed = np.mean([stops.log_speed(t.even, t.spacing) for t in longest], axis=0)
    return stops.stop(speed, between(longest[0].grid))


def depth_trend(body: list[Trajectory], change: Mapping[str, float | None]) -> float | None:
    """Spearman correlation of depth and change over some layers; None for fewer than 3, or equal changes."""
    there = [(t.depth, value) for t in body if (value := change.get(t.layer)) is not None]
    if len(there) < 3 or len({value for _, value in there}) < 2:
        return None
    ranks = pd.DataFrame(there).rank()  # importing scipy.stats takes longer than all else that this stage does
    return float(np.corrcoef(ranks.to_numpy(), rowvar=False)[0, 1])


def analyse(
    history: Mapping[str, Array],
    similar: Iterable[Trajectory],
    accuracy: pd.DataFrame,
    parts: Mapping[str, str],
    settings: Phases,
    intervention: float | None = None,
) -> tuple[pd.DataFrame, list[Score], pd.DataFrame]:
    """Segments, scores and moments of a run.

    Args:
        history: its columns as arrays.
        similar: its layers under every kernel, as :func:`trajectories` gives them.
        accuracy: its table of the probes' accuracy.
        parts: layer -> the part of the network that it belongs to; scores of the run are over ``BODY``.
        settings: the section ``phases`` of the config.
        intervention: epoch of the first one in its training; None without any.
    """
    found = events.events(history, settings) | {INTERVENTION: intervention}
    onset, fitted = found[MEMORIZATION_ONSET], found[PERFECT_FIT_SUSTAINED]
    scores: list[Score] = [(None, None, None, None, name, value) for name, value in found.items()]
    for depth, layer in sorted(set(zip(accuracy["depth"].tolist(), accuracy["layer"].tolist(), strict=True))):
        value = latent_generalization(accuracy[accuracy["layer"] == layer], history, onset, fitted)
        scores.append((layer, depth, parts[layer], None, names.LATENT_GENERALIZATION, value))
    segments: list[tuple[Any, ...]] = []
    moments: list[pd.DataFrame] = []
    for measure, group in itertools.groupby(similar, key=lambda t: t.measure):
        layers, boundaries = list(group), {}
        body = [t for t in layers if parts[t.layer] == BODY]
        change: dict[str, dict[str, float | None]] = {}
        for t in layers:
            of_layer = (t.layer, t.depth, parts[t.layer], measure)
            if len(t.steps) < LEAST_CHECKPOINTS:
                LOG.warning("%s has %s at only %d checkpoints: no phases", t.layer, measure, len(t.steps))
                boundaries[t.layer] = np.array([])
                scores.append((*of_layer, names.PHASES, None))
                continue
            found_phases = change_points.phases(t.even, t.spacing)
            starts, widths = paths_in_time.starts(found_phases.starts, found_phases.widths, t.grid, t.position)
            boundaries[t.layer] = (t.position[starts[1:]] + t.position[np.array(starts[1:], dtype=int) - 1]) / 2
            ends = [*(start - 1 for start in starts[1:]), len(t.steps) - 1]
            segments += [
                (*of_layer, i, t.steps[a], t.steps[b], t.epochs[a], t.epochs[b], width)
                for i, (a, b, width) in enumerate(zip(starts, ends, [None, *widths], strict=True))
            ]
            values = {names.PHASES: float(len(starts)), names.NOVELTY: novelty(t.even)}
            moments.append(curves(t, boundaries[t.layer]).assign(part=parts[t.layer]))
            values[names.TRANSITION_FITTED] = transition(t.even, t.grid, fitted)
            values |= {
                name: alignment(boundaries[t.layer], t.position, found[event])
                for event, name in names.ALIGNMENT.items()
            }
            values |= {name: found_phases.distinguishability.get(D) for D, name in names.DISTINGUISHABILITY.items()}
            change[t.layer] = changes(t.S, t.epochs, onset, fitted, found[TEST_DIP])
            values |= change[t.layer]
            scores += [(*of_layer, name, value) for name, value in values.items()]
        scores += together(measure, body, boundaries, fitted)
        for changed, name in names.DEPTH_TREND.items():
            of_layers = {layer: values[changed] for layer, values in change.items()}
            scores.append((None, None, None, measure, name, depth_trend(body, of_layers)))
    at_moments = pd.concat(moments, ignore_index=True) if moments else pd.DataFrame(columns=MOMENTS.names)
    return pd.DataFrame(segments, columns=SEGMENTS.names), scores, at_moments
