"""The command line: ``repdyn COMMAND`` or ``python -m repdyn COMMAND``, for each stage of the workflow and each tool.

It reads the study's config, finds the files of one run and does the stage's work. If something is wrong, it says so in
one line. Only the stage imports anything heavier than the config.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path and sys.path:
    # `python -m` puts the working directory first, where a user's `queue.py` would shadow Python's.
    sys.path.append(sys.path.pop(0))

import os
import signal

# The installed command imports this module, which has its own name then.
if (__name__ == "__main__" or sys.argv[0].endswith("/repdyn")) and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    # Until work begins there is nothing to clean up, so Ctrl-C during imports ends without a traceback.
    signal.signal(signal.SIGINT, lambda *_: os._exit(128 + signal.SIGINT))

import argparse
import difflib
import gc
import importlib
import logging
import re
import textwrap
import time
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from . import __version__
from .catalogue import stages
from .catalogue.paths import Paths
from .catalogue.stages import STAGES
from .config import study as studies
from .config.runs import Replicate, Run
from .config.study import Study
from .errors import RepdynError, one_line
from .pipeline.jobs import Job
from .runtime import cards, endings, memory
from .runtime.progress import LOG
from .user_code import locate

CONFIG = Path("config.yaml")
_OF_RUN = ("run", "either", "tool of a run")  # scopes of what is done with a run
# What `main` of some stages and tools takes besides, in order: argument -> how the command line reads it.
_BESIDES: dict[str, dict[str, dict[str, Any]]] = {
    "init": {
        "into": {
            "type": Path, "nargs": "?", "default": Path(), "metavar": "FOLDER|FILE",
            "help": "a folder, or a file that ends in .yaml (default: config.yaml here)",
        },
    },
    "figure": {
        "figure": {"help": "which figure"},
        "output": {"type": Path, "help": "the file to draw; its ending decides the format"},
    },
    "dump": {
        "layer": {"help": "its name in tables, see `layers`"},
        "step": {"type": int, "help": "the checkpoint, as optimizer step"},
        "output": {"type": Path, "help": "the file, which ends in .npz"},
    },
}  # fmt: skip
# What `figure` takes besides: the page, and settings of `figures.print` that replace those of the config.
_PAGE: dict[str, Any] = {
    "type": int, "metavar": "N", "help": "a page of a figure that has several (default: the first; all in a PDF)",
}  # fmt: skip
_PRINTED: dict[str, dict[str, Any]] = {
    "width": {"type": float, "metavar": "INCHES", "help": "the widest that the figure may be"},
    "font_size": {"type": float, "metavar": "POINTS", "help": "of ordinary type, 7 or more"},
    "title": {"action": argparse.BooleanOptionalAction, "help": "whether it has a title"},
    "dpi": {"type": int, "help": "pixels of an inch of a PNG"},
    "layers": {"nargs": "+", "metavar": "LAYER", "help": "the layers to show, by name or pattern"},
    "runs": {"nargs": "+", "metavar": "RUN", "help": "the runs to show, such as arch=vit/optimizer=sgd"},
}
FOR_PEOPLE = ("tool", "tool of a run", "studies", "none")  # the scopes of what people call by hand


class _Parser(argparse.ArgumentParser):
    """A parser that reports each error in one sentence, and whose help can end with the figures that there are."""

    lists_figures = False

    def format_help(self) -> str:
        if self.lists_figures:
            catalogue = importlib.import_module(".figures.catalogue", __package__)
            of_run, of_study = (", ".join(catalogue.of_any_study(scope)) for scope in ("run", "study"))
            paragraphs = (
                f"figures of a run: {of_run}; and matrices by each measure of the study, under its name: cka, knn …",
                f"figures of a study: {of_study}; and by each measure, cka-grid, cka-difference, knn-grid …",
            )
            self.formatter_class = argparse.RawDescriptionHelpFormatter
            self.epilog = "\n\n".join(
                textwrap.fill(text, 78, subsequent_indent="  ", break_on_hyphens=False) for text in paragraphs
            )
        return super().format_help()

    def error(self, message: str) -> NoReturn:
        unknown = re.match(r"argument COMMAND: invalid choice: '(.*?)'", message)
        if unknown is not None:
            close = difflib.get_close_matches(unknown[1], STAGES, n=1)
            hint = f"did you mean `{close[0]}`?" if close else f"there are: {', '.join(_in_order())}."
            message = f"there is no command `{unknown[1][:60]}`; {hint}"
        else:
            message = f"{one_line(message)[:300]}; `{self.prog} --help` says what there is."
        self.exit(2, f"{self.prog}: {message}\n")


def _in_order() -> list[str]:
    """The commands, those for people first."""
    return sorted(STAGES, key=lambda name: STAGES[name].scope not in FOR_PEOPLE)


def parser() -> argparse.ArgumentParser:
    """The command line's grammar."""
    main = _Parser(
        prog="python -m repdyn" if sys.argv[0].endswith("__main__.py") else "repdyn",
        description="How the representations inside neural networks evolve while they train.\n\n"
        "First come the commands for people, then the stages that the workflow runs.\n`COMMAND --help` says more.",
    )
    main.lists_figures = True
    main.add_argument("--version", action="version", version=f"repdyn {__version__}")
    commands = main.add_subparsers(dest="stage", required=True, metavar="COMMAND")
    for name in _in_order():
        stage = STAGES[name]
        command = commands.add_parser(name, help=stage.help, description=stage.help)
        for argument, settings in _BESIDES.get(name, {}).items():
            command.add_argument(argument, **settings)
        if stage.scope == "none":
            continue
        if stage.scope == "studies":
            command.add_argument("results", type=Path, nargs="+", metavar="FOLDER", help="the results of a study")
            command.add_argument("--output", type=Path, help="a folder to write to (default: one beside the results)")
            command.add_argument(
                "--into", type=Path, metavar="PAGE", help="a Markdown page to write the table into, between its marks"
            )
            continue
        command.add_argument("--study", type=Path, default=CONFIG, help=f"the config (default: {CONFIG})")
        if stage.scope != "tool":
            command.add_argument("--results", default="results", help="where results lie (default: results)")
        command.add_argument(
            "--code",
            type=Path,
            action="append",
            metavar="FOLDER",
            help="where to search code that the study names, before the working directory (default: beside the config)",
        )
        if stage.scope == "tool":
            continue
        command.add_argument("--log", type=Path, help="append a log here")
        if name == "figure":
            command.lists_figures = True
            command.add_argument("--page", **_PAGE)
            for setting, options in _PRINTED.items():
                command.add_argument(f"--{setting.replace('_', '-')}", default=None, **options)
        if stage.scope in ("seed", *_OF_RUN):
            command.add_argument("--data", help="a name under `data`, where it has any")
        if stage.scope == "seed":
            command.add_argument("--seed", type=int, required=True, help="one of `seeds`")
        if stage.scope in _OF_RUN:
            needed = stage.scope != "either"
            command.add_argument("--arch", required=needed, help="a name under `archs`")
            command.add_argument("--optimizer", required=needed, help="a name under `optimizers`")
            command.add_argument("--seed", type=int, required=needed, help="one of `seeds`")
    return main


class _LogFile(logging.FileHandler):
    """A log that a full disk truncates without an error: the terminal has its lines, too."""

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
            file = _LogFile(path, encoding="utf-8", errors="backslashreplace")
        except OSError as error:
            raise RepdynError(f"The log `{path}` cannot be written: {error.strerror}.") from None
        file.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(message)s", datefmt="%Y-%m-%d %H:%M:%S"))
        LOG.addHandler(file)


def module_of(stage: str) -> ModuleType:
    """Import the module whose ``main`` does the work of a stage or tool.

    Python's garbage collector is off meanwhile: it would traverse the imported objects repeatedly, find nothing, and
    take an eighth of the time. Freezing spares it from traversing them afterwards, too.
    """
    gc.disable()
    try:
        return importlib.import_module(f".{stages.module_of(stage)}", __package__)
    finally:
        gc.freeze()
        gc.enable()


def _say_if_another_is_here() -> None:
    """Warn if the working directory is a checkout with another copy of the library."""
    here, this = Path("workflow", "repdyn"), Path(__file__).parent
    if here.is_dir() and Path("Snakefile").is_file() and not here.samefile(this):
        print(
            f"This is the library of `{this.parent}`; `PYTHONPATH=workflow python -m repdyn` runs that of this folder.",
            file=sys.stderr,
        )


def _settled(study: Study) -> Study:
    """The study with what its data and recorded runs are, which the copy that Snakemake's jobs read has already."""
    settling = importlib.import_module(".pipeline.settling", __package__)
    known = all(data.contents is not None or data.facts is not None for data in study.data_levels.values())
    settled: Study = settling.with_checkpoints(study) if known else settling.settled(study)
    return settled


def _run(arguments: argparse.Namespace) -> None:
    scope = STAGES[arguments.stage].scope
    besides = [getattr(arguments, name) for name in _BESIDES.get(arguments.stage, {})]
    if arguments.stage == "figure":
        printed = {name: getattr(arguments, name) for name in _PRINTED}
        besides += [arguments.page, {name: value for name, value in printed.items() if value is not None}]
    if scope == "none":
        module_of(arguments.stage).main(*besides)
        return
    if scope == "studies":
        _say_if_another_is_here()
        module_of(arguments.stage).main(arguments.results, arguments.output, arguments.into)
        return
    if arguments.code is None:  # run by hand: rules pass --code
        _say_if_another_is_here()
    study = studies.load(arguments.study)
    locate.take_in(arguments.code or [arguments.study.parent])
    if scope == "tool":
        module_of(arguments.stage).main(study)
        return
    paths = Paths(str(Path(arguments.results, study.name)))
    run: Run | Replicate | None = None
    if scope == "seed":
        run = study.replicate(arguments.seed, arguments.data)
    if scope in _OF_RUN:
        named = {"--arch": arguments.arch, "--optimizer": arguments.optimizer, "--seed": arguments.seed}
        named |= {"--data": arguments.data} if study.named_data else {}
        if None in named.values() and any(part is not None for part in (*named.values(), arguments.data)):
            *others, last = named
            raise RepdynError(f"A figure of a run needs all of {', '.join(others)} and {last}; one of the study, none.")
    if getattr(arguments, "arch", None) is not None:
        run = study.run(arguments.arch, arguments.optimizer, arguments.seed, arguments.data)
    job = Job(arguments.stage, _settled(study), paths, run)
    if arguments.stage in job.study.left_out:
        raise RepdynError(f"There is no stage `{arguments.stage}` of this study. {job.study.left_out[arguments.stage]}")
    name = arguments.figure if arguments.stage == "figure" else arguments.stage
    _set_up_log(arguments.log, f"{name:<11} {run}" if run else name)
    start = time.monotonic()
    device = study.execution.device if STAGES[arguments.stage].uses_gpu else "cpu"
    with cards.of_its_own(device):
        module_of(arguments.stage).main(job, *besides)
    LOG.info("done in %.1f s, peak memory %.0f MiB", time.monotonic() - start, memory.peak() / 2**20)


def main() -> int:
    """Run one stage and return the exit status, see ``runtime/endings.py``: 0 done, 1 something for the user to fix."""
    endings.secure_streams()
    arguments = parser().parse_args()
    # BLAS and OpenMP read this when loaded: one thread, unless Snakemake gave the rule more.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    return endings.status_of(lambda: _run(arguments))


if __name__ == "__main__":
    sys.exit(main())
