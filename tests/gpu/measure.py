"""Everything that needs a GPU, on one GPU, in six minutes: what is right, and how fast it is.

    PYTHONPATH=workflow python tests/gpu/measure.py [--into gpu.json] [--only part_cka] [--device cpu --tiny]

``make gpu`` runs it. It prints one table, and writes a JSON file with the card's name, versions, seconds, and each
check with its bound. The exit status is 1 if a check failed, or could not be made. Where there is no GPU it says so and
ends.

Each part is a process of its own, which is killed when its seconds are over: an error of CUDA, from which a process
does not recover, or a kernel that hangs, leaves the other parts alone. docs/gpu.md says what a machine needs.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

os.environ["OMP_NUM_THREADS"] = "1"  # as the rules have it; BLAS and OpenMP read it when they are loaded
sys.path.append(str(Path(__file__).resolve().parents[1]))
sys.path.append(str(Path(__file__).resolve().parents[1] / "unit"))

import part_stages
from reporting import Outcome, Part, Report, outcome, table

PARTS = {
    part.module: part
    for part in (
        Part("part_stages", "a study on the GPU and on the CPU", 110, part_stages.CHECKS),
        Part("part_cka", "CKA beside its bare products", 35, ("largest error, against float64",)),
        Part(
            "part_regions",
            "decision regions",
            40,
            ("labels that differ, of the two sizes of batches",),
            ("most memory, of what is free",),
        ),
        Part("part_launches", "a network bound by launches", 25),
        Part("part_throughput", "training at the paper's scale", 150),
    )
}
PACKAGES = ("torch", "timm", "numpy", "pyarrow", "pandas", "safetensors", "scikit-learn", "pydantic", "triton")


def run(part: Part, device: str, tiny: bool) -> Outcome:
    """Run a part in a process of its own, and kill it with all that it started when its seconds are over."""
    with tempfile.TemporaryDirectory() as folder:
        report, errors = Path(folder, "report.jsonl"), Path(folder, "errors.txt")
        words = [sys.executable, __file__, "--device", device, *(["--tiny"] if tiny else [])]
        words += ["--child", part.module, str(report), str(part.seconds)]
        begin = time.monotonic()
        with errors.open("wb") as sink:
            process = subprocess.Popen(words, stdout=sink, stderr=sink, start_new_session=True)
            status: int | None
            try:
                status = process.wait(part.seconds)
            except subprocess.TimeoutExpired:
                status = None
            finally:
                if process.poll() is None:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()
        took = time.monotonic() - begin
        found = outcome(part, device, report, took, status, errors.read_text(encoding="utf-8", errors="replace"))
        if found.said:
            print(errors.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
        return found


def child(module: str, report: Path, seconds: float, device: str, tiny: bool) -> None:
    """Do a part."""
    importlib.import_module(module).main(Report(report, seconds), device, tiny)


def machine(device: str) -> dict[str, Any]:
    """What it ran on."""
    import torch

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    facts: dict[str, Any] = {"device": device, "python": platform.python_version(), "versions": versions}
    if device == "cuda":
        about = torch.cuda.get_device_properties(0)
        facts |= {
            "card": about.name,
            "memory_gib": round(about.total_memory / 2**30, 1),
            "capability": f"{about.major}.{about.minor}",
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
        }
    return facts


def measure(parts: Sequence[Part], device: str, tiny: bool, into: Path) -> int:
    """Run parts, print the table, write the file after each part; the exit status."""
    begin, outcomes = time.monotonic(), list[Outcome]()
    about = machine(device)
    for part in parts:
        outcomes.append(run(part, device, tiny))
        print(f"{part.module}: {outcomes[-1].ended}, {outcomes[-1].seconds:.0f} s", file=sys.stderr, flush=True)
        facts = about | {
            "seconds": round(time.monotonic() - begin, 1),
            "passed": all(of.passed for of in outcomes) and len(outcomes) == len(parts),
            "parts": [of.facts() for of in outcomes],
        }
        into.write_text(json.dumps(facts, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    on = about.get("card", "the CPU")
    print(f"{on}, torch {about['versions']['torch']}, {time.monotonic() - begin:.0f} s\n{table(outcomes)}")
    return int(not all(of.passed for of in outcomes))


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cuda", "cpu"), default="cuda", help="cpu: to try the script itself")
    parser.add_argument("--tiny", action="store_true", help="sizes that say nothing, to try the script itself")
    parser.add_argument("--into", type=Path, default=Path("gpu.json"), help="the file (default: gpu.json)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS), metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    given = parser.parse_args(words)
    if given.child is not None:
        module, report, seconds = given.child
        child(module, Path(report), float(seconds), given.device, given.tiny)
        return 0
    import torch

    if given.device == "cuda" and not torch.cuda.is_available():
        print("There is no GPU here that torch can use, so there is nothing to measure.")
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # so that a part's processes end, too
    return measure([PARTS[name] for name in given.only], given.device, given.tiny, given.into)


if __name__ == "__main__":
    sys.exit(main())
