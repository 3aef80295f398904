"""The command line, as a user calls it."""

import os
import subprocess
import sys
from pathlib import Path

import repdyn

RUN = ("--arch", "vit", "--optimizer", "sgd", "--seed", "0")


def run(*arguments, folder, stdout=subprocess.PIPE, **environment):
    path = str(Path(repdyn.__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-m", "repdyn", *map(str, arguments)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": path} | environment,
        stdout=stdout,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
    )
