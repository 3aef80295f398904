"""Who dates a change in training? Detectors beside each other at equal false positives, on runs whose events are known.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/dating.py [--runs 200]

On simulated change (``tests/unit/simulated_change.py``) it prints, for each law, how often a run has an event by the
constants of ``repdyn.analysis.sharp_margin``, how often one is right, and how often the interval that is given with its
date holds the true one; then for other constants; then the table of all detectors. Two minutes on one core.

``planted.py`` has the same table of runs that were trained. A detector's threshold is its largest score of all runs
without an event of the tuning seeds, which are drawn from no other numbers than ``TUNING``; it is tested on those of
``TESTING``. A hit is a score above the threshold with a date within ``NEAR`` decades of the event.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))

import simulated_change as simulated
from detectors import DETECTORS, MIDDLE, Measured, margin

from repdyn.analysis import sharp_margin
from repdyn.training import checkpoint_schedule

NEAR = 0.1  # decades of epochs
TUNING, TESTING = range(1_000), range(1_000, 2_000)  # seeds
NONE = "none"  # the kind of a run without an event
DENSITIES: dict[str, int | None] = {"every epoch": None, "24 a decade": 24, "12 a decade": 12}
SHIPPED = "sharp margin as it is"  # with the threshold and the greatest gap of the library
OTHER_CONSTANTS = [(reach, penalty) for reach in (2, 3, 4, 5) for penalty in (5.0, 10.0, 15.0)]


@dataclass(frozen=True)
class Case:
    """A run, measured at every epoch, of which it is known what happened.

    Attributes:
        arch: its architecture, or whatever results are divided by.
        kind: the intervention, or ``NONE``.
        seed: of ``TUNING`` or of ``TESTING``.
        at: the epoch of the event; NaN without one.
        measured: measure -> what detectors see of it.
    """

    arch: str
    kind: str
    seed: int
    at: float
    measured: dict[str, Measured]


def scored(cases: Iterable[Case]) -> pd.DataFrame:
    """A row for each case, measure, density and detector: score, date, error of the date in decades, and `tuning`.

    The sharp margin as it is in the library is a detector of its own. Its score is the height of its highest event,
    its date the one nearest to the true one, so that an event that something else makes is no miss; −inf and NaN
    without any. Its threshold is set already.
    """
    rows = []
    for case in cases:
        for density, per_decade in DENSITIES.items():
            for measure, measured in case.measured.items():
                kept = checkpoint_schedule.evaluated_epochs(per_decade, int(measured.epochs[-1]))
                run = measured.at(np.array(sorted(kept), dtype=float))
                key = (case.arch, case.kind, case.seed, measure, density)
                for name, detector in DETECTORS.items():
                    score, date = detector(run)
                    rows.append((*key, name, score, date, abs(np.log10(date / case.at))))
                dated = sharp_margin.events_of(run.epochs, run.neighbours)
                heights, dates = ([getattr(event, name) for event in dated.events] for name in ("height", "epoch"))
                errors = np.abs(np.log10(np.array(dates) / case.at))
                near = int(errors.argmin()) if len(dates) else None
                if near is None:
                    rows.append((*key, SHIPPED, -np.inf, np.nan, np.nan))
                else:
                    rows.append((*key, SHIPPED, max(heights), dates[near], errors[near]))
    names = ["arch", "kind", "seed", "measure", "density", "detector", "score", "date", "error"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(tuning=table["seed"].isin(TUNING))


def thresholds(scores: pd.DataFrame) -> pd.Series:
    """The largest score of a tuning run without an event, by measure, density and detector.

    Raises:
        ValueError: if there is a measure without such runs.
    """
    by = ["measure", "density", "detector"]
    tuned = scores[scores["tuning"] & (scores["kind"] == NONE)].groupby(by)["score"].max()
    missing = scores.set_index(by).index.unique().difference(tuned.index)
    if len(missing):
        raise ValueError(f"no run without an event among the tuning seeds: {missing[0]}")
    return tuned


def table(scores: pd.DataFrame) -> pd.DataFrame:
    """What the testing runs say of each detector.

    Returns:
        A row for each architecture, kind of event, measure, density and detector: `runs` with the event and `hits`
        among them; `without` event and `false` positives among those of the same architecture; `error`, the median in
        decades of all dates, hits or not; and `threshold`.
    """
    limits = thresholds(scores)
    tested = scores[~scores["tuning"]].join(limits.rename("threshold"), on=limits.index.names)
    tested.loc[tested["detector"] == SHIPPED, "threshold"] = sharp_margin.THRESHOLD
    # What has no score fires always, or never.
    tested["fires"] = (tested["score"] > tested["threshold"]) | (tested["detector"] == MIDDLE)
    tested["hit"] = tested["fires"] & (tested["error"] <= NEAR)
    by = ["measure", "density", "detector"]
    calm = tested[tested["kind"] == NONE].groupby(["arch", *by])["fires"].agg(without="size", false="sum")
    events = tested[tested["kind"] != NONE].groupby(["arch", "kind", *by], sort=False)
    found = events.agg(
        runs=("hit", "size"), hits=("hit", "sum"), error=("error", "median"), threshold=("threshold", "first")
    )
    return found.join(calm).reset_index()


def row(title: str, cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return f"| {title} | {' | '.join(cells)} |"


def written(found: pd.DataFrame) -> str:
    """Markdown tables, one for each measure and density: hits and median error by kind (rows) and detector."""
    lines, names = [], (SHIPPED, *DETECTORS)
    for (measure, density), block in found.groupby(["measure", "density"], sort=False):
        cells = block.set_index(["arch", "kind", "detector"]).sort_index()
        lines += ["", f"{measure}, {density}: hits of runs, median error in decades", ""]
        lines += [row("", names), row("---", ["---"] * len(names))]
        for arch, kind in dict.fromkeys(zip(block["arch"], block["kind"], strict=True)):
            of_kind = [cells.loc[(arch, kind, name)] for name in names]
            said = [f"{one['hits']}/{one['runs']} {one['error']:.3f}".replace(" 0.", " .") for one in of_kind]
            lines.append(row(f"{arch}, {kind}", said))
        for arch, of_arch in block.groupby("arch", sort=False):
            firsts = [of_arch[of_arch["detector"] == name].iloc[0] for name in names]
            said = [f"{one['false']:.0f}/{one['without']:.0f}" for one in firsts]
            lines.append(row(f"{arch}, false positives", said))
        limits = [block.loc[block["detector"] == name, "threshold"].iloc[0] for name in names]
        lines.append(row("threshold", [f"{limit:.3g}" for limit in limits]))
    return "\n".join(lines)


# ---- simulated ----------------------------------------------------------------------------------------------------


def case_of(law: simulated.Law, kind: str, seed: int, arch: str = "simulated", inside: bool = False) -> Case:
    """A simulated run as a case."""
    random = np.random.default_rng([seed, *kind.encode()])
    run = simulated.simulate(law, random, inside=inside)
    change = sharp_margin.of_similarity(1 - run.change)
    np.fill_diagonal(change, 0.0)
    way, rate = change[0], np.append(np.diagonal(change, 1)[:1], np.diagonal(change, 1))
    statistics = np.stack([way, np.square(way), np.log10(rate)], axis=1)
    return Case(arch, kind, seed, run.at, {"cka": Measured(run.epochs, change, statistics)})


def as_it_is(law: simulated.Law, kind: str, runs: int) -> tuple[float, float, float, float]:
    """The library's events in simulated runs.

    Returns:
        The share of runs with an event, with one within ``NEAR`` of the true one and with its sign; its median error in
        decades; and the share of such events whose interval holds the true date.
    """
    fired, errors, held, right = 0, [], [], 0
    for seed in range(runs):
        run = case_of(law, kind, seed, inside=True)
        measured = run.measured["cka"]
        events = sharp_margin.events_of(measured.epochs, measured.neighbours).events
        fired += bool(events)
        if events and law.step:
            event = min(events, key=lambda event: abs(np.log10(event.epoch / run.at)))
            error = abs(np.log10(event.epoch / run.at))
            if error <= NEAR and event.sign == np.sign(law.step):
                right += 1
                errors.append(error)
                held.append(event.low <= run.at <= event.high)
    return fired / runs, right / runs, float(np.median(errors or [np.nan])), float(np.mean(held or [np.nan]))


def constants(runs: int) -> None:
    """Other constants of the sharp margin, every epoch: the threshold without false positives, and the hits at it."""
    calm = [case_of(law, name, seed) for name, law in simulated.SMOOTH.items() for seed in range(runs)]
    steps = [case_of(law, name, seed) for name, law in simulated.STEPS.items() for seed in range(runs)]
    for reach, penalty in OTHER_CONSTANTS:
        limit = max(margin(case.measured["cka"], reach, penalty)[0] for case in calm)
        hits = 0
        for case in steps:
            score, date = margin(case.measured["cka"], reach, penalty)
            hits += score > limit and abs(np.log10(date / case.at)) <= NEAR
        print(f"  reach {reach}, penalty {penalty:4g}: threshold {limit:.2f}, hits {hits / len(steps):.3f}", flush=True)


def simulated_cases(runs: int) -> list[Case]:
    """Runs of all laws, half of them to tune on."""
    cases = []
    for name, law in {**simulated.SMOOTH, **simulated.STEPS}.items():
        of_law = [case_of(law, name, seed) for half in (TUNING, TESTING) for seed in half[: max(runs // 2, 1)]]
        cases += [replace(case, kind=NONE) for case in of_law] if name in simulated.SMOOTH else of_law
    return cases


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    given = parser.parse_args(arguments)
    print("with an event; with the right one; its median error in decades; its interval holds the true date")
    for title, laws in (("false positives", simulated.SMOOTH), ("power", simulated.STEPS)):
        for name, law in laws.items():
            fired, right, error, held = as_it_is(law, name, given.runs)
            print(f"  {title:15}  {name:40} {fired:.3f}   {right:.3f}   {error:.3f}   {held:.3f}", flush=True)
    print("other constants, at the largest margin of all runs without an event")
    constants(given.runs // 4)
    print(written(table(scored(simulated_cases(given.runs // 10)))))


if __name__ == "__main__":
    main()
