"""How often do claims hold where they are false, and where they are true? On simulated studies, by law.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/calibration.py
        [--layers 600] [--studies 200] [--per-decade 12] [--factors]

Printed are, for each law, the share of layers with more than one phase and their mean distinguishability, and, for
studies of six and of eight seeds at p ≤ .05, how often change is found to stop at perfect fit, layers to change in
synchrony, and phases to be more distinguishable. A law in which the claim is false gives false positives; the others
give power. Last, how often intervals cover. ``tests/unit/simulated_studies.py`` says
what is simulated; a reduced form is a unit test (``tests/unit/analysis/test_calibration.py``). Ten minutes on one core.

With ``--factors``, in their place: runs against their twins without wrong labels, and trends over a numeric factor
(``tests/unit/simulated_factors.py``, ``test_calibration_of_factors.py``), five times as many studies; half an hour.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))

import simulated_factors
import simulated_studies as simulated

SEEDS = (6, 8)
SEED = 1  # of what is simulated over factors, whose definitions were fixed before; unit tests take others
CELLS = (("a", "x"), ("a", "y"), ("b", "x"), ("b", "y"))  # architectures and optimizers


def phases(layers: int, per_decade: int) -> None:
    """Phases of single layers."""
    print(f"phases of {layers} layers, {per_decade} a decade: share with more than one, mean distinguishability")
    for title, laws in (("false positives", simulated.DRIFTS), ("power", simulated.BLOCKS)):
        for name, law in laws.items():
            share, two, three = simulated.phases_found(law, layers, per_decade=per_decade)
            print(f"  {title:15}  {name:28} {share:.3f}   two {two:+.3f}   three {three:+.3f}", flush=True)


def transitions(studies: int) -> None:
    """Whether change is found to stop at perfect fit."""
    print(f"change stops at perfect fit, {studies} studies: found; with permuted levels too; not identifiable")
    levels = {4: simulated.FITS, **simulated.FEW_FITS}
    for seeds in SEEDS:
        for count, fits in levels.items():
            for event in simulated.EVENTS:
                found, also, none = simulated.transitions_found(event, studies, seeds, fits)
                title = "power" if event == "at the fit" else "false positives"
                said = f"{seeds} seeds, {count} fits, {event}"
                print(f"  {title:15}  {said:44} {found:.3f}   {also:.3f}   {none:.3f}", flush=True)


def times(studies: int) -> None:
    """Synchrony of a cell, and between cells."""
    print(f"synchrony beyond other seeds, {studies} cells: found; mean")
    for seeds in (3, *SEEDS):
        for share, law in simulated.TIMES.items():
            found, mean = simulated.synchrony_found(law, studies, seeds)
            title = "power" if share else "false positives"
            print(
                f"  {title:15}  {f'{seeds} seeds, {share:g} of times in common':44} {found:.3f}   {mean:+.3f}",
                flush=True,
            )
    print(f"synchrony differs between cells, {studies} pairs: found")
    little, some, much = simulated.TIMES.values()
    noisy = replace(some, noise=0.2)
    cases = {
        "equal": ((some, 4), (some, 4)),
        "4 layers and 6": ((some, 4), (some, 6)),
        "noise .02 and .2": ((some, 4), (noisy, 4)),
        "independent, 4 layers and 6": ((little, 4), (little, 6)),
    }
    for seeds in SEEDS:
        for name, cells in cases.items():
            found = simulated.synchrony_differs(*cells, studies, seeds)
            print(f"  false positives  {f'{seeds} seeds, {name}':44} {found:.3f}", flush=True)
        found = simulated.synchrony_differs((little, 4), (much, 4), studies, seeds)
        print(f"  power            {f'{seeds} seeds, 0 and .6 of times in common':44} {found:.3f}", flush=True)


def contrasts(studies: int) -> None:
    """Whether phases are found to be more distinguishable, by max-T over the contrasts of a study."""
    print(f"phases are more distinguishable, {studies} studies: any contrast decided; share of true ones decided")
    drifts = simulated.DRIFTS
    even, bell, lognormal = (drifts[f"drift, {pace}"] for pace in ("even", "bell 10 : 1", "lognormal"))
    waves, walk = drifts["drift, two waves"], drifts["walk in 5 directions"]
    blocks = simulated.BLOCKS["2 blocks, 0.2 of variance"]
    cases = {
        "all cells even": dict.fromkeys(CELLS, even),
        "paces differ": dict(zip(CELLS, (even, bell, lognormal, waves), strict=True)),
        "a walk against a drift": dict(zip(CELLS, (walk, even, walk, even), strict=True)),
        "blocks of .2 in one architecture": dict(zip(CELLS, (blocks, blocks, even, even), strict=True)),
    }
    for seeds in SEEDS:
        for name, laws in cases.items():
            found, right = simulated.contrasts_found(laws, studies, seeds)
            print(f"  {f'{seeds} seeds, {name}':61} {found:.3f}   {right:.3f}", flush=True)


def intervals(studies: int) -> None:
    """Coverage of intervals at .95."""
    print(f"intervals at .95, {studies} of each: cover the mean; the median")
    for seeds in SEEDS:
        for law in ("normal", "uniform", "heavy (t of 3)", "exponential", "lognormal"):
            mean, median = simulated.covered(law, seeds, studies)
            print(f"  {f'{seeds} seeds, {law}':61} {mean:.3f}   {median:.3f}", flush=True)


def counterfactuals(studies: int) -> None:
    """Whether memorization is found to change layers, and depth to matter more in a dip, against twins."""
    print(f"memorization changes layers, {studies} studies: found; at every shift of the twin's window")
    for seeds in SEEDS:
        for name, pair in simulated_factors.PAIRS.items():
            found, always = simulated_factors.pairs_found(pair, studies, seeds, SEED)
            print(f"  {f'{seeds} seeds, {name}':61} {found:.3f}   {always:.3f}", flush=True)
    print(f"deeper layers change more in a dip, {studies} studies: found")
    for seeds in SEEDS:
        for name, wave in simulated_factors.WAVES.items():
            found = simulated_factors.waves_found(wave, studies, seeds, SEED)
            title = "power" if wave.extra else "false positives"
            print(f"  {title:15}  {f'{seeds} seeds, {name}':44} {found:.3f}", flush=True)


def trends(studies: int) -> None:
    """Whether a score is found to go with a number."""
    for rising in (False, True):
        sides = "one-sided" if rising else "two-sided"
        print(f"trends over a numeric factor, {sides}, {studies} studies: found; by sign flips alone")
        for seeds in SEEDS:
            for name, law in simulated_factors.NUMERIC.items():
                for levels in simulated_factors.LEVELS:
                    found, flips = simulated_factors.trends_found(law, levels, studies, seeds, SEED, rising=rising)
                    title = "power" if law.rise else "false positives"
                    said = f"{seeds} seeds, {levels} levels, {name}"
                    print(f"  {title:15}  {said:48} {found:.3f}   {flips:.3f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=600)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--per-decade", type=int, default=12)
    parser.add_argument("--factors", action="store_true", help="twins and numeric factors in place of all else")
    given = parser.parse_args()
    if given.factors:
        trends(5 * given.studies)
        counterfactuals(5 * given.studies)
        return
    phases(given.layers, given.per_decade)
    transitions(given.studies)
    times(given.studies)
    contrasts(given.studies // 4)
    intervals(20 * given.studies)


if __name__ == "__main__":
    main()
