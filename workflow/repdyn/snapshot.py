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

from . import provenance, study
from .errors import RepdynError
from .files import atomic

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
    taken = study.parse(dict(config), source=_source())
    content = taken.model_dump(mode="json")
    meaning = json.dumps({"study": content, "check": provenance.code_digest("check")}, sort_keys=True)
    path = Path(results, taken.name, "study", f"{hashlib.sha256(meaning.encode()).hexdigest()[:16]}.yaml")
    if not path.is_file():
        with atomic(path) as temporary:
            temporary.write_text(yaml.safe_dump(content, sort_keys=False))
            _check(temporary)
    return taken, str(path)


def recall() -> tuple[study.Study, str]:
    """The study and the path of its copy, as the main process left them in the environment."""
    path = os.environ[VARIABLE]
    return study.load(Path(path)), path


def _source() -> str:
    """What messages call the config."""
    given = [name for name in sys.argv if name.endswith((".yaml", ".yml", ".json"))]
    return given[0] if given else "config.yaml"


def _check(path: Path) -> None:
    """Check a study in a process of its own, which imports what Snakemake should not."""
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    command = [sys.executable, "-m", "repdyn", "check", "--study", str(path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RepdynError(done.stderr.strip().splitlines()[-1])
