"""Copy the study when Snakemake starts: check it once and let every job read the copy.

Otherwise jobs would run a config that was edited while they waited; on a cluster even their rules would read it. The
copy's name is a digest of its content and of the code that checks it, so an existing copy has been checked.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..catalogue.paths import Paths
from ..config import study
from ..errors import RepdynError
from ..storage.files import atomic, is_same
from ..user_code import digests
from . import jobs, places, provenance, settling

VARIABLE = "REPDYN_STUDIES"  # the paths of the copies, for jobs on other machines, which read the rules again


@dataclass(frozen=True)
class ConfigSource:
    """Where a study's config comes from.

    Attributes:
        files: the files that Snakemake read; later ones override earlier ones.
        options: whether ``--config`` set some of it.
        used_as: the name under which another workflow uses this one as a module, None where none does.
    """

    files: tuple[Path, ...] = ()
    options: bool = False
    used_as: str | None = None

    def __str__(self) -> str:
        """The config's name in messages: everything that may contain the error."""
        here = Path.cwd()
        named = [str(file.relative_to(here) if file.is_relative_to(here) else file) for file in self.files]
        named += ["--config"] if self.options else []
        named += [] if self.used_as is None else [f"the config of module {self.used_as}"]
        return ", ".join(named) or "config.yaml"

    @property
    def folders(self) -> tuple[str, ...]:
        """The folders in which modules named by import path are searched, first to last."""
        return tuple(dict.fromkeys(str(file.resolve().parent) for file in reversed(self.files))) or (str(Path.cwd()),)


def take(
    config: Mapping[str, Any], source: ConfigSource = ConfigSource(), results: str = "results"
) -> tuple[study.Study, str]:
    """Validate a config, check the study unless that was done before, and keep a copy.

    Args:
        config: the study as Snakemake read it.
        source: where Snakemake read it.
        results: where results lie.

    Returns:
        The study and the path of its copy.

    Raises:
        RepdynError: if something about the study is wrong.
    """
    parsed = study.parse(dict(config), source=str(source))

    def fetch() -> None:
        with tempfile.TemporaryDirectory(prefix="repdyn-") as folder:
            path = Path(folder, "study.yaml")
            path.write_text(yaml.safe_dump(parsed.model_dump(mode="json")), encoding="utf-8")
            _apart("fetch", path, source.folders)  # the user's code may import what Snakemake should not

    taken = settling.settled(parsed, source.folders, fetch)
    content = taken.model_dump(mode="json")
    of_runs = {path for run in taken.runs for path in jobs.import_paths(taken, "train", run)}
    own = sorted(of_runs | set(jobs.import_paths(taken, "cka", None)))
    code = [provenance.code_digest("planning.check"), *(digests.digest(path, source.folders) for path in own)]
    meaning = json.dumps({"study": content, "check": code}, sort_keys=True)
    root = Path(results, taken.name)
    places.check(Paths(str(root)))
    path = Path(root, "study", f"{hashlib.sha256(meaning.encode()).hexdigest()[:16]}.yaml")
    text = yaml.safe_dump(content, sort_keys=False)
    # The name proves nothing: rewrite a copy that was edited or truncated.
    if not is_same(path, text.encode()):
        with atomic(path) as temporary:
            temporary.write_text(text, encoding="utf-8")
            _apart("check", temporary, source.folders)
    return taken, str(path)


def hand_down(
    config: Mapping[str, Any], source: ConfigSource = ConfigSource(), *, first: bool, results: str = "results"
) -> tuple[study.Study, str]:
    """Fix the study, the library and the Python that jobs use.

    Through the environment that they inherit, jobs run the library that the rules were read with, and the Python that
    reads the rules unless an environment is activated for them. Their commands name the study's copy, and the folders
    of the original, where modules named by import path lie.

    Args:
        config: the study as Snakemake read it.
        source: where Snakemake read it.
        first: whether this is the process that the user started; those on other machines use its study.
        results: where results lie.

    Returns:
        The study and the path of its copy.

    Raises:
        RepdynError: if something about the study is wrong.
    """
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["PYTHONPATH"] = _python_path()
    # A workflow that uses this one as a module, or several times, has several studies.
    copies: dict[str, str] = json.loads(os.environ.get(VARIABLE, "{}"))
    key = source.used_as or ""
    if not first and key in copies:
        return study.load(Path(copies[key])), copies[key]
    taken, copies[key] = take(config, source, results)
    os.environ[VARIABLE] = json.dumps(copies)
    return taken, copies[key]


def _python_path() -> str:
    """This library before whatever else is on Python's path, such as a cluster's modules."""
    inherited = filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))
    return os.pathsep.join(dict.fromkeys([str(Path(__file__).parents[2]), *inherited]))


def _apart(name: str, path: Path, folders: Sequence[str]) -> None:
    """Run a command on a study in a separate process, since it imports what Snakemake should not; pass on its words."""
    environment = os.environ | {"PYTHONPATH": _python_path(), "PYTHONIOENCODING": "utf-8"}
    command = [sys.executable, "-P", "-m", "repdyn", name, "--study", str(path)]
    command += [word for folder in folders for word in ("--code", folder)]
    done = subprocess.run(
        command, env=environment, capture_output=True, encoding="utf-8", errors="replace", check=False
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [
            f"`python -m repdyn {name}` ended with code {done.returncode} and without a word, as it does where memory "
            "runs out."
        ]
        raise RepdynError(said[-1])
    sys.stderr.write(done.stderr)  # remarks
