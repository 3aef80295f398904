"""How often do claims hold where they are false, and where they are true? On simulated studies, by law.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/calibration.py
        [--layers 600] [--studies 200] [--per-decade 12]

Printed are, for each law, the share of layers with more than one phase and their mean distinguishability, and the share
of studies of six and of eight seeds in which change is found to stop at perfect fit, at p ≤ .05. A law without phases,
or whose change stops elsewhere, gives false positives; the others give power. ``tests/unit/simulated_studies.py`` says
what is simulated; a reduced form is a unit test (``tests/unit/analysis/test_calibration.py``). Ten minutes on one core.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))

import simulated_studies as simulated

SEEDS = (6, 8)


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--layers", type=int, default=600)
    parser.add_argument("--studies", type=int, default=200)
    parser.add_argument("--per-decade", type=int, default=12)
    given = parser.parse_args()
    phases(given.layers, given.per_decade)
    transitions(given.studies)


if __name__ == "__main__":
    main()
