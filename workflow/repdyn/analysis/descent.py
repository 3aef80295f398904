"""Do deeper layers change more where test accuracy dips and recovers? A run against its twin without wrong labels.

Change grows with depth over any two checkpoints of any run, with a dip or without, and a smooth wave of that trend goes
through every run. So nothing within a run can tell. In the twin, the same run without wrong labels, the trend goes up
and down as well, but there is no dip. With the log rate of change of each layer (``transition.log_speed``),

    trend = slope, over the layers of the body, of the mean log rate between dip and recovery on relative depth,
    δ(λ) = trend of the run − trend of its twin in the window shifted by λ (log fit of the twin − log own fit).

The shift is there because the twin fits earlier, and the wave may go with the epoch, with the fit, or with something in
between. The claim holds if δ is above 0 at λ = 0, ¼, ½, ¾ *and* 1, by one-sided sign flips over seeds; the largest p
decides (``twins.py``). A trend is in decades of the rate from the first observed layer to the last.

What the claim says: where wrong labels make test accuracy dip and recover, the rate of change grows more steeply with
depth than it does without wrong labels. It does not say that the dip is the cause: memorization takes place there, too.

Found in simulated studies of six and of eight seeds (``tests/benchmarks/calibration.py --factors``;
``docs/factors.md`` has the table): at most .02 with a wave of the depth trend and no dip in the rates; .67 to 1.00 if
the last layer is faster than the first by .5 decades more in the dip.

Five seeds or more can decide. Time: negligible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..types import Array
from . import relative_depth, transition, twins
from .phases import LEAST_CHECKPOINTS, Trajectory, between
from .twins import Against

LEAST_LAYERS = 3
FINE = 20  # points of integration for each interval between moments


@dataclass(frozen=True)
class Speeds:
    """How fast the layers of a run change.

    Attributes:
        depths: (layers,) relative, from 0 to 1.
        rates: (layers, n) log10 rates of change, as ``transition.log_speed`` gives them.
        at: (n,) their moments, in decades of epochs, ascending.
    """

    depths: Array
    rates: Array
    at: Array


def speeds(body: Sequence[Trajectory], layers: int) -> Speeds | None:
    """The rates of the layers of a body under one measure; None if no layer has enough checkpoints.

    Args:
        body: its layers; those with fewer checkpoints than others are left out.
        layers: number of all observed layers of the network, by which depths are relative.
    """
    enough = [t for t in body if len(t.steps) >= LEAST_CHECKPOINTS]
    if not enough:
        return None
    most = max(enough, key=lambda t: len(t.steps)).steps
    longest = [t for t in enough if np.array_equal(t.steps, most)]
    return Speeds(
        relative_depth.relative(np.array([t.depth for t in longest]), layers),
        np.stack([transition.log_speed(t.even, t.spacing) for t in longest]),
        between(longest[0].grid),
    )


def trend(of: Speeds, start: float, end: float) -> float | None:
    """The slope on relative depth of the mean log rate from ``start`` to ``end``, in decades of epochs.

    Rates are straight between their moments. None where the window has no length or does not lie within them.
    """
    if not of.at[0] - 1e-9 <= start < end <= of.at[-1] + 1e-9:
        return None
    points = np.linspace(start, end, FINE * max(1, int(np.ceil((end - start) / np.diff(of.at).max()))) + 1)
    means = [np.trapezoid(np.interp(points, of.at, rate), points) / (end - start) for rate in of.rates]
    return float(np.polyfit(of.depths, means, 1)[0])


def steeper(
    run: Speeds | None,
    twin: Speeds | None,
    dip: float | None,
    recovery: float | None,
    fit: float | None,
    fit_of_twin: float | None,
) -> Against:
    """The depth trends of a run and its twin, whose differences are δ, or why there are none.

    Args:
        run: its rates; None if they are not known.
        twin: those of the same run without wrong labels.
        dip: the epoch at which test accuracy of the run is at its dip; None without one.
        recovery: the epoch at which it has recovered; None without a dip.
        fit: the epoch of the run's sustained perfect fit; None without one.
        fit_of_twin: that of the twin; None without one.
    """
    if run is None or twin is None:
        return Against.nothing("too few checkpoints")
    if not dip or not recovery:
        return Against.nothing("no dip of test accuracy")
    if not fit:
        return Against.nothing("no sustained perfect fit")
    if not fit_of_twin:
        return Against.nothing("no sustained perfect fit without wrong labels")
    common = np.intersect1d(run.depths, twin.depths)
    if len(common) < LEAST_LAYERS:
        return Against.nothing(f"run and twin have {len(common)} layers in common, {LEAST_LAYERS} are needed")
    run, twin = (_of_depths(of, common) for of in (run, twin))
    own = trend(run, float(np.log10(dip)), float(np.log10(recovery)))
    if own is None:
        return Against.nothing("dip and recovery do not lie within the checkpoints, or coincide")
    others = [trend(twin, *window) for window in twins.windows(dip, recovery, fit, fit_of_twin)]
    if None in others:
        return Against.nothing("the shifted window does not lie within the checkpoints of the run without wrong labels")
    return Against(own, tuple(others), None)


def _of_depths(of: Speeds, depths: Array) -> Speeds:
    """The layers at some depths, ascending."""
    order = [int(np.flatnonzero(of.depths == depth)[0]) for depth in depths]
    return Speeds(depths, of.rates[order], of.at)
