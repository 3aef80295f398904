"""The study as it was when Snakemake started: checked once, written down, and read by every job.

A config edited while jobs wait would otherwise be what they run, on a cluster even what their rules are read with.
The copy's name is a digest of its content and of the code that checks it, so a copy that is there has been checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from . import datasets, jobs, places, provenance, study, user_code
from .errors import RepdynError
from .files import atomic, is_same
from .paths import Paths

VARIABLE = "REPDYN_STUDY"  # tells jobs on other machines, which read the rules again, where the copy is


def take(config: Mapping[str, Any], results: str = "results") -> tuple[study.Study, str]:
    """Validate a config, check it whole if that has not been done yet, and keep a copy.

    Args:
        config: the study as Snakemake read it.
        results: where results lie.

    Returns:
        The study and the path of its copy.

    Raises:
        RepdynError: if something about the study is wrong.
    """
    taken = datasets.settled(study.parse(dict(config), source=_source()))
    content = taken.model_dump(mode="json")
    own = sorted({path for run in taken.runs for path in jobs.import_paths(taken, "train", run)})
    code = [provenance.code_digest("check"), *map(user_code.digest, own)]
    meaning = json.dumps({"study": content, "check": code}, sort_keys=True)
    root = Path(results, taken.name)
    places.check(Paths(str(root)))
    path = Path(root, "study", f"{hashlib.sha256(meaning.encode()).hexdigest()[:16]}.yaml")
    text = yaml.safe_dump(content, sort_keys=False)
    # Its name is no proof: a copy that was edited, or cut short, is written again.
    if not is_same(path, text.encode()):
        with atomic(path) as temporary:
            temporary.write_text(text)
            _check(temporary)
    return taken, str(path)


def hand_down(config: Mapping[str, Any], folder: Path = Path(), *, first: bool) -> study.Study:
    """Settle which study, which library and which Python the jobs use, through the environment that they inherit.

    They run the library that the rules were read with, in the Python that reads the rules unless an environment is
    activated for them, and they read the study's copy. Models and optimizers named by import path are looked for in
    the folder of the original, too.

    Args:
        config: the study as Snakemake read it.
        folder: of the file it was read from.
        first: whether this is the process that the user started; the others, on other machines, take its study.

    Raises:
        RepdynError: if something about the study is wrong.
    """
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["PYTHONPATH"] = f"{Path(__file__).parents[1]}{os.pathsep}{folder.resolve()}"
    if first or VARIABLE not in os.environ:
        taken, os.environ[VARIABLE] = take(config)
        return taken
    return study.load(Path(os.environ[VARIABLE]))


def _source() -> str:
    """What messages call the config."""
    given = [name for name in sys.argv if name.endswith((".yaml", ".yml", ".json"))]
    return given[0] if given else "config.yaml"


def _check(path: Path) -> None:
    """Check a study in a process of its own, which imports what Snakemake should not."""
    library, inherited = str(Path(__file__).parents[1]), os.environ.get("PYTHONPATH")
    environment = os.environ | {"PYTHONPATH": f"{library}{os.pathsep}{inherited}" if inherited else library}
    command = [sys.executable, "-m", "repdyn", "check", "--study", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip().splitlines() or [
            f"The study could not be checked: `python -m repdyn check` ended with code {done.returncode} and without a "
            "word, as it does where memory runs out."
        ]
        raise RepdynError(said[-1])
