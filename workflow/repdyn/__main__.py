"""The command line: ``python -m repdyn STAGE``, one command for each stage of the workflow.

It reads the study's config, finds the files of one run, does the stage's work and says in one line what is wrong,
if something is. Everything heavier than the config is imported by the stage alone.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import re
import resource
import sys
import time
from pathlib import Path
from types import ModuleType

from . import study as studies
from .errors import RepdynError
from .files import is_disk_full
from .jobs import MODULES, Job
from .paths import Paths
from .progress import LOG

RUN_STAGES = {
    "train": "train a run; leaves history and checkpoints",
    "activations": "activations of every observed layer at every checkpoint",
    "cka": "CKA of each layer with itself at every other checkpoint",
    "cka_layers": "CKA between the layers of a run at each checkpoint",
    "probes": "a linear probe on each layer at each checkpoint",
    "regions": "decision regions of probes and network, and how they agree between checkpoints",
    "phases": "phases of training, events and scores of a run",
}
STUDY_STAGES = {
    "examples": "which examples are used, and which are mislabelled; fetches the data set",
    "planes": "planes through triplets of images, shared by all runs",
    "cka_between": "CKA between runs, at the same layer and checkpoint",
    "regions_between": "agreement of decision regions between runs, at the same layer and checkpoint",
    "findings": "claims about the whole grid, tested",
    "report": "tables that people read: what was found, what became of each run",
    "explorer": "one page in which a person moves through the study's training",
}
TOOLS = {
    "check": "check a whole study before anything runs",
    "layers": "print what would be observed of each architecture, with shapes",
    "plan": "print what a study comes to: jobs, checkpoints, disk, memory",
}


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    main = argparse.ArgumentParser(prog="python -m repdyn", description=__doc__.splitlines()[0] if __doc__ else None)
    commands = main.add_subparsers(dest="stage", required=True, metavar="STAGE")
    stages = RUN_STAGES | STUDY_STAGES
    for stage, help_text in (stages | TOOLS | {"figure": "draw a figure"}).items():
        command = commands.add_parser(stage, help=help_text, description=help_text)
        command.add_argument(
            "--study", type=Path, default=Path("config.yaml"), help="the config (default: config.yaml)"
        )
        if stage in TOOLS:
            continue
        command.add_argument("--results", default="results", help="where results lie (default: results)")
        command.add_argument("--log", type=Path, help="append a log here")
        if stage == "figure":
            command.add_argument("figure", help="which figure")
            command.add_argument("output", type=Path, help="the file to draw; its ending decides the format")
        if stage in RUN_STAGES or stage == "figure":
            needed = stage != "figure"
            command.add_argument("--arch", required=needed, help="a name under `archs`")
            command.add_argument("--optimizer", required=needed, help="a name under `optimizers`")
            command.add_argument("--seed", type=int, required=needed, help="one of `seeds`")
    return main


class _LogFile(logging.FileHandler):
    """A log that a full disk only cuts short: its lines stand on the terminal, too."""

    def handleError(self, record: logging.LogRecord) -> None:
        if not isinstance(sys.exc_info()[1], OSError):
            super().handleError(record)


def _set_up_log(path: Path | None, title: str) -> None:
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    terminal = logging.StreamHandler()
    terminal.setFormatter(logging.Formatter(f"{title}: %(message)s"))
    LOG.addHandler(terminal)
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = _LogFile(path)
        except OSError as error:
            raise RepdynError(f"The log `{path}` cannot be written: {error.strerror}.") from None
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
        LOG.addHandler(file)


def module_of(stage: str) -> ModuleType:
    """The module whose ``main`` does the work of a stage or tool, with all that it imports.

    Python's garbage collector rests meanwhile: it would look again and again through what is being imported, find
    nothing, and take an eighth of the time. Afterwards it has no need to look there either.
    """
    name = "figures.draw" if stage == "figure" else MODULES.get(stage, stage)
    gc.disable()
    try:
        return importlib.import_module(f".{name}", __package__)
    finally:
        gc.freeze()
        gc.enable()


def _run(arguments: argparse.Namespace) -> None:
    study = studies.load(arguments.study)
    # The user's own models and optimizers may lie beside the config.
    sys.path.insert(1, str(arguments.study.parent.resolve()))
    if arguments.stage in TOOLS:
        module_of(arguments.stage).main(study)
        return
    paths = Paths(f"{arguments.results}/{study.name}")
    run = None
    if arguments.stage in RUN_STAGES or arguments.stage == "figure":
        named = (arguments.arch, arguments.optimizer, arguments.seed)
        if None in named and any(part is not None for part in named):
            raise RepdynError("A figure of a run needs all of --arch, --optimizer and --seed; one of the study, none.")
    if getattr(arguments, "arch", None) is not None:
        run = study.run(arguments.arch, arguments.optimizer, arguments.seed)
    job = Job(arguments.stage, study, paths, run)
    name = arguments.figure if arguments.stage == "figure" else arguments.stage
    _set_up_log(arguments.log, f"{name:<11} {run}" if run else name)
    start = time.monotonic()
    stage = module_of(arguments.stage)
    if arguments.stage == "figure":
        stage.main(job, arguments.figure, arguments.output)
    else:
        stage.main(job)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 2**10)
    LOG.info("done in %.1f s, peak memory %.0f MiB", time.monotonic() - start, peak)


def main() -> int:
    """Run one stage; 0 if it succeeded, 1 if there is something for the user to mend."""
    arguments = parser().parse_args()
    # BLAS and OpenMP read this when they are loaded: one thread unless Snakemake gave the rule more.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    try:
        _run(arguments)
    except RepdynError as error:
        return _fail(str(error))
    except OSError as error:
        if is_disk_full(error):
            return _fail("The disk is full; free some space and run again. What was finished is untouched.")
        LOG.exception("unexpected:")
        return 2
    except Exception as error:
        if (complaint := _about_gpu(error)) is not None:
            return _fail(complaint)
        LOG.exception("unexpected, a bug in repdyn:")
        return 2
    return 0


def _about_gpu(error: Exception) -> str | None:
    """What to say of an error that torch raises about a GPU; None of another error.

    Known by torch's words, because some are a plain ``RuntimeError``, and torch may not be imported.
    """
    words = str(error)
    if "out of memory" in words or "STATUS_ALLOC_FAILED" in words:
        wanted = re.search(r"Tried to allocate ([\d.]+ \w+)", words)
        return (
            f"The GPU has no memory{f' for {wanted[1]} more' if wanted else ''}; let fewer jobs share it, or lower "
            "`training.batch_size` or `execution.memory_gib`."
        )
    if "does not have a deterministic implementation" in words:
        operation, _, _ = words.partition(" ")
        return (
            f"`{operation}`, of which the model makes use, does not give the same numbers twice on a GPU; take "
            "another model, or set `execution.device` to cpu."
        )
    return None


def _fail(message: str) -> int:
    if LOG.handlers:
        LOG.error(message)
    else:
        print(message, file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
