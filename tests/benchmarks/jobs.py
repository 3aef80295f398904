"""The fixed cost of a job, in multiples of importing torch.

    OMP_NUM_THREADS=1 PYTHONPATH=workflow python tests/benchmarks/jobs.py [--repeats 5]

What a stage's command does before its work begins: Python starts, the config is read and checked, the stage's module is
imported. Beside it, in turns, ``python -c 'import torch'``. Ratios are those of medians, of processor time, which other
work on the machine disturbs less, and of elapsed time; memory is the peak of the process. The aim is 1.5 times the
processor time of importing torch; the exit status is 1 if a stage misses it.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from repdyn.catalogue.stages import STAGES

ROOT = Path(__file__).parents[2]
AIM = 1.5
# What `repdyn.__main__` does before it calls the stage's `main(job)`.
START = """
import sys
from pathlib import Path
from repdyn import __main__
from repdyn.config import study
__main__.parser()
study.load(Path(sys.argv[2]))
__main__.module_of(sys.argv[1])
"""


@dataclass(frozen=True)
class Cost:
    """Of one process: seconds elapsed, seconds of processor time, peak memory in MiB."""

    elapsed: float
    busy: float
    memory: float


def cost(code: str, *arguments: str) -> Cost:
    """Run Python code in a process of its own."""
    environment = os.environ | {"PYTHONPATH": str(ROOT / "workflow")}
    start = time.perf_counter()
    process = os.posix_spawn(sys.executable, [sys.executable, "-c", code, *arguments], environment)
    _, status, used = os.wait4(process, 0)
    if status:
        raise SystemExit(f"`{' '.join(arguments) or code}` failed")
    return Cost(time.perf_counter() - start, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**10)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--study", type=Path, default=ROOT / "config.yaml")
    parser.add_argument("--repeats", type=int, default=5)
    given = parser.parse_args()
    stages = [name for name, stage in STAGES.items() if stage.scope not in ("tool", "studies")]
    codes = {"import torch": ("import torch",)} | {stage: (START, stage, str(given.study)) for stage in stages}
    for code in codes.values():
        cost(*code)  # files into the system's cache, bytecode onto the disk
    costs: dict[str, list[Cost]] = {name: [] for name in codes}
    for _ in range(given.repeats):
        for name, code in codes.items():
            costs[name].append(cost(*code))

    def median(name: str, what: str) -> float:
        return statistics.median(getattr(one, what) for one in costs[name])

    worst = 0.0
    print(f"{'':<16} {'processor':>9} {'elapsed':>9}   × importing torch, {given.repeats} turns; peak memory")
    for name in codes:
        ratios = [median(name, what) / median("import torch", what) for what in ("busy", "elapsed")]
        worst = max(worst, ratios[0])
        print(f"{name:<16} {ratios[0]:>9.2f} {ratios[1]:>9.2f}   {median(name, 'memory'):>5.0f} MiB")
    print(f"aim: {AIM}; {'met' if worst <= AIM else 'missed'}")
    return int(worst > AIM)


if __name__ == "__main__":
    sys.exit(main())
